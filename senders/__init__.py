"""The room of sender authorizations; `apps.py` says what it is."""
