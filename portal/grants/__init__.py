"""The room of grants; `apps.py` says what it is."""
