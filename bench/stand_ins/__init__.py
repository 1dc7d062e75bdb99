"""What stands in the place of a service where a ceiling is measured: it answers and does nothing. `stack` starts it as
it starts services."""
