"""A campaign's message: read, checked, bound and shown. Pure: no models, no network, no clock."""
