"""A real Postfix speaks to the real milter: what a message shows as its author is what its permission names."""

import os
import re
import smtplib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from portal.enforcement.services import publish
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.policy_service import gates
from portal.policy_service.models import AuthorUse, DailyUse, MilterHost, SenderUse
from portal.policy_service.selectors import usage_of
from relay.models import PermittedSender, RelayPermission
from tests.cast import SENDER, Cast, approved, client_of
from tests.conftest import lacking, program
from tests.policy_service.test_milter import ListGate, answering, broken
from tests.support.clock import Stopwatch
from tests.support.milter import Milter
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
    """A running service that Postfix asks by both protocols; loopback is the campus."""
    settings.INSTITUTION = replace(settings.INSTITUTION, campus_networks=("127.0.0.0/8",), closed_networks=())
    with PolicyService(tmp_path, "--batch-seconds", "0.3") as running:
        postfix.ask_policy(running.port, milter=running.milter_port)
        yield running


def granted(cast: Cast, service: PolicyService, address: str = COPIER, **columns: Any) -> Grant:
    """A permission for the address, without a volume, that the service knows of."""
    grant = approved(cast, address=address)
    RelayPermission.objects.filter(grant=grant).update(**({"peak_per_hour": None} | columns))
    for action in (GrantAction.SUSPEND, GrantAction.RESUME):  # So that the service reads it again.
        grant.refresh_from_db()
        managing.change_state(grant=grant, action=action, actor=cast.reviewer, reason="A look.")
    wanted = f"PREPEND X-TechMail-Grant: {grant.reference}"
    service.until(lambda: service.ask(client_address=address, instance="") == wanted, "The permission")
    return grant


def mail(header: str | bytes) -> bytes:
    """A message with these header lines."""
    return (header.encode() if isinstance(header, str) else header) + b"Subject: Test\r\n\r\nHello\r\n"


