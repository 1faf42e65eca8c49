"""Batch norms in one pass, in C and in PyTorch."""
