"""Tells other systems what changed: watchers of score changes."""
