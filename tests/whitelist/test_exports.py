"""The maps for rspamd and SpamAssassin: golden files, their order, and what lint does not let through."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import pytest
import time_machine

from portal.enforcement import targets
from portal.enforcement.models import HeldChange
from portal.enforcement.services import publish
from portal.enforcement.targets import Held, LintError, Target, as_json
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.workflow.services import reviewing
from tests.cast import Cast, approve, fresh
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import ADDRESS, submitted
from whitelist import exports
from whitelist.models import EntryKind, PermittedEntry

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden"
TODAY = "2026-11-23T12:00:00-06:00"
TARGETS: list[Target] = [exports.Rspamd(), exports.SpamAssassin()]


@pytest.fixture
def two_grants(names: DnsServer, cast: Cast) -> list[Grant]:
    """Two addresses of one vendor, and a whole domain of another."""
    with time_machine.travel(TODAY, tick=True):
        names.txt("_dmarc.other.example", "v=DMARC1; p=quarantine")
        first = approve(cast, submitted(cast, addresses=("orders@mail.vendor.example", ADDRESS)))
        request = submitted(cast, addresses=(), domains=("other.example",))
        reviewing.advance(
            service_request=request,
            actor=cast.postmaster,
            revision=request.revision,
            comment="Many addresses.",
        )
        return [first, approve(cast, fresh(request))]


def rendered(target: Target, day: date) -> dict[str, str]:
    return dict(target.render(day=day, install_path=f"/etc/portal/{target.key}").files)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.key)
def test_the_files_are_the_golden_ones(target: Target, two_grants: list[Grant], tmp_path: Path) -> None:
    files = rendered(target, two_grants[0].starts_on)
    for name, text in files.items():
        golden = GOLDEN / target.key / name
        if os.environ.get("REWRITE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8"), (
            f"{golden} differs; REWRITE_GOLDEN=1 writes it anew"
        )
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert sorted(files) == sorted(path.name for path in (GOLDEN / target.key).iterdir())
    target.lint(tmp_path)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.key)
def test_the_same_grants_give_the_same_bytes_whatever_the_rows_order(
    target: Target, two_grants: list[Grant]
) -> None:
    day = two_grants[0].starts_on
    before = rendered(target, day)
    rows = list(PermittedEntry.objects.order_by("-id"))
    PermittedEntry.objects.all().delete()
    for row in rows:
        PermittedEntry.objects.create(permission=row.permission, kind=row.kind, value=row.value)
    assert rendered(target, day) == before


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.key)
def test_a_grant_leaves_on_the_day_after_its_last_and_when_revoked(
    target: Target, two_grants: list[Grant], cast: Cast
) -> None:
    first, second = two_grants
    last = first.ends_on
    assert ADDRESS in "".join(rendered(target, last).values())
    assert ADDRESS not in "".join(rendered(target, last + timedelta(days=1)).values())
    managing.change_state(grant=second, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Sent spam.")
    export = target.render(day=last, install_path="/x")
    assert "other.example" not in "".join(export.files.values())
    assert {entry.grant for entry in export.entries} == {first.reference}


def test_one_address_under_two_grants_stands_once_with_both(two_grants: list[Grant]) -> None:
    first, second = two_grants
    PermittedEntry.objects.create(permission=second.whitelist, kind=EntryKind.ADDRESS, value=ADDRESS)
    text = rendered(TARGETS[0], first.starts_on)[exports.ADDRESSES]
    assert text.count(f"\n{ADDRESS}\n") == 1
    note = text[: text.index(f"\n{ADDRESS}\n")].rpartition("\n")[2]
    assert first.reference in note
    assert second.reference in note


@pytest.mark.parametrize(
    "value", ["a@b.example\nroot@x.example", "a#b@b.example", "*@b.example", "a@b.example wl:9", ""]
)
def test_a_value_that_a_map_would_read_otherwise_is_held_back_alone(
    two_grants: list[Grant], value: str, tmp_path: Path
) -> None:
    PermittedEntry.objects.create(permission=two_grants[0].whitelist, kind=EntryKind.ADDRESS, value=value)
    for target in TARGETS:
        with pytest.raises(LintError):
            target.render(day=two_grants[0].starts_on, install_path="/x")
    # In the folder its permission is left out of the files that cannot hold it; everybody else's is there.
    bad, good = two_grants
    with time_machine.travel(TODAY, tick=True):
        publish(folder=tmp_path, day=good.starts_on)
    written = "".join(path.read_text() for path in (tmp_path / "rspamd").resolve().iterdir())
    assert "other.example" in written
    assert ADDRESS not in written
    unwritable = HeldChange.objects.filter(closed_at__isnull=True, is_unwritable=True)
    assert set(unwritable.values_list("reference", flat=True)) == {bad.reference}


def test_an_owner_whose_address_has_odd_characters_stays_inside_the_comment(two_grants: list[Grant]) -> None:
    owner = two_grants[0].owner
    owner.email = "o wner\nadmin@evil.example"
    owner.save(update_fields=["email"])
    for target in TARGETS:
        for name, text in rendered(target, two_grants[0].starts_on).items():
            if name != exports.RSPAMD_CONF:
                assert not [line for line in text.splitlines() if line.startswith("admin@")]


@pytest.mark.parametrize(
    "line",
    [
        "welcomelist_from a@b.example",
        "welcomelist_from_dkim *@*",
        "welcomelist_from_dkim a@b.example c d",
        "whitelist_auth a@b.example",
        " welcomelist_from_dkim a@b.example",
        "score X -100",
    ],
)
def test_lint_knows_one_setting_of_spamassassin(line: str) -> None:
    exports.lint_spamassassin(
        "# fine\nwelcomelist_from_dkim a@b.example\nwelcomelist_from_dkim *@b.example b.example\n"
    )
    with pytest.raises(LintError):
        exports.lint_spamassassin(f"{line}\n")
    with pytest.raises(LintError, match="stands in line 1"):
        exports.lint_spamassassin("welcomelist_from_dkim a@b.example\n" * 2)


def test_publication_writes_both_targets_beside_postfix(two_grants: list[Grant], tmp_path: Path) -> None:
    assert {"postfix", "rspamd", "spamassassin"} <= {target.key for target in targets.EXPORT_TARGETS}
    published = publish(folder=tmp_path, day=two_grants[0].starts_on, install_path="/etc/portal")
    assert published.entries == 3
    assert f"serial={published.serial}" in (tmp_path / "rspamd" / exports.ADDRESSES).read_text()
    conf = (tmp_path / "rspamd" / exports.RSPAMD_CONF).read_text()
    assert f'map = "/etc/portal/rspamd/{exports.DOMAINS}"' in conf
    assert "prefilter" not in conf
    assert not publish(folder=tmp_path, day=two_grants[0].starts_on, install_path="/etc/portal").is_new


@pytest.mark.parametrize("key", ["rspamd", "spamassassin", "exchange"])
def test_a_vanished_grant_is_written_as_it_was_kept(two_grants: list[Grant], key: str) -> None:
    target = next(target for target in targets.EXPORT_TARGETS if target.key == key)
    day = two_grants[0].starts_on
    references = [grant.reference for grant in two_grants]
    whole = target.render(day=day, install_path="/etc/portal")
    kept = {name: json.loads(as_json(row)) for name, row in target.facts(day=day, references=references)}
    assert sorted(kept) == sorted(references)
    PermittedEntry.objects.all().delete()
    assert target.render(day=day, install_path="/etc/portal").entries == ()
    assert target.render(day=day, install_path="/etc/portal", held=Held(kept)) == whole
    first = references[0]
    some = target.render(day=day, install_path="/etc/portal", held=Held({first: kept[first]}))
    assert {entry.grant for entry in some.entries} == {first}
