"""A database restored from a backup: hosts take what comes then, and what they hold beyond it is named."""

import gzip
import json
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from portal.enforcement import liveness, releasing, signing
from portal.enforcement.models import HeldChange, HostManifest, HostState, Release, ReleaseChunk
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from tests.cast import Cast, approved, client_of
from tests.enforcement.pulling import HOST, MailHost, bearer, post_receipt, token_for
from tests.support.programs import postgres_program

B, C = "127.0.0.5", "127.0.0.6"


@pytest.fixture
def backup(tmp_path: Path) -> Callable[[], Callable[[], None]]:
    """Makes a backup of the database by its own means; what it returns restores it."""

    def make() -> Callable[[], None]:
        file = tmp_path / "backup"
        if connection.vendor == "sqlite":
            with sqlite3.connect(file) as copy:
                connection.connection.backup(copy)

            def restore() -> None:
                with sqlite3.connect(file) as copy:
                    copy.backup(connection.connection)

            return restore
        run_postgres("pg_dump", "--clean", "--if-exists", "--file", str(file))

        def restore_dump() -> None:
            run_postgres(
                "psql", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file", str(file)
            )

        return restore_dump

    return make


def run_postgres(program: str, *words: str) -> None:
    facts = connection.get_connection_params()
    env = {
        "PGHOST": str(facts.get("host", "")),
        "PGPORT": str(facts.get("port", "")),
        "PGUSER": str(facts.get("user", "")),
        "PGPASSWORD": str(facts.get("password", "")),
        "PGDATABASE": str(facts["dbname"]),
    }
    done = subprocess.run(
        [postgres_program(program), *words],
        env={name: value for name, value in env.items() if value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def clients(host: MailHost) -> str:
    return (host.live / "relay_clients.cidr").read_text()


def lets_in(host: MailHost, address: str) -> bool:
    return f"{address}/32\ttm_r_" in clients(host)


def test_a_restored_database_reaches_the_hosts_and_brings_nothing_revoked_back(
    host: MailHost, people: Cast, backup: Callable[[], Callable[[], None]], capsys: Any
) -> None:
    second = approved(people, address=B, host="b.ttu.edu")
    releasing.release()
    assert host.pull().returncode == 0
    restore = backup()

    # After the backup: one revoked, one approved.
    managing.change_state(grant=second, action=GrantAction.REVOKE, actor=people.reviewer, reason="Spam.")
    releasing.release()
    assert host.pull().returncode == 0
    third = approved(people, address=C, host="c.ttu.edu")
    releasing.release()
    assert host.pull().returncode == 0
    assert [lets_in(host, a) for a in ("127.0.0.2", B, C)] == [True, False, True]
    lost = releasing.latest_release("postfix")
    assert lost is not None
    old = b"".join(bytes(chunk.data) for chunk in lost.chunks.all())

    restore()
    assert not Grant.objects.filter(reference=third.reference).exists()
    done = host.pull()
    assert "is older than" in done.stderr
    state = HostState.objects.get(host=HOST)
    assert state.unknown["serial"] == lost.serial
    assert HostManifest.objects.get().serial == lost.serial
    first = Grant.objects.get(reference="TM-R-1001")
    status = liveness.statuses([first])[first.reference]
    assert status.reach == "approved"
    assert "this database never made" in status.sentence

    call_command("release", "--after-restore")
    said = capsys.readouterr().out
    assert f"takes out: postfix: {third.reference} {C}/32" in said
    assert f"held until a person decides: postfix: {second.reference}" in said
    held = HeldChange.objects.get(target="postfix", closed_at__isnull=True)
    assert (held.reference, held.direction) == (second.reference, "addition")

    done = host.pull()
    assert done.returncode == 0, done.stderr
    assert [lets_in(host, a) for a in ("127.0.0.2", B, C)] == [True, False, False]
    newest = releasing.latest_release("postfix")
    assert newest is not None
    assert newest.epoch > lost.epoch
    state.refresh_from_db()
    assert (state.epoch, state.serial, state.unknown) == (newest.epoch, newest.serial, {})
    assert liveness.statuses([first])[first.reference].reach == "live"

    replay(host, newest, old)
    assert not lets_in(host, C)

    managing.change_state(grant=first, action=GrantAction.REVOKE, actor=people.reviewer, reason="Spam.")
    releasing.release()
    assert host.pull().returncode == 0
    assert not lets_in(host, "127.0.0.2")
    assert client_of(people.admin).get("/enforcement/").status_code == 200


def replay(host: MailHost, newest: Release, old: bytes) -> None:
    """A manifest of the older epoch is never taken again, though its signature is good and its serial higher."""
    chunk = newest.chunks.get()
    good = bytes(chunk.data)
    ReleaseChunk.objects.filter(pk=chunk.pk).update(data=old)
    Release.objects.filter(pk=newest.pk).update(size=len(old), manifest_sha256="0" * 64)
    assert f"is older than {newest.serial} of epoch {newest.epoch}" in host.pull().stderr
    ReleaseChunk.objects.filter(pk=chunk.pk).update(data=good)
    Release.objects.filter(pk=newest.pk).update(size=len(good), manifest_sha256=newest.manifest_sha256)


# ---------------------------------------------------------------- the manifest that a host sends
@pytest.fixture
def lost_release(cast: Cast, client: Client, settings: Any) -> str:
    """A host that reported a release which this database never made; returns its token."""
    settings.EXPORT_SIGNING_KEY = bytes(range(32))
    approved(cast)
    releasing.release()
    token = token_for(cast)
    newest = releasing.latest_release("postfix")
    assert newest is not None
    answer = post_receipt(client, token, newest, serial=newest.serial + 7, sha256="a" * 64)
    assert answer.status_code == 422
    assert answer["X-TechMail-Wants"] == "manifest"
    return token


def send(client: Client, token: str, body: bytes) -> Any:
    return client.post(
        "/export/v1/postfix/manifest", body, content_type="application/gzip", headers=bearer(token)
    )


def packed(manifest: dict[str, Any] | bytes, *, signature: bytes | None = None) -> bytes:
    raw = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    return gzip.compress((signature if signature is not None else signing.sign(raw)) + raw)


GOOD = {"target": "postfix", "epoch": 0, "serial": 9, "entries": []}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (lambda: packed(GOOD), 201),
        (lambda: packed(GOOD, signature=bytes(64)), 403),
        (lambda: packed(GOOD, signature=b""), 403),
        (lambda: packed({**GOOD, "target": "rspamd"}), 422),
        (lambda: packed({**GOOD, "serial": "x"}), 422),
        (lambda: packed(b"[]"), 422),
        (lambda: packed(b"\xff"), 422),
        (lambda: b"no gzip", 422),
        (lambda: b"", 403),
        (lambda: packed(b" " * (49 * 1024 * 1024), signature=bytes(64)), 413),
    ],
)
def test_a_manifest_is_believed_by_our_signature_alone(
    client: Client, lost_release: str, body: Callable[[], bytes], status: int
) -> None:
    answer = send(client, lost_release, body())
    assert answer.status_code == status, answer.content
    assert HostManifest.objects.count() == (status == 201)


@pytest.mark.django_db
def test_nobody_sends_a_manifest_unasked(cast: Cast, client: Client, settings: Any) -> None:
    settings.EXPORT_SIGNING_KEY = bytes(range(32))
    assert send(client, token_for(cast), packed(GOOD)).status_code == 409
    assert client.post("/export/v1/postfix/manifest").status_code == 401
