"""Secrets: described in secrets.yaml, made in Vault, sealed for the cluster, and proven there."""
