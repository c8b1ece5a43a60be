"""The room of workflow; `apps.py` says what it is."""
