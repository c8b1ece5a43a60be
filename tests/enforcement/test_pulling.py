"""The script that a mail host runs, against a live portal: it takes what is signed, and nothing else."""

import gzip
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.enforcement import hosts, liveness, releasing
from portal.enforcement.models import HeldChange, HostState, Receipt, Release, ReleaseChunk
from portal.enforcement.targets import EXPORT_TARGETS
from portal.grants.dating import Today
from portal.grants.models import Grant
from portal.grants.publication import status_of
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.incidents.forms import subject_of
from portal.incidents.models import About
from portal.incidents.search import permissions_about
from portal.incidents.services import open_incident
from portal.outbox.models import Notification
from tests import cast
from tests.cast import SENDER, Cast, approved, client_of
from tests.conftest import lacking, program
from tests.enforcement.pulling import COPIER, HOST, KEY, MailHost, post_receipt, token_for
from tests.enforcement.test_guard import lose, wide
from tests.support.pages import flat
from tests.support.postfix import PostfixServer

INSIDE = "dean@ttu.edu"


def clients(host: MailHost) -> str:
    return (host.live / "relay_clients.cidr").read_text()


def newest() -> Release:
    found = releasing.latest_release("postfix")
    assert found is not None
    return found


def test_a_host_takes_a_release_reports_it_and_the_grant_says_so(host: MailHost, people: Cast) -> None:
    done = host.pull()
    assert done.returncode == 0, done.stderr
    assert f"{COPIER}/32\ttm_r_" in clients(host)
    state = HostState.objects.get()
    assert (state.serial, state.lint, state.differing) == (newest().serial, "", "")
    panel = liveness.panel_of(status_of(Grant.objects.get()))
    assert panel is not None
    assert [(found.host, found.is_current) for found in panel.targets[0].hosts] == [(HOST, True)]
    shown = client_of(people.requester).get(Grant.objects.get().get_absolute_url()).content.decode()
    assert f'live on<span class="code">{HOST}</span>since<time' in flat(shown)
    assert host.pull().returncode == 0
    assert Receipt.objects.count() == 1

    managing.change_state(
        grant=Grant.objects.get(), action=GrantAction.REVOKE, actor=people.reviewer, reason="Spam."
    )
    releasing.release()
    assert (
        "still on" in client_of(people.requester).get(Grant.objects.get().get_absolute_url()).content.decode()
    )
    assert host.pull().returncode == 0
    assert "tm_r_" not in clients(host)
    assert (
        "gone from"
        in client_of(people.requester).get(Grant.objects.get().get_absolute_url()).content.decode()
    )


def test_a_hand_edited_map_shows_as_drift_once_until_it_is_repaired(host: MailHost, people: Cast) -> None:
    host.pull()
    edited = host.live / "relay_clients.cidr"
    edited.write_text(edited.read_text() + "127.0.0.9/32\tOK\n")
    (host.live / "extra").write_text("mallory@ttu.edu\tOK\n")
    assert host.pull().returncode == 1
    assert host.pull().returncode == 1
    assert "+127.0.0.9/32 OK" in HostState.objects.get().differing
    assert "+mallory@ttu.edu OK" in HostState.objects.get().differing
    emails = Notification.objects.filter(subject__contains=f"Mail host {HOST}")
    assert emails.count() == 1
    assert "+127.0.0.9/32 OK" in emails.get().text
    page = client_of(people.auditor).get("/enforcement/").content.decode()
    assert "+127.0.0.9/32 OK" in page
    assert (
        "edited them by hand"
        in client_of(people.requester).get(Grant.objects.get().get_absolute_url()).content.decode()
    )
    assert host.pull("--repair").returncode == 0
    assert "127.0.0.9" not in clients(host)
    assert not (host.live / "extra").exists()
    assert HostState.objects.get().differing == ""
    assert emails.count() == 1


def test_what_no_known_key_signed_changes_nothing(host: MailHost, settings: Any) -> None:
    settings.EXPORT_SIGNING_KEY = KEY[::-1]
    releasing.release()
    done = host.pull()
    assert done.returncode == 1
    assert "no key in" in done.stderr
    assert not host.live.exists()
    host.trust(KEY[::-1])
    assert host.pull().returncode == 0


