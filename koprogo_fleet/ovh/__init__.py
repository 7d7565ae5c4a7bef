"""The OVH API: one client over python-ovh, then one noun a file. The only package that imports ``ovh``."""
