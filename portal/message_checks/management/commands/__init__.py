"""`check_message`."""
