"""The code that runs: one folder a service, all of the same shape, and `shared` with the plumbing."""
