"""The time loop of integrate-and-fire neurons as one operation, with its backward pass."""
