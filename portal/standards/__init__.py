"""The standards app; see `apps.py`."""
