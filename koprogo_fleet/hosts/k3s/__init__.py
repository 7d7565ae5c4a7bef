"""K3s on a node: its configuration, its unit, and what its journal means."""
