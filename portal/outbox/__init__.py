"""The room of outbox; `apps.py` says what it is."""
