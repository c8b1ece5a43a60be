"""The room of templatetags; `apps.py` says what it is."""
