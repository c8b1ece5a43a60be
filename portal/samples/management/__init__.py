"""Management of the samples room."""
