"""The room of accounts; `apps.py` says what it is."""
