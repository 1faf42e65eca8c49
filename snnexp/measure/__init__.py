"""What a network does and costs: accuracy, spikes, operations."""
