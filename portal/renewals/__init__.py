"""Renewals made short: the owner confirms, the portal says what changed, reviewers decide many at once."""
