"""
What is known about a node, purely: how to look at a thing, and what to do when it is not as desired.

Nothing here connects to anything. A resource gives a look (POSIX sh, read-only) and decides from what the look
printed; :mod:`~koprogo_fleet.hosts.script` frames the looks, and the changes, into one script each.
"""
