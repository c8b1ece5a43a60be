"""Renewals: the owner confirms, the portal shows what changed, reviewers decide many at once."""
