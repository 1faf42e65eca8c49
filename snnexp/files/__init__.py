"""Files that appear whole, and files that somebody else may have made."""
