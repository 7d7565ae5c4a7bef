"""Values and rules: nothing here does input or output beyond reading a file."""
