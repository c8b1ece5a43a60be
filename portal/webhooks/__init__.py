"""The room of webhooks; `apps.py` says what it is."""
