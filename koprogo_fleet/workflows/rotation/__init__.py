"""Rotating what K3s itself keeps secret: tokens, certificates, the keys that encrypt Secrets."""
