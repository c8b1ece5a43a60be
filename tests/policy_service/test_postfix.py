"""A real Postfix asks a real policy service: what is revoked is refused within two seconds of the click."""

import os
import smtplib
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.policy_service import protocol
from portal.policy_service.models import DailyUse
from relay.models import RelayPermission
from tests.cast import SENDER, Cast, approved, client_of
from tests.conftest import lacking, program
from tests.support.clock import Stopwatch
from tests.support.policy import PolicyService
from tests.support.postfix import PostfixServer
from tests.support.smtp import SmtpSink

pytestmark = pytest.mark.django_db(transaction=True)
COPIER, OTHER = "127.0.0.2", "127.0.0.3"
INSIDE, OUTSIDE = "dean@ttu.edu", "somebody@example.com"


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
def service(settings: Any, tmp_path: Path, postfix: PostfixServer) -> Iterator[PolicyService]:
    """A running service that Postfix asks; loopback is the campus."""
    settings.INSTITUTION = replace(settings.INSTITUTION, campus_networks=("127.0.0.0/8",), closed_networks=())
    with PolicyService(tmp_path, "--batch-seconds", "0.3") as running:
        postfix.ask_policy(running.port)
        yield running


def anyone(grant: Grant, **columns: Any) -> Grant:
    """The grant, to anyone; touched so that the service reads it again."""
    RelayPermission.objects.filter(grant=grant).update(recipients="anyone", **columns)
    return grant


def in_force(service: PolicyService, grant: Grant) -> None:
    wanted = f"PREPEND X-TechMail-Grant: {grant.reference}"
    service.until(lambda: service.ask(client_address=COPIER) == wanted, "The grant")


def test_postfix_lets_a_grant_through_and_refuses_it_within_two_seconds_of_the_click(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    assert "No relay permission" in postfix.send(COPIER, SENDER, INSIDE).text
    grant = approved(cast, address=COPIER)
    in_force(service, grant)
    assert postfix.send(COPIER, SENDER, INSIDE).code == 250
    assert postfix.send(COPIER, SENDER.upper(), INSIDE).code == 250
    other = postfix.send(COPIER, "president@ttu.edu", INSIDE)
    assert (other.code, f"{grant.reference} may send only as {SENDER}" in other.text) == (554, True)
    assert postfix.send(COPIER, SENDER, "dean@cs.ttu.edu").code == 250
    assert "may not send to this recipient" in postfix.send(COPIER, SENDER, OUTSIDE).text
    assert "without a sender" in postfix.send(COPIER, "", INSIDE).text
    assert grant.reference in postfix.send(OTHER, SENDER, INSIDE).text

    page = client_of(cast.reviewer)
    url = f"{grant.get_absolute_url()}do/revoke/"
    answer = page.post(url, {"revoke-revision": grant.revision, "revoke-reason": "Sent spam."})
    assert answer.status_code == 302, answer.content[-2000:]
    clicked = Stopwatch()
    service.until(lambda: postfix.send(COPIER, SENDER, INSIDE).code == 554, "The refusal")
    assert clicked.seconds < 2.0
    refused = postfix.send(COPIER, SENDER, INSIDE)
    assert f"{grant.reference} was revoked" in refused.text
    assert "http://localhost:8000/" in refused.text


def test_the_message_carries_one_header_however_many_recipients_it_has(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = approved(cast, address=COPIER)
    in_force(service, grant)
    to = [INSIDE, "clerk@ttu.edu", "registrar@ttu.edu"]
    with SmtpSink() as sink:
        postfix.ask_policy(service.port, deliver_to=sink.port)
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60, source_address=(COPIER, 0)) as smtp:
            assert smtp.sendmail(SENDER, to, "Subject: Test\r\n\r\nHello\r\n") == {}
        service.until(lambda: sink.messages, "The delivery")
    headers = [message.get_all("X-TechMail-Grant") for message in sink.messages]
    assert headers == [[grant.reference]] * len(headers)
    # The probe of `in_force`, and the message once: three asks at RCPT and one at DATA.
    service.until(lambda: DailyUse.objects.filter(accepted=2).exists(), "The count")


def test_without_the_service_postfix_defers(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = approved(cast, address=COPIER)
    in_force(service, grant)
    assert postfix.send(COPIER, SENDER, INSIDE).code == 250
    service.kill()
    gone = postfix.send(COPIER, SENDER, INSIDE)
    assert (gone.code, gone.text) == (
        451,
        "4.3.5 <dean@ttu.edu>: Recipient address rejected: policy service unavailable",
    )
    service.start()
    assert postfix.send(COPIER, SENDER, INSIDE).code == 250


def test_over_its_volume_a_grant_is_put_off_and_not_bounced(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = anyone(approved(cast, address=COPIER), peak_per_hour=2)
    managing.change_state(grant=grant, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="A look.")
    grant.refresh_from_db()
    managing.change_state(grant=grant, action=GrantAction.RESUME, actor=cast.reviewer, reason="Fine.")
    service.until(lambda: postfix.send(COPIER, SENDER, OUTSIDE).code == 250, "The first message")
    assert postfix.send(COPIER, SENDER, OUTSIDE).code == 250
    over = postfix.send(COPIER, SENDER, OUTSIDE)
    assert over.code == 450, over
    assert f"{grant.reference} is over 2 messages an hour" in over.text


def test_what_the_first_simple_lines_of_the_manual_say_holds(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    """PREPEND permits nothing by itself: without another permit, reject_unauth_destination has its way."""
    grant = anyone(approved(cast, address=COPIER))
    in_force(service, grant)
    plain = "smtpd_relay_restrictions = check_policy_service inet:127.0.0.1:{port}, {more}reject_unauth_destination\n"
    for more, code in (("", 554), ("permit_mynetworks, ", 250)):
        postfix.configure(plain.format(port=service.port, more=more) + "mynetworks = 127.0.0.0/8\n")
        postfix.reload()
        assert postfix.send(COPIER, SENDER, OUTSIDE).code == code


def test_postfix_sends_its_attributes_in_the_order_that_is_read_at_once(postfix: PostfixServer) -> None:
    heard: list[bytes] = []

    def listen(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            heard.append(connection.recv(65_536))
            connection.sendall(b"action=REJECT\n\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen, args=(listener,))
        thread.start()
        postfix.ask_policy(listener.getsockname()[1])
        assert postfix.send(COPIER, SENDER, INSIDE).code == 554
        thread.join(10)
    block = heard[0].removesuffix(b"\n\n")
    assert protocol._POSTFIX.fullmatch(block.decode())
    ask = protocol.parse(block)
    assert (ask.state, ask.client, ask.sender, ask.recipient, ask.context) == (
        "RCPT",
        COPIER,
        SENDER,
        INSIDE,
        "relay",
    )
    assert ask.instance
    assert protocol._parse_any(block.decode()) == ask
