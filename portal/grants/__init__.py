"""The grants app; see `apps.py`."""
