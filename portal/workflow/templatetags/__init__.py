"""The templatetags app; see `apps.py`."""
