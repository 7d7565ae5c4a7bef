"""
The OVH API of the lab, over HTTP.

It checks real signatures and keeps OVH's shapes, states and error bodies; creating an instance boots a machine.
"""
