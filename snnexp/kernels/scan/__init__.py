"""The time loop of integrate-and-fire neurons as one operation, for each kind of machine."""
