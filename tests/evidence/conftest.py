"""The senders room's name server and vendor, whose records a test may change."""

from tests.senders.conftest import names, published

__all__ = ["names", "published"]
