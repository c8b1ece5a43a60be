"""The workflow app; see `apps.py`."""
