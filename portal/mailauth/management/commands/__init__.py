"""`check_domain` and `check_message`."""
