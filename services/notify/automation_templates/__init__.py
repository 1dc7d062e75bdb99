"""Automations that are shipped, as data; automation_presets.py reads them."""
