"""How kinds of secrets talk to the servers that take the credentials: over HTTP, and through commands."""
