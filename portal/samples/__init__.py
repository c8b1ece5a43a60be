"""Real messages as evidence: see `apps.py` for the app, and `kinds.py` for how a kind takes part."""
