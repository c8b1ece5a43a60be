"""The relay app; see `apps.py`."""
