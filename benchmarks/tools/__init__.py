"""The tools that are compared: each writes what it needs, and says which command does the work."""
