"""The whitelist app; see `apps.py`."""
