"""Dates, text, addresses, networks: plain functions with no models that import nothing of ours."""
