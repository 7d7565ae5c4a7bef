"""What the first login to a delivered server needs to know: how ``passwd`` talks."""
