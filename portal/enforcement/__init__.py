"""The enforcement app; see `apps.py`."""
