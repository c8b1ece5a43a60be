"""The checks of a message to many people: read, checked, bound and shown. No models, no settings, no network, no clock."""
