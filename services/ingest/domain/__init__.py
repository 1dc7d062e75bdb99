"""What an event is: limits, normal form, identity. Pure."""
