"""Sealing with a cluster: the trusted certificate, the controller's keys, and everything sealed again with the newest."""
