"""Nornir tasks for K3s fleets, to be imported by scripts."""
