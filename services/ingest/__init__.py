"""Takes events in and answers once they are on disk."""
