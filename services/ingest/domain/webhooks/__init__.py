"""Webhooks as values: sources, how their deliveries prove themselves, what is in a delivery. Pure."""
