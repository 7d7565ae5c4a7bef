"""
The object storage of a lab: rclone's S3 server over a directory a bucket, at the name that OVH's S3 has.

Users, keys, policies and buckets are the OVH emulator's; :mod:`.server` runs what serves them, :mod:`.proxy` tells it who
may see which bucket, and :mod:`.names` leads the nodes to it.
"""
