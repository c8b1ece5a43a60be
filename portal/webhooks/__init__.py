"""The webhooks app; see `apps.py`."""
