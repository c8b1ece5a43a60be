"""The room of relay; `apps.py` says what it is."""
