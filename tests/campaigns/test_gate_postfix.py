"""A real Postfix asks the real milter, which asks the gate: the approved message reaches a large list, once."""

import os
import smtplib
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from django.utils import timezone

from campaigns.models import ListUse
from portal.grants.models import Grant
from tests.campaigns.cast import message
from tests.campaigns.gated import BOUNCES, FACULTY, STAFF, STUDENTS, on_the_wire, sending_now
from tests.cast import Cast, client_of
from tests.conftest import lacking, program
from tests.support.clock import Stopwatch
from tests.support.policy import PolicyService
from tests.support.postfix import PostfixServer, Reply
from tests.support.smtp import SmtpSink

pytestmark = pytest.mark.django_db(transaction=True)
PLATFORM, OTHER = "127.0.0.2", "127.0.0.3"
HERE = "relay_domains = ttu.edu\n"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostfixServer, PostfixServer]]:
    """The mail host with the milter, and another one that sends to it."""
    found = program("postfix", "apt-get install postfix")
    if os.geteuid() != 0:
        words = "Postfix starts only as root."
        lacking(words)
    with (
        tempfile.TemporaryDirectory(prefix="techmail-gate-") as one,
        tempfile.TemporaryDirectory(prefix="techmail-hop-") as two,
    ):
        made = (PostfixServer(Path(one), found), PostfixServer(Path(two), found))
        for server in made:
            server.start()
        yield made
        for server in made:
            server.stop()


@pytest.fixture
def service(tmp_path: Path, servers: tuple[PostfixServer, PostfixServer]) -> Iterator[PolicyService]:
    # The senders of the tests are on loopback, which is no campus here: the gate alone has something to say.
    place = tmp_path / "elsewhere.toml"
    place.write_text('campus_networks = ["129.118.0.0/16"]\n')
    with PolicyService(tmp_path, INSTITUTION_FILE=str(place)) as running:
        servers[0].ask_policy(None, milter=running.milter_port, more=HERE)
        yield running


@pytest.fixture
def postfix(servers: tuple[PostfixServer, PostfixServer], service: PolicyService) -> PostfixServer:
    return servers[0]


def send(postfix: PostfixServer, *recipients: str, raw: bytes | None = None, **facts: str) -> Reply:
    content = on_the_wire(message() if raw is None else raw)
    sender, client = facts.get("sender", BOUNCES), facts.get("client", PLATFORM)
    return postfix.send(client, sender, recipients or (STUDENTS,), content)


def test_it_passes_once_and_nothing_else_does(cast: Cast, postfix: PostfixServer) -> None:
    grant = sending_now(cast, people={"students": 32000, "staff": 4000})
    page = f"http://localhost:8000/permissions/{grant.reference}/"
    assert send(postfix, "dean@ttu.edu", raw=message(subject="Lunch?")).code == 250

    changed = send(
        postfix, raw=message(body="We would like to know how you eat on campus. It takes five minutes!")
    )
    assert changed.code == 550
    assert f"5.7.1 This is not the message that {grant.reference} approves" in changed.text
    assert f"http://localhost:8000/campaigns/{grant.reference}/verify/" in changed.text
    unknown = send(postfix, raw=message(subject="A sale"))
    assert (unknown.code, "New request: http://localhost:8000/new/" in unknown.text) == (550, True)
    other = send(postfix, FACULTY)
    assert (other.code, f"{FACULTY} reaches faculty. {page}" in other.text) == (550, True)
    assert send(postfix, STUDENTS, FACULTY).code == 550
    assert send(postfix, sender="").code == 550
    assert ListUse.objects.count() == 0

    passed = send(postfix, STUDENTS, "dean@ttu.edu")
    assert passed.code == 250, passed
    use = ListUse.objects.get()
    assert (use.list_address, use.client) == (STUDENTS, PLATFORM)
    assert use.queue_id in passed.text, "the queue ID is the one that Postfix tells the sender"

    for again in (
        send(postfix),
        send(postfix, client=OTHER, sender="somebody@example.com"),
        send(postfix, STUDENTS, STAFF),
    ):
        assert again.code == 550
        assert f"{grant.reference} was already sent to {STUDENTS} at" in again.text
        assert page in again.text
    for spelling in (
        "Students-ALL@ttu.edu",
        '"students-all"@ttu.edu',
        "students-all+x@ttu.edu",
    ):
        assert send(postfix, spelling).code == 550, spelling
    assert send(postfix, STAFF).code == 250


