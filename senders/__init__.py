"""The senders app; see `apps.py`."""
