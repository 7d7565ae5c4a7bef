"""What exists, as a Nornir inventory: read from the OVH API, written to files that can be reviewed, read by Nornir."""
