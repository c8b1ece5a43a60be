"""The name server and vendor of the senders' tests, whose records a test may change."""

from tests.senders.conftest import names, published

__all__ = ["names", "published"]
