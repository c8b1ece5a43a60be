"""`check_domain`."""