def test_an_archive_that_was_changed_on_the_way_is_refused(host: MailHost) -> None:
    assert host.pull().returncode == 0
    before = clients(host)
    chunk = ReleaseChunk.objects.get(release=newest())
    Release.objects.filter(pk=newest().pk).update(manifest_sha256="0" * 64)  # so that its ETag is another
    raw = gzip.decompress(bytes(chunk.data)).replace(f"{COPIER}/32\ttm".encode(), b"127.0.0.3/32\ttm")
    packed = gzip.compress(raw, mtime=0)
    ReleaseChunk.objects.filter(pk=chunk.pk).update(data=packed)
    Release.objects.filter(pk=newest().pk).update(size=len(packed))
    done = host.pull()
    assert "not those that the manifest names" in done.stderr
    assert clients(host) == before


def test_an_older_release_is_not_taken_again(host: MailHost) -> None:
    assert host.pull().returncode == 0
    note = host.folder / "state" / "postfix" / "note.json"
    facts = json.loads(note.read_text()) | {"serial": 9_999_999_999, "etag": '"other"'}
    note.write_text(json.dumps(facts))
    done = host.pull()
    assert done.returncode == 1
    assert "is older than" in done.stderr


def test_with_the_portal_down_files_stay_and_entries_still_end(host: MailHost, people: Cast) -> None:
    soon = timezone.localdate() - timedelta(days=1)
    Grant.objects.update(starts_on=soon - timedelta(days=5), ends_on=soon)
    # As released yesterday, when the term still ran.
    for target in (t for t in EXPORT_TARGETS if t.key == "postfix"):
        releasing.release_target(target, today=Today(soon, soon), accept_change=True)
    archive = b"".join(bytes(chunk.data) for chunk in newest().chunks.all())
    state = host.folder / "state" / "postfix"
    state.mkdir(parents=True)
    (state / "last-good.tar.gz").write_bytes(archive)
    host.url = "http://127.0.0.1:9"
    done = host.pull()
    assert "does not answer" in done.stderr
    grant = Grant.objects.get()
    assert f"{COPIER}/32\tREJECT 5.7.1 Relay permission {grant.reference} ended" in clients(host)
    assert "\ttm_r_" not in clients(host)
    before = clients(host)
    host.pull()
    assert clients(host) == before


def test_what_the_mail_system_does_not_read_never_goes_live(host: MailHost) -> None:
    assert host.pull().returncode == 0
    before = clients(host)
    approved(make_cast_again(), address="127.0.0.4", host="copier-9.ttu.edu")
    releasing.release()
    host.own = {"lint": "/bin/false"}
    done = host.pull()
    assert done.returncode == 1
    assert clients(host) == before
    state = HostState.objects.get()
    assert state.lint
    assert state.serial < newest().serial
    assert Notification.objects.filter(text__contains="did not take the last release").count() == 1
    host.own = {"reload": "/bin/false"}
    assert host.pull().returncode == 1
    assert clients(host) == before
    host.own = {}
    assert host.pull().returncode == 0
    assert "127.0.0.4/32" in clients(host)


def make_cast_again() -> Cast:
    people = {n: User.objects.get(email=f"{n.replace('_', '-')}@ttu.edu") for n in cast._ROLES}
    return Cast(**people)


def test_the_token_goes_to_no_other_place(host: MailHost) -> None:
    host.url = "http://portal.example"
    done = host.pull()
    assert done.returncode != 0
    assert "https://" in done.stderr


def test_hosts_that_fall_behind_or_silent_are_told_of_once(people: Cast, client: Client) -> None:
    approved(people, address=COPIER)
    releasing.release()
    token = token_for(people)
    assert hosts.check_hosts() == {"": 1}
    long_ago = timezone.now() - timedelta(hours=3)
    HostState.objects.update(expected_since=long_ago)
    assert hosts.check_hosts() == {"silent": 1}
    assert hosts.check_hosts() == {"silent": 1}
    told = Notification.objects.filter(subject__contains=f"Mail host {HOST}")
    assert told.count() == 1
    assert post_receipt(client, token, newest()).status_code == 201
    assert hosts.check_hosts() == {"": 1}
    HostState.objects.update(serial=1)
    Release.objects.update(released_at=long_ago)
    assert hosts.check_hosts() == {"behind": 1}
    hosts.check_hosts()
    assert told.count() == 2


@pytest.fixture
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


