"""What is published holds at a real Postfix: one grant, its sender, its address, its days."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from portal.enforcement.services import publish
from portal.grants.models import Grant
from portal.grants.services import issuing, managing
from portal.grants.states import GrantAction
from portal.workflow.models import DraftStep
from portal.workflow.services import answering, requesting
from relay.models import RelayRequest
from tests.cast import SENDER, Cast, approve, approved, fresh
from tests.conftest import lacking, program
from tests.support.postfix import PostfixServer

pytestmark = [pytest.mark.django_db]
COPIER, OTHER = "127.0.0.2", "127.0.0.3"
INSIDE = "dean@ttu.edu"


@pytest.fixture(scope="module")
def postfix() -> Iterator[PostfixServer]:
    found = program("postfix", "apt-get install postfix")
    if os.geteuid() != 0:
        message = "Postfix starts only as root."
        lacking(message)
    with tempfile.TemporaryDirectory(prefix="techmail-postfix-") as folder:
        server = PostfixServer(Path(folder), found)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def campus(settings: Any) -> None:
    """Loopback is the campus here, so that clients on 127.0.0.2 and 127.0.0.3 are campus systems."""
    settings.INSTITUTION = replace(settings.INSTITUTION, campus_networks=("127.0.0.0/8",), closed_networks=())


def put_in_force(server: PostfixServer, folder: Path) -> None:
    publish(folder=folder, accept_change=True, install_path=str(server.published))
    server.install(folder)


def test_a_grant_holds_at_postfix_from_its_first_to_its_last_day(
    cast: Cast, campus: None, postfix: PostfixServer, tmp_path: Path
) -> None:
    grant = approved(cast, address=COPIER)
    put_in_force(postfix, tmp_path)
    assert postfix.send(COPIER, SENDER, INSIDE).code == 250
    assert postfix.send(COPIER, SENDER.upper(), INSIDE).code == 250

    other_sender = postfix.send(COPIER, "president@ttu.edu", INSIDE)
    assert other_sender.code == 554
    assert f"{grant.reference} may send only as {SENDER}" in other_sender.text
    other_address = postfix.send(OTHER, SENDER, INSIDE)
    assert other_address.code == 554
    assert grant.reference in other_address.text
    assert "No relay permission" in postfix.send(OTHER, "alerts@ttu.edu", INSIDE).text
    assert "may not send to this recipient" in postfix.send(COPIER, SENDER, "a@example.com").text
    assert "without a sender" in postfix.send(COPIER, "", INSIDE).text

    with time_machine.travel(f"{grant.ends_on}T23:00:00-06:00", tick=True):
        put_in_force(postfix, tmp_path)
        assert postfix.send(COPIER, SENDER, INSIDE).code == 250
    after = datetime.fromisoformat(f"{grant.ends_on}T12:00:00+00:00") + timedelta(days=1)
    with time_machine.travel(after, tick=True):
        put_in_force(postfix, tmp_path)
        late = postfix.send(COPIER, SENDER, INSIDE)
        assert late.code == 554
        assert f"{grant.reference} ended {grant.ends_on}. To renew it: http" in late.text


def test_a_renewal_filed_in_time_keeps_mail_flowing_until_it_is_decided(
    cast: Cast, campus: None, postfix: PostfixServer, tmp_path: Path
) -> None:
    grant = approved(cast, address=COPIER)
    days = timedelta
    last = datetime.fromisoformat(f"{grant.ends_on}T12:00:00+00:00")
    with time_machine.travel(last - days(days=10), tick=True):
        renewal = issuing.begin_renewal(grant=Grant.objects.get(), actor=cast.requester)
        DraftStep.objects.create(service_request=renewal, step="statement", is_complete=True)
        answering.write_columns(detail=RelayRequest.of(renewal), columns={"is_attested": True})
        requesting.submit(service_request=renewal, actor=cast.requester, revision=renewal.revision)
    with time_machine.travel(last + days(days=20), tick=True):
        put_in_force(postfix, tmp_path)
        assert postfix.send(COPIER, SENDER, INSIDE).code == 250
        approve(cast, fresh(renewal))
        put_in_force(postfix, tmp_path)
        assert postfix.send(COPIER, SENDER, INSIDE).code == 250
        renewed = Grant.objects.get()
        assert renewed.held_open_by is None
        assert renewed.ends_on > grant.ends_on + days(days=360)


def test_a_revoked_grant_is_refused_with_its_reference(
    cast: Cast, campus: None, postfix: PostfixServer, tmp_path: Path
) -> None:
    grant = approved(cast, address=COPIER)
    put_in_force(postfix, tmp_path)
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Sent spam.")
    put_in_force(postfix, tmp_path)
    refused = postfix.send(COPIER, SENDER, INSIDE)
    assert refused.code == 554
    assert f"{grant.reference} was revoked" in refused.text
