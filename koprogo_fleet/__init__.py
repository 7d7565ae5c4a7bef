"""Provision and run K3s fleets on OVHcloud."""
