"""Versioned scoring rules of each project, and which version is in force."""
