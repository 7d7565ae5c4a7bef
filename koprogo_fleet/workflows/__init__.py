"""What a person asks for, as literal lists of titled phases."""
