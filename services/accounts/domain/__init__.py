"""What a project and an API key are. Pure: no I/O, no clock, no randomness."""
