"""The phases of the workflows: each a function of the run's context."""
