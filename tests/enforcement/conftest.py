"""People and a mail host beside a live portal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal.enforcement import releasing
from tests.cast import Cast, approved, make_cast
from tests.conftest import program
from tests.enforcement.pulling import COPIER, KEY, MailHost, token_for


@pytest.fixture
def people(transactional_db: None, settings: Any) -> Cast:
    settings.EXPORT_SIGNING_KEY = KEY
    settings.INSTITUTION = replace(settings.INSTITUTION, campus_networks=("127.0.0.0/8",), closed_networks=())
    return make_cast()


@pytest.fixture
def host(people: Cast, live_server: Any, tmp_path: Path) -> MailHost:
    program("postmap", "apt-get install postfix")
    approved(people, address=COPIER)
    releasing.release()
    return MailHost(tmp_path / "host", live_server.url, token_for(people))
