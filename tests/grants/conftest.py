"""A name server that knows the host of the cast: what it rests on is then known at approval and renewal."""

from tests.renewals.conftest import names

__all__ = ["names"]
