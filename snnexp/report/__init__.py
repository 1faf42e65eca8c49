"""Results in words, tables and pictures. Nothing here imports torch."""
