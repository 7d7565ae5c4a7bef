"""Taking one node out, putting another in its place, or taking it in as it is now."""
