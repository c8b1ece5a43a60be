"""A name server that knows the host of the cast: a renewal of it is green, as nothing changed and nothing is unknown."""

from tests.renewals.conftest import names

__all__ = ["names"]
