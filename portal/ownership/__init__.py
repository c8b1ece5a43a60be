"""Finding a new owner for permissions whose owner left."""
