"""Real messages as evidence: `apps.py` says what the room is, `kinds.py` how a kind takes part."""
