"""Publication: deterministic, atomic, guarded, and safe against what people typed."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.enforcement.services import publish
from portal.enforcement.targets import LintError
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from relay.exports import _RESULT, _reply, lint_cidr, lint_map
from tests.cast import Cast, approved

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden"


def many(cast: Cast, count: int) -> list[Grant]:
    return [
        approved(cast, address=f"129.118.20.{10 + number}", host=f"host-{number}.ttu.edu")
        for number in range(count)
    ]


def read(folder: Path, name: str) -> str:
    return (folder / "postfix" / name).read_text()


@pytest.mark.parametrize(
    "name", ["relay_clients.cidr", "tm_r_1001", "tm_r_1001_to", "ungranted_senders", "main.cf"]
)
def test_the_files_are_the_golden_ones(cast: Cast, tmp_path: Path, name: str) -> None:
    with time_machine.travel("2026-08-22T15:00:00+00:00", tick=True):
        approved(cast)
        publish(folder=tmp_path)
    golden = GOLDEN / name
    if not golden.exists():
        golden.write_text(read(tmp_path, name))
        pytest.fail(f"{golden} was missing and is written now; look at it and commit it.")
    assert read(tmp_path, name) == golden.read_text()


def test_publishing_twice_changes_nothing(cast: Cast, tmp_path: Path) -> None:
    approved(cast)
    first = publish(folder=tmp_path)
    second = publish(folder=tmp_path)
    assert first.is_new
    assert not second.is_new
    assert first.serial == second.serial


def test_the_manifest_tells_the_truth(cast: Cast, tmp_path: Path) -> None:
    grant = approved(cast)
    publish(folder=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["grants"] == [grant.reference]
    assert manifest["entries"][0]["ends_on"] == grant.ends_on.isoformat()
    for path, digest in manifest["files"].items():
        assert hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() == digest
    assert f"serial={manifest['serial']}" in read(tmp_path, "relay_clients.cidr")


def test_only_what_is_in_force_is_published_whatever_the_jobs_did(cast: Cast, tmp_path: Path) -> None:
    live, past, suspended = many(cast, 3)
    today = timezone.localdate()
    Grant.objects.filter(pk=past.pk).update(
        starts_on=today - timedelta(days=9), ends_on=today - timedelta(days=1)
    )
    managing.change_state(grant=suspended, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="Spam.")
    publish(folder=tmp_path)
    clients = read(tmp_path, "relay_clients.cidr")
    assert f"129.118.20.10/32\t{live.reference.lower().replace('-', '_')}\n" in clients
    assert "129.118.20.11/32\tREJECT 5.7.1 Relay permission" in clients
    assert "129.118.20.12/32\tREJECT 5.7.1 Relay permission" in clients
    assert json.loads((tmp_path / "manifest.json").read_text())["grants"] == [live.reference]


def test_a_set_that_fails_the_lint_is_never_put_in_place(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = many(cast, 2)
    publish(folder=tmp_path)
    before = read(tmp_path, "relay_clients.cidr")
    monkeypatch.setattr("relay.exports.class_of", lambda grant: "not a class")
    managing.change_state(grant=grants[0], action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
    with pytest.raises(LintError):
        publish(folder=tmp_path)
    assert read(tmp_path, "relay_clients.cidr") == before


@pytest.mark.parametrize(
    "text",
    [
        "129.118.1.9/24\tOK\n",
        "129.118.0.0/16\tOK\n129.118.1.1/32\tOK\n",
        "129.118.1.1/32 OK\n",
        "129.118.1.1/32\tDISCARD\n",
        "nonsense\tOK\n",
    ],
)
def test_the_lint_sees_what_postfix_would_skip(text: str) -> None:
    with pytest.raises(LintError):
        lint_cidr(text)


def test_the_lint_sees_a_key_that_stands_twice() -> None:
    with pytest.raises(LintError, match="twice"):
        lint_map("a@ttu.edu\tOK\nA@ttu.edu\tOK\n")


@given(st.text())
def test_any_text_makes_one_safe_reply(text: str) -> None:
    reply = _reply(text)
    assert _RESULT.fullmatch(reply) or reply == "REJECT 5.7.1 "
    assert not set("{}$,;\n\r") & set(reply)
