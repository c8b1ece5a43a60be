"""The room of standards; `apps.py` says what it is."""
