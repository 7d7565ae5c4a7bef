"""Snapshots of etcd, and a cluster made anew from one of them or from the one server that is left."""
