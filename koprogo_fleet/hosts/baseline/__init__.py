"""The desired state of a node below Kubernetes: names, vRack, packages, time, firewall, sshd, kernel, storage."""
