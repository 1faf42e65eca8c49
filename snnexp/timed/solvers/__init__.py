"""Solvers of one timed layer, which all give the same times; `solver.py` says what one is."""
