"""One rotation: a transaction over Vault, the backend, the cluster and the consumers, that any run can finish."""
