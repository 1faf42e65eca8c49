"""Solvers of one timed layer, which all give the same times."""
