"""The accounts app; see `apps.py`."""
