"""
What runs on a lab node under the name ``k3s``: a supervisor over real parts, as K3s is one.

Real are etcd, the Kubernetes components, containerd and the CNI plugins; only what K3s itself adds (configuration, tokens,
joining, certificates, starting and watching the parts) is written here. The modules import the standard library, ``yaml``
and ``cryptography`` from Debian, and those modules of :mod:`koprogo_fleet.core` that need nothing else.
"""
