"""Measures koprogo_fleet against its peers and against bare SSH, on hosts of its own, in one run."""
