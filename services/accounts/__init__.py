"""Projects, and the API keys that say which project a call belongs to."""
