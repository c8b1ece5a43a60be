"""What the portal costs at 10,000 and at 100,000 requests; `run.py` is the way in, `docs/benchmarks.md` the record."""
