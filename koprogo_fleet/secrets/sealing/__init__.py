"""Sealing beyond one value: whole manifests, the controller's keys, their backup, and the certificate that is trusted."""
