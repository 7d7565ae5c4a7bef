"""Service level objectives: what was promised, asked of Prometheus."""
