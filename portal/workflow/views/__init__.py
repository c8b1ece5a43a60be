"""The engine's screens. They read selectors, fill forms and call services; they decide nothing."""
