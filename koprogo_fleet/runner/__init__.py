"""The Nornir runner ``fleet``: deadlines, batches, failure budgets, and a quorum that is never broken."""