def test_a_real_postfix_lets_through_what_its_host_pulled(
    host: MailHost, people: Cast, postfix: PostfixServer, settings: Any
) -> None:
    settings.POSTFIX_MAP_DIR = str(postfix.published)
    approved(people, address="127.0.0.4", host="copier-8.ttu.edu", sender="alerts@ttu.edu")
    releasing.release()
    postfix.published.mkdir()
    link = postfix.published / "postfix"
    host.own = {
        "main_cf": f"{postfix.config}/main.cf",
        "reload": f"{postfix.postfix} -c {postfix.config} reload",
        "install": str(link),
    }
    pulled = host.pull()
    assert pulled.returncode == 0, pulled.stderr
    until(lambda: postfix.send(COPIER, SENDER, INSIDE).code == 250)
    assert postfix.send("127.0.0.3", SENDER, INSIDE).code == 554
    for grant in Grant.objects.all():
        managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=people.reviewer, reason="Spam.")
    releasing.release()
    assert host.pull().returncode == 0
    until(lambda: postfix.send(COPIER, SENDER, INSIDE).code == 554)
    assert "was revoked" in postfix.send(COPIER, SENDER, INSIDE).text
    main_cf = postfix.config / "main.cf"
    main_cf.write_text(main_cf.read_text().replace("reject_unauth_destination", "permit"))
    assert host.pull().returncode == 1
    assert "permit" in HostState.objects.get().differing


def test_withdrawals_stop_mail_at_a_real_postfix_whatever_else_waits(
    host: MailHost, people: Cast, postfix: PostfixServer, settings: Any
) -> None:
    settings.POSTFIX_MAP_DIR = str(postfix.published)
    addresses = [f"127.0.0.{n}" for n in range(10, 16)]
    grants = [approved(people, address=a, host=f"h{n}.ttu.edu") for n, a in enumerate(addresses)]
    ends = approved(people, address="127.0.0.20", host="ends.ttu.edu")
    Grant.objects.filter(pk=ends.pk).update(ends_on=timezone.localdate())
    releasing.release()
    postfix.published.mkdir()
    host.own = {
        "main_cf": f"{postfix.config}/main.cf",
        "reload": f"{postfix.postfix} -c {postfix.config} reload",
        "install": str(postfix.published / "postfix"),
    }
    assert host.pull().returncode == 0

    def answers() -> list[int]:
        # All of them each time: for a moment after a reload a process with the old maps may still answer.
        return [postfix.send(a, SENDER, INSIDE).code for a in addresses]

    until(lambda: answers() == [250] * 6 and postfix.send("127.0.0.20", SENDER, INSIDE).code == 250)

    # Rows are lost, and a large approval is new: neither keeps the withdrawals waiting.
    lose(grants[0])
    wide(people, 10, "127.0.3.{}")
    reason = "The account sent phishing mail this morning."
    managing.change_state(grant=grants[1], action=GrantAction.REVOKE, actor=people.reviewer, reason=reason)
    managing.change_state(grant=grants[2], action=GrantAction.SUSPEND, actor=people.reviewer, reason=reason)
    releasing.release()
    assert host.pull().returncode == 0
    until(lambda: answers() == [250, 554, 554, 250, 250, 250])

    # An incident over everything that the requester holds, and a last day that passed.
    subject = people.requester.email
    seen = permissions_about(subject_of(About.HOLDER, subject)).fingerprint
    open_incident(actor=people.reviewer, about=About.HOLDER, subject=subject, reason=reason, seen=seen)
    releasing.release()
    assert host.pull().returncode == 0
    until(lambda: answers() == [250, 554, 554, 554, 554, 554])
    assert HeldChange.objects.filter(target="postfix", closed_at__isnull=True).count() == 1


def test_a_term_that_ended_is_refused_by_a_real_postfix_without_any_job(
    host: MailHost, people: Cast, postfix: PostfixServer, settings: Any
) -> None:
    settings.POSTFIX_MAP_DIR = str(postfix.published)
    first = Grant.objects.get()
    yesterday = timezone.localdate() - timedelta(days=1)
    Grant.objects.update(starts_on=yesterday - timedelta(days=9), ends_on=yesterday)
    lost = approved(people, address="127.0.0.10", host="lost.ttu.edu")
    # As released yesterday, when the term still ran.
    postfix_target = next(target for target in EXPORT_TARGETS if target.key == "postfix")
    releasing.release_target(postfix_target, today=Today(yesterday, yesterday), accept_change=True)
    lose(lost)
    releasing.release()
    postfix.published.mkdir()
    host.own = {
        "main_cf": f"{postfix.config}/main.cf",
        "reload": f"{postfix.postfix} -c {postfix.config} reload",
        "install": str(postfix.published / "postfix"),
    }
    assert host.pull().returncode == 0
    until(lambda: postfix.send("127.0.0.10", SENDER, INSIDE).code == 554)
    refused = postfix.send(COPIER, SENDER, INSIDE)
    assert refused.code == 554
    assert f"{first.reference} ended {yesterday}" in refused.text


def until(is_so: Callable[[], bool]) -> None:
    """Wait until Postfix took the reload up."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, "Postfix did not take it up within a minute."
        time.sleep(0.1)
