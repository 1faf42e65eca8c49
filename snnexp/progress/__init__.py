"""What goes on, told by whoever does it to whoever shows it. Nothing here imports torch."""