def test_a_permitted_system_cannot_show_itself_as_somebody_else(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = granted(cast, service)
    shown = f"From: Copier <{SENDER}>\r\n"
    assert postfix.send(COPIER, SENDER, INSIDE, mail(shown)).code == 250
    refused = postfix.send(
        COPIER, SENDER, INSIDE, mail("From: President <president@ttu.edu>\r\nSender: payroll@ttu.edu\r\n")
    )
    assert refused.code == 550
    assert refused.text == (
        f"5.7.1 {grant.reference} may show only {SENDER} in From. Found: president@ttu.edu. "
        f"http://localhost:8000/permissions/{grant.reference}/"
    )
    for more, field, found in (
        ("Sender: payroll@ttu.edu\r\n", "Sender", "payroll@ttu.edu"),
        ("Resent-From: payroll@ttu.edu\r\n", "Resent-From", "payroll@ttu.edu"),
        (
            f"Resent-Sender: {SENDER}\r\nresent-sender : payroll@ttu.edu\r\n",
            "Resent-Sender",
            "payroll@ttu.edu",
        ),
    ):
        refused = postfix.send(COPIER, SENDER, INSIDE, mail(shown + more))
        assert refused.code == 550, refused
        assert f"may show only {SENDER} in {field}. Found: {found}." in refused.text


TRICKS = {
    "two": f"From: {SENDER}\r\nFrom: president@ttu.edu\r\n",
    "two the same": f"From: {SENDER}\r\nFrom: {SENDER}\r\n",
    "none": "X-From: none\r\n",
    "empty": "From:\r\n",
    "blank before the colon": f"From : president@ttu.edu\r\nTo: {SENDER}\r\n",
    "case": "fROM: president@ttu.edu\r\n",
    "folded": "From:\r\n president\r\n\t@ttu.edu\r\n",
    "folded in the middle": f'From: "{SENDER}"\r\n <president@ttu.edu>\r\n',
    "name": f'From: "president@ttu.edu" <{SENDER}>\r\n',
    "name without quotes": f"From: president@ttu.edu <{SENDER}>\r\n",
    "comment": f"From: {SENDER} (president@ttu.edu)\r\n",
    "nested comment": f"From: (a (b) <president@ttu.edu>) {SENDER}\r\n",
    "encoded": f"From: =?utf-8?q?president=40ttu.edu?= <{SENDER}>\r\n",
    "encoded in pieces": f"From: =?utf-8?q?president?= =?utf-8?b?QHR0dS5lZHU=?= <{SENDER}>\r\n",
    "encoded address": "From: =?utf-8?q?noreply-lab=40ttu.edu?=\r\n",
    "UTF-7": f"From: =?utf-7?q?president+AEA-ttu.edu?= <{SENDER}>\r\n",
    "group": f"From: Office: {SENDER}, president@ttu.edu;\r\n",
    "empty group": "From: Office:;\r\n",
    "list": f"From: {SENDER}, president@ttu.edu\r\n",
    "route": f"From: <@president.ttu.edu:{SENDER}>\r\n",
    "quoted": 'From: "noreply-lab"@ttu.edu\r\n',
    "full width": f"From: president\uff20ttu.edu <{SENDER}>\r\n",
    "turned": f"From: \u202eude.utt@tnediserp <{SENDER}>\r\n",
    "no bracket": f"From: president@ttu.edu <{SENDER}\r\n",
    "long": f"From: {'x' * 5000} <{SENDER}>\r\n",
    "no domain": "From: president\r\n",
    "two senders": f"From: {SENDER}\r\nSender: {SENDER}\r\nSender: {SENDER}\r\n",
    "unlike": "From: noreply-lab@ttu.edu.example.com\r\n",
}


def test_no_trick_of_the_header_shows_another_author(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = granted(cast, service)
    passed = {}
    for name, header in TRICKS.items():
        reply = postfix.send(COPIER, SENDER, INSIDE, mail(header))
        if reply.code != 550 or f"5.7.1 {grant.reference} may show only {SENDER}" not in reply.text:
            passed[name] = reply
        assert reply.text.isascii()
        assert len(reply.text) < 500
    assert passed == {}
    eight_bit = f"From: Universit\u00e9 <{SENDER}>\r\n".encode("latin-1")
    assert "no UTF-8" in postfix.send(COPIER, SENDER, INSIDE, mail(eight_bit)).text


def test_what_postfix_makes_of_nul_and_bare_cr_is_what_is_judged(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    granted(cast, service)
    shown = f"From: {SENDER}".encode()
    odd = [
        shown + b"\0, president@ttu.edu\r\n",
        b"From: president@ttu.edu\0" + shown + b"\r\n",
        shown + b"\rFrom: president@ttu.edu\r\n",
        shown + b"\r\nX-Note: one\rFrom: president@ttu.edu\r\n",
        shown + b"\r\n\xa0From: president@ttu.edu\r\n",
        shown + b"\r\nFrom president@ttu.edu\r\n",
        b" From: president@ttu.edu\r\n" + shown + b"\r\n",
        b"From president@ttu.edu\r\n" + shown + b"\r\n",
    ]
    with SmtpSink() as sink:
        postfix.ask_policy(service.port, milter=service.milter_port, deliver_to=sink.port)
        codes = [postfix.send(COPIER, SENDER, INSIDE, mail(header)).code for header in odd]
        assert set(codes) <= {250, 550}
        assert codes[1] == codes[2] == 550
        service.until(lambda: len(sink.messages) == codes.count(250), "The delivery")
    for message in sink.messages:  # Whatever was let through shows nobody else, not even to a lenient reader.
        header, _, _ = message.as_bytes().replace(b"\r", b"\n").partition(b"\n\n")
        authors = [line for line in header.split(b"\n") if line.lower().lstrip().startswith(b"from:")]
        assert authors in ([shown], []), header
        assert message.get_all("X-TechMail-Grant", []) != []


def test_the_stamp_of_others_is_stripped_and_there_is_one_of_ours(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = granted(cast, service)
    forged = (
        f"X-TechMail-Grant: TM-R-9999\r\nFrom: {SENDER}\r\nx-techmail-GRANT : TM-R-9998\r\n"
        f"X-TechMail-Grant: {grant.reference}\r\nX-TECHMAIL-GRANT:\r\n folded\r\n"
    )
    outside = forged.replace(SENDER, "somebody@example.com")
    with SmtpSink() as sink:
        # Another network than the campus: not a client of the relay, mail for the university.
        more = "smtpd_authorized_xclient_hosts = 127.0.0.0/8\n"
        for port in (service.port, None):  # With the policy protocol, and with maps alone (they permit here).
            rest = (
                more
                if port
                else f"{more}mynetworks = 127.0.0.0/8\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
            )
            postfix.ask_policy(port, milter=service.milter_port, deliver_to=sink.port, more=rest)
            sink.messages.clear()
            assert postfix.send(COPIER, SENDER, INSIDE, mail(forged)).code == 250
            service.until(lambda: len(sink.messages) == 1, "The delivery")
            assert sink.messages[0].get_all("X-TechMail-Grant") == [grant.reference]
            assert sink.messages[0]["Subject"] == "Test"
        sink.messages.clear()
        postfix.ask_policy(
            None,
            milter=service.milter_port,
            deliver_to=sink.port,
            more=f"{more}relay_domains = ttu.edu\nrelay_transport = smtp:[127.0.0.1]:{sink.port}\n",
        )
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as smtp:
            smtp.ehlo("client.test")
            assert smtp.docmd("XCLIENT", "ADDR=203.0.113.9 NAME=mx.example.com")[0] == 220
            smtp.ehlo("mx.example.com")
            assert smtp.sendmail("somebody@example.com", INSIDE, mail(outside)) == {}
        service.until(lambda: len(sink.messages) == 1, "The delivery")
        assert sink.messages[0].get_all("X-TechMail-Grant") is None
        assert sink.messages[0]["From"] == "somebody@example.com"


def test_two_permissions_have_each_its_own_author(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    first = granted(cast, service)
    second = granted(cast, service, OTHER)
    PermittedSender.objects.filter(permission__grant=second).update(address="noreply-two@ttu.edu")
    managing.change_state(grant=second, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="A look.")
    second.refresh_from_db()
    managing.change_state(grant=second, action=GrantAction.RESUME, actor=cast.reviewer, reason="Fine.")
    two = mail("From: noreply-two@ttu.edu\r\n")
    service.until(
        lambda: postfix.send(OTHER, "noreply-two@ttu.edu", INSIDE, two).code == 250, "The change", 10
    )
    mine = postfix.send(COPIER, SENDER, INSIDE, two)
    assert (mine.code, f"{first.reference} may show only {SENDER}" in mine.text) == (550, True)
    theirs = postfix.send(OTHER, "noreply-two@ttu.edu", INSIDE, mail(f"From: {SENDER}\r\n"))
    assert (theirs.code, f"{second.reference} may show only noreply-two" in theirs.text) == (550, True)
    # One session, two messages: what was found of the first says nothing of the second.
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60, source_address=(COPIER, 0)) as smtp:
        with pytest.raises(smtplib.SMTPDataError, match="may show only"):
            smtp.sendmail(SENDER, INSIDE, two)
        assert smtp.sendmail(SENDER, INSIDE, mail(f"From: {SENDER}\r\n")) == {}
        with pytest.raises(smtplib.SMTPDataError, match="may show only"):
            smtp.sendmail(SENDER, INSIDE, two)


def test_without_the_milter_postfix_puts_mail_off(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = granted(cast, service)
    rest = "smtpd_relay_restrictions = permit_mynetworks, reject\nmynetworks = 127.0.0.0/8\n"
    postfix.ask_policy(None, milter=service.milter_port, more=rest)
    assert postfix.send(COPIER, SENDER, INSIDE).code == 250
    service.kill()
    gone = postfix.send(COPIER, SENDER, INSIDE)
    assert (gone.code, gone.text.startswith("4.")) == (451, True)
    service.start()
    service.until(lambda: postfix.send(COPIER, SENDER, INSIDE).code == 250, "The milter")
    assert grant.reference in postfix.send(COPIER, SENDER, INSIDE, mail("From: a@ttu.edu\r\n")).text


def test_a_permission_that_ended_and_an_address_without_one_are_refused_even_past_the_policy_protocol(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = granted(cast, service)
    rest = "smtpd_relay_restrictions = permit_mynetworks, reject\nmynetworks = 127.0.0.0/8\n"
    postfix.ask_policy(None, milter=service.milter_port, more=rest)
    assert "may send only as" in postfix.send(COPIER, "president@ttu.edu", INSIDE).text
    assert "without a sender" in postfix.send(COPIER, "", INSIDE).text
    nobody = postfix.send(OTHER, "somebody@ttu.edu", INSIDE)
    assert (nobody.code, "No relay permission for this system" in nobody.text) == (550, True)
    page = client_of(cast.reviewer)
    url = f"{grant.get_absolute_url()}do/revoke/"
    answer = page.post(url, {"revoke-revision": grant.revision, "revoke-reason": "Sent spam."})
    assert answer.status_code == 302, answer.content[-2000:]
    clicked = Stopwatch()
    service.until(lambda: postfix.send(COPIER, SENDER, INSIDE).code == 550, "The refusal")
    assert clicked.seconds < 2.0
    assert f"{grant.reference} was revoked" in postfix.send(COPIER, SENDER, INSIDE).text


def test_a_message_is_counted_once_whichever_protocol_refuses_it(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = granted(cast, service, peak_per_hour=100)
    service.until(lambda: _counts()[0] == 1, "The count of what `granted` asked")
    refused, senders = _counts()[1], _refused_by_sender()
    good, bad = mail(f"From: {SENDER}\r\n"), mail("From: president@ttu.edu\r\n")
    for message in (good, bad, good, bad, bad):
        postfix.send(COPIER, SENDER, [INSIDE, "clerk@ttu.edu"], message)
    service.until(lambda: _counts() == (3, refused + 3), "The counts")
    assert _refused_by_sender() == senders  # The envelope was as permitted.
    assert {row.author: (row.accepted, row.refused) for row in AuthorUse.objects.all()} == {
        SENDER: (2, 0),
        "president@ttu.edu": (0, 3),
    }
    assert MilterHost.objects.get().host == "relay.test"
    usage = usage_of(grant)
    assert usage is not None
    assert [row.author for row in usage.foreign_authors] == ["president@ttu.edu"]
    # A batch between the two protocols: the acceptance is written, and taken back.
    rest = "smtpd_relay_restrictions = permit_mynetworks, reject\nmynetworks = 127.0.0.0/8\n"
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60, source_address=(COPIER, 0)) as smtp:
        smtp.ehlo("client.test")
        smtp.mail(SENDER)
        assert smtp.rcpt(INSIDE)[0] == 250
        service.until(lambda: _counts() == (4, refused + 3), "The acceptance")
        assert smtp.data(bad)[0] == 550
    service.until(lambda: _counts() == (3, refused + 4), "The counts")
    # Where maps alone let a system in, the milter counts for both, and keeps the volume.
    postfix.ask_policy(None, milter=service.milter_port, more=rest)
    for message in (good, bad):
        postfix.send(COPIER, SENDER, INSIDE, message)
    service.until(lambda: _counts() == (4, refused + 5), "The counts")


def test_the_milter_keeps_the_volume_where_no_policy_request_is_made(
    cast: Cast, postfix: PostfixServer, service: PolicyService
) -> None:
    grant = granted(cast, service, peak_per_hour=3)  # One of them was spent by `granted`.
    rest = "smtpd_relay_restrictions = permit_mynetworks, reject\nmynetworks = 127.0.0.0/8\n"
    postfix.ask_policy(None, milter=service.milter_port, more=rest)
    assert [postfix.send(COPIER, SENDER, INSIDE).code for _ in range(2)] == [250, 250]
    over = postfix.send(COPIER, SENDER, INSIDE)
    assert (over.code, over.text.startswith("4.7.1")) == (451, True)
    assert f"{grant.reference} is over 3 messages an hour" in over.text


def test_the_exported_fragment_puts_the_milter_into_force(
    cast: Cast, postfix: PostfixServer, service: PolicyService, settings: Any, tmp_path: Path
) -> None:
    grant = granted(cast, service)
    for place in (f"inet:127.0.0.1:{service.milter_port}", ""):
        settings.RELAY_MILTER = place
        publish(folder=tmp_path / "published", accept_change=True, install_path=str(postfix.published))
        postfix.install(tmp_path / "published")
        assert postfix.send(COPIER, SENDER, INSIDE).code == 250
        foreign = postfix.send(COPIER, SENDER, INSIDE, mail("From: president@ttu.edu\r\n"))
        assert foreign.code == (550 if place else 250)
        assert ("neither the From" in (postfix.config / "main.cf").read_text()) == (not place)
        if place:
            assert f"{grant.reference} may show only {SENDER} in From" in foreign.text
            service.kill()
            assert postfix.send(COPIER, SENDER, INSIDE).code == 451
            service.start()


def test_a_gate_of_this_process_sees_what_postfix_got(
    postfix: PostfixServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail of anybody to a gated list: whole, byte for byte, and only that."""
    monkeypatch.setattr(gates.GATES, "_entries", (gate := ListGate("all@ttu.edu"),))
    body = b"Hello\r\n.hidden dot\r\n" + b"x" * 60_000 + b"\r\n" * 40_000
    whole = b"From: <somebody@example.com>\r\nSubject: A long\r\n\tone\r\n\r\n" + body
    with Milter(answering()) as served, SmtpSink() as sink:
        more = "mynetworks = 127.0.0.0/8\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
        postfix.ask_policy(None, milter=served.port, deliver_to=sink.port, more=more)
        assert postfix.send(COPIER, "somebody@example.com", [INSIDE, OUTSIDE], whole).code == 250
        assert gate.asked == []
        assert postfix.send(COPIER, "somebody@example.com", [INSIDE, "All@ttu.edu"], whole).code == 250
        gate.says = "This list needs an approved campaign. See https://portal.example/"
        refused = postfix.send(COPIER, "somebody@example.com", "all+x@ttu.edu", whole)
        assert (refused.code, refused.text) == (550, f"5.7.1 {gate.says}")
        gate.says = broken
        assert postfix.send(COPIER, "somebody@example.com", "all@ttu.edu", whole).code == 451
    first, second, _ = gate.asked
    assert first.content == second.content == whole
    assert (first.client, first.sender, first.recipients) == (
        COPIER,
        "somebody@example.com",
        (INSIDE, "all@ttu.edu"),
    )
    assert re.fullmatch("[0-9A-F]{6,}", first.queue_id)
    assert first.queue_id != second.queue_id


def _refused_by_sender() -> list[tuple[str, int]]:
    # `granted` may have asked while the permission was suspended for a moment.
    return list(SenderUse.objects.filter(refused__gt=0).values_list("sender", "refused"))


def _counts() -> tuple[int, int]:
    row = DailyUse.objects.first()
    return (row.accepted, row.refused) if row else (0, 0)
