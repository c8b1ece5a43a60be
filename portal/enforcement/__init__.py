"""The room of enforcement; `apps.py` says what it is."""