def test_a_day_late_and_a_day_early(cast: Cast, postfix: PostfixServer) -> None:
    grant = sending_now(cast)
    today = timezone.localdate()
    for days, words in (
        (1, f"{grant.reference} may send from"),
        (-1, f"The window of {grant.reference} ended on"),
    ):
        day = today + timedelta(days=days)
        Grant.objects.filter(pk=grant.pk).update(starts_on=day, ends_on=day)
        refused = send(postfix)
        assert (refused.code, words in refused.text) == (550, True), refused
    Grant.objects.filter(pk=grant.pk).update(starts_on=today, ends_on=today)
    assert send(postfix).code == 250


def test_after_stop_now_it_is_refused_within_two_seconds(cast: Cast, postfix: PostfixServer) -> None:
    grant = sending_now(cast, people={"students": 32000, "staff": 4000})
    assert send(postfix, STAFF).code == 250
    stop = f"/campaigns/{grant.reference}/stop/"
    page = client_of(cast.requester)
    assert page.post(stop, {"stop-reason": "The link is wrong."}).status_code == 302
    clicked = Stopwatch()
    refused = send(postfix)
    assert clicked.seconds < 2.0
    assert (refused.code, f"{grant.reference} was ended by its owner" in refused.text) == (550, True)


def test_of_two_at_the_same_moment_one_passes(cast: Cast, postfix: PostfixServer) -> None:
    sending_now(cast)
    replies: list[Reply] = []
    barrier = threading.Barrier(4)

    def hurry() -> None:
        barrier.wait()
        replies.append(send(postfix))

    threads = [threading.Thread(target=hurry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    codes = sorted(reply.code for reply in replies)
    assert codes.count(250) == 1, replies
    assert set(codes) <= {250, 550, 451}
    assert ListUse.objects.count() == 1


def in_8bit(raw: bytes) -> bytes:
    """The same message with the octets of its text as they are."""
    parsed = BytesParser(policy=policy.default).parsebytes(raw)
    for part in parsed.walk():
        if not part.is_multipart():
            part.set_content(part.get_content(), subtype=part.get_content_subtype(), cte="8bit")
    return parsed.as_bytes()


def test_what_servers_on_the_way_change_does_not_matter(
    cast: Cast, servers: tuple[PostfixServer, PostfixServer], service: PolicyService
) -> None:
    """Another Postfix adds its trace fields and turns 8bit into quoted-printable, since ours offers no 8BITMIME."""
    host, hop = servers
    raw = in_8bit(message(body="Wie essen Sie auf dem Campus? Ölfrüchte, Käse – alles zählt. " * 5))
    assert raw.count(b"Content-Transfer-Encoding: 8bit") == 2
    sending_now(cast, raw=raw)
    with SmtpSink() as sink:
        delivery = f"default_transport = smtp:[127.0.0.1]:{sink.port}\nrelay_transport = smtp:[127.0.0.1]:{sink.port}\n"
        host.ask_policy(
            None,
            milter=service.milter_port,
            more=f"{HERE}smtpd_discard_ehlo_keywords = 8bitmime smtputf8\n{delivery}",
        )
        onward = f"mynetworks = 127.0.0.0/8\nrelay_domains = ttu.edu\nrelay_transport = smtp:[127.0.0.1]:{host.port}\n"
        hop.ask_policy(None, more=onward)
        with smtplib.SMTP("127.0.0.1", hop.port, timeout=60, source_address=(PLATFORM, 0)) as smtp:
            assert smtp.sendmail(BOUNCES, [STUDENTS], raw, mail_options=["BODY=8BITMIME"]) == {}
        service.until(ListUse.objects.exists, "The pass")
        service.until(lambda: sink.messages, "The delivery")
    (delivered,) = sink.messages
    assert len(delivered.get_all("Received", [])) >= 2
    encodings = {part["Content-Transfer-Encoding"] for part in delivered.walk() if not part.is_multipart()}
    assert "8bit" not in encodings
