"""
The embedded lab: OVH, Vault and nodes on this machine, on real parts.

Nothing outside this package knows whether it talks to the lab or to the cloud: the seam is the wire (HTTP and SSH).
"""
