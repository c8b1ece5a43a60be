"""A vendor whose domain a test may break and mend, and its grant. The checks' threads need committed rows."""

import pytest

from portal.grants.models import Grant
from tests.cast import Cast, approve, make_cast
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import submitted
from tests.whitelist.conftest import names

__all__ = ["names"]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """The named people, in rows that the checks' threads can read."""
    return make_cast()


@pytest.fixture
def grant(cast: Cast, names: DnsServer) -> Grant:
    """A whitelist grant in force, approved while its vendor published DMARC."""
    return approve(cast, submitted(cast))
