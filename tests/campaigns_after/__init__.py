"""Campaigns after their approval."""
