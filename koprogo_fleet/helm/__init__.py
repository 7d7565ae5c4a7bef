"""The hand-off to Helm: what should be deployed, what is, and the least that makes them equal."""
