"""What operations cost: energy models, each with its source."""
