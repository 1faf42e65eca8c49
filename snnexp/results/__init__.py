"""What a result holds: every field of it, once."""
