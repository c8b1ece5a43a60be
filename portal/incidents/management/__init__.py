"""Management of incidents."""
