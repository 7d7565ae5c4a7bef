"""The fleet's secrets: their state, push, rotation and rollback, as workflows."""
