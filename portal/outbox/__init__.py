"""The outbox app; see `apps.py`."""
