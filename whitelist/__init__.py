"""The room of whitelist requests; `apps.py` says what it is."""
