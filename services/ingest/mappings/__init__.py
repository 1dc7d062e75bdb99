"""Ready mappings of webhook sources, as data; webhook_presets.py reads them."""
