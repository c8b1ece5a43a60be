"""The dashboard of campaigns."""
