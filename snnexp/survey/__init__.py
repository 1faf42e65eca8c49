"""The survey's tables: what was published, and what runs of this bench have measured beside it."""
