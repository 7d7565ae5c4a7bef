"""Runs that nobody has to think of: as systemd timers here, or as manifests for other schedulers."""
