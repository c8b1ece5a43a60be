"""Commands of the message checks."""
