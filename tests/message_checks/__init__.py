"""The checks of campaign messages."""
