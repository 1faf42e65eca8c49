"""Run folders: status, checkpoints, weights and results."""
