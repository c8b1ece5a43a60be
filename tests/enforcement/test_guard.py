"""What is explained goes out on the next run, however much it is and whatever waits; what is not is held alone."""

import gzip
import io
import json
import tarfile
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from portal.accounts.models import AddressKind, DirectoryAddress
from portal.enforcement import holding, hosts, releasing
from portal.enforcement.models import HOSTS, DateConfirmation, ExportedGrant, HeldChange, Pending, RunState
from portal.enforcement.services import publish_changes
from portal.enforcement.targets import EXPORT_TARGETS, Held, LintError, as_json
from portal.grants import tasks
from portal.grants.models import Grant, GrantEvent, TrustedDate
from portal.grants.services import dates, issuing, managing
from portal.grants.states import GrantAction, GrantState
from portal.lib.networks import parse_network
from portal.outbox.models import Notification
from portal.workflow.models import DraftStep
from portal.workflow.services import answering, requesting, reviewing
from relay.models import PermittedAddress, PermittedSender, RelayRequest
from tests.cast import Cast, approve, approved, client_of, fresh, relay_draft
from tests.enforcement.pulling import KEY, post_receipt, token_for
from tests.support.pages import flat

pytestmark = pytest.mark.django_db
NETWORK = "129.118.20.{}"


@pytest.fixture(params=["hosts", "folder"])
def way(request: Any, settings: Any, tmp_path: Path) -> "Way":
    """Both ways out, which obey the same rule."""
    settings.PUBLISH_DIR = str(tmp_path / "published") if request.param == "folder" else ""
    settings.EXPORT_SIGNING_KEY = KEY if request.param == "hosts" else None
    return Way(settings.PUBLISH_DIR)


class Way:
    """A run of the worker, and what came out of it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.place = folder or HOSTS

    def run(self) -> None:
        publish_changes(force=True)

    def clients(self) -> str:
        """The networks and what they may, as they stand."""
        if self.folder:
            return (Path(self.folder) / "postfix" / "relay_clients.cidr").read_text()
        return released("relay_clients.cidr")

    def holds(self, grant: Grant) -> bool:
        return f"\t{grant.reference.lower().replace('-', '_')}\n" in self.clients()


def released(name: str, target: str = "postfix") -> str:
    newest = releasing.latest_release(target)
    assert newest is not None
    raw = b"".join(bytes(chunk.data) for chunk in newest.chunks.all())
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(raw))) as tar:
        member = tar.extractfile(f"files/{name}")
        assert member is not None
        return member.read().decode()


def many(cast: Cast, count: int, start: int = 10) -> list[Grant]:
    return [
        approved(cast, address=NETWORK.format(start + n), host=f"host-{start + n}.ttu.edu")
        for n in range(count)
    ]


def revoke(cast: Cast, grant: Grant) -> None:
    now = Grant.objects.get(pk=grant.pk)
    managing.change_state(grant=now, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Compromised.")


def lose(*grants: Grant) -> None:
    """The rows go behind the portal's back, as after a restore of an older backup."""
    with connection.cursor() as cursor:
        for grant in grants:
            rows = Grant.objects.filter(pk=grant.pk)
            GrantEvent.objects.filter(grant=grant).delete()
            PermittedAddress.objects.filter(permission__grant=grant).delete()
            PermittedSender.objects.filter(permission__grant=grant).delete()
            cursor.execute("DELETE FROM relay_relaypermission WHERE grant_id = %s", [grant.pk])
            for relation in ("grants_reminder", "grants_compliance", "grants_grantrequest"):
                cursor.execute(f"DELETE FROM {relation} WHERE grant_id = %s", [grant.pk])
            rows._raw_delete(rows.db)


def held(direction: str = "") -> list[str]:
    rows = HeldChange.objects.filter(closed_at__isnull=True, target="postfix")
    if direction:
        rows = rows.filter(direction=direction)
    return sorted(rows.values_list("reference", flat=True))


# ---------------------------------------------------------------- explained
def test_half_of_all_permissions_revoked_at_once_are_gone_on_the_next_run(cast: Cast, way: Way) -> None:
    grants = many(cast, 6)
    way.run()
    assert all(way.holds(grant) for grant in grants)
    for grant in grants[:3]:
        revoke(cast, grant)
    managing.change_state(grant=grants[3], action=GrantAction.SUSPEND, actor=cast.reviewer, reason="Look.")
    managing.change_state(grant=grants[4], action=GrantAction.END, actor=cast.requester, reason="Gone.")
    way.run()
    assert [way.holds(grant) for grant in grants] == [False] * 5 + [True]
    assert held() == []
    managing.change_state(
        grant=Grant.objects.get(pk=grants[3].pk),
        action=GrantAction.RESUME,
        actor=cast.reviewer,
        reason="Fine.",
    )
    way.run()
    assert way.holds(grants[3])


def test_one_approval_of_ten_addresses_and_ten_senders_goes_out_at_once(cast: Cast, way: Way) -> None:
    many(cast, 2)
    way.run()
    big = wide(cast, 10)
    way.run()
    assert way.holds(big)
    assert way.clients().count(f"\t{big.reference.lower().replace('-', '_')}\n") == 10
    assert held() == []


def wide(cast: Cast, count: int, network: str = "129.118.30.{}") -> Grant:
    draft = relay_draft(cast, host="farm.ttu.edu")
    senders = [f"batch-{n}@ttu.edu" for n in range(count)]
    for address in senders:
        DirectoryAddress.objects.create(address=address, kind=AddressKind.SHARED, department="Physics")
    networks = [parse_network(network.format(n + 1)) for n in range(count)]
    answering.write_answers(service_request=draft, answers={"addresses": networks, "senders": senders})
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    return approve(cast, fresh(draft))


def test_terms_that_end_leave_on_their_day_with_or_without_the_job(cast: Cast, way: Way) -> None:
    with_job, without = many(cast, 2)
    stays = many(cast, 1, start=40)[0]
    last = timezone.localdate() + timedelta(days=1)
    Grant.objects.filter(pk__in=[with_job.pk, without.pk]).update(ends_on=last)
    way.run()
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=True):
        Grant.objects.filter(pk=without.pk).update(ends_on=last)
        way.run()
        assert [way.holds(grant) for grant in (with_job, without, stays)] == [False, False, True]
        dates.lapse_grants(today=timezone.localdate())
        way.run()
        assert held() == []


def test_a_renewal_in_time_keeps_it_and_a_denial_after_its_day_takes_it_out(cast: Cast, way: Way) -> None:
    grant = approved(cast)
    stays = many(cast, 1)[0]
    last = timezone.localdate() + timedelta(days=1)
    Grant.objects.filter(pk=grant.pk).update(ends_on=last)
    renewal = issuing.begin_renewal(grant=Grant.objects.get(pk=grant.pk), actor=cast.requester)
    DraftStep.objects.create(service_request=renewal, step="statement", is_complete=True)
    answering.write_columns(detail=RelayRequest.of(renewal), columns={"is_attested": True})
    requesting.submit(service_request=renewal, actor=cast.requester, revision=renewal.revision)
    way.run()
    for _ in range(2):
        with time_machine.travel(timezone.now() + timedelta(days=2), tick=True):
            way.run()
            assert way.holds(grant)
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=True):
        renewal = fresh(renewal)
        reviewing.deny(
            service_request=renewal,
            actor=cast.reviewer,
            revision=renewal.revision,
            comment="No longer.",
            clauses=["REL-1"],
        )
        way.run()
        assert not way.holds(grant)
        assert way.holds(stays)
        assert held() == []


# ---------------------------------------------------------------- unexplained
def test_lost_rows_are_held_one_by_one_and_a_revocation_beside_them_goes_out(cast: Cast, way: Way) -> None:
    grants = many(cast, 6)
    way.run()
    lose(*grants[:3])
    revoke(cast, grants[3])
    fresh_one = many(cast, 1, start=60)[0]
    way.run()
    assert [way.holds(grant) for grant in grants] == [True, True, True, False, True, True]
    assert way.holds(fresh_one)
    assert held("removal") == sorted(grant.reference for grant in grants[:3])
    assert "gone from the database" in HeldChange.objects.filter(target="postfix")[0].why
    told = Notification.objects.filter(subject__startswith="Held back from the mail system")
    assert told.count() == 1
    assert grants[0].reference in told.get().text
    assert "- 129.118.20.10/32" in told.get().text
    way.run()
    assert told.count() == 1
    assert all(way.holds(grant) for grant in grants[:3])


def test_entries_that_come_or_change_by_nobodys_act_stay_out(cast: Cast, way: Way) -> None:
    revoked, narrowed, widened, extended, scoped = many(cast, 5)
    way.run()
    revoke(cast, revoked)
    way.run()
    Grant.objects.filter(pk=revoked.pk).update(state=GrantState.ACTIVE)  # no event: a fault
    PermittedSender.objects.filter(permission__grant=narrowed).update(address="alerts@ttu.edu")
    PermittedAddress.objects.create(permission=widened.relay, network=ip_network("129.118.99.0/24"))
    Grant.objects.filter(pk=extended.pk).update(ends_on=extended.ends_on + timedelta(days=900))
    type(scoped.relay).objects.filter(pk=scoped.relay.pk).update(recipients="anyone")
    other = many(cast, 1, start=70)[0]
    way.run()
    clients = way.clients()
    assert not way.holds(revoked)
    assert "129.118.99.0/24" not in clients
    assert f"ends={extended.ends_on}" in clients
    assert way.holds(other)
    assert held("addition") == [revoked.reference]
    assert held("change") == sorted(g.reference for g in (narrowed, widened, extended, scoped))
    lines = HeldChange.objects.get(target="postfix", reference=widened.reference).lines
    assert "+ 129.118.99.0/24" in lines
    # Put right by itself, nothing is held any more.
    Grant.objects.filter(pk=revoked.pk).update(state=GrantState.REVOKED)
    PermittedAddress.objects.filter(network=ip_network("129.118.99.0/24")).delete()
    way.run()
    assert held("addition") == []
    assert widened.reference not in held("change")


def test_an_old_act_explains_no_loss_of_today(cast: Cast, way: Way) -> None:
    grant, other = many(cast, 2)
    way.run()
    managing.change_state(grant=grant, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="Look.")
    managing.change_state(grant=grant, action=GrantAction.RESUME, actor=cast.reviewer, reason="Fine.")
    way.run()
    Grant.objects.filter(pk=grant.pk).update(state=GrantState.SUSPENDED)
    way.run()
    assert way.holds(grant)
    assert held("removal") == [grant.reference]
    lose(other)
    revoke_at = Grant.objects.get(pk=grant.pk)
    managing.change_state(grant=revoke_at, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
    way.run()
    assert not way.holds(grant)
    assert held("removal") == [other.reference]


def test_a_held_permission_still_ends_on_its_own_day(cast: Cast, way: Way) -> None:
    grant, _ = many(cast, 2)
    Grant.objects.filter(pk=grant.pk).update(ends_on=timezone.localdate() + timedelta(days=1))
    way.run()
    lose(grant)
    way.run()
    assert way.holds(grant)
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=True):
        way.run()
        assert not way.holds(grant)
        assert held() == []


def test_all_rows_lost_at_once_take_nobody_out(cast: Cast, way: Way) -> None:
    grants = many(cast, 4)
    way.run()
    lose(*grants)
    way.run()
    assert all(way.holds(grant) for grant in grants)
    assert len(held("removal")) == 4


def test_the_first_run_after_an_upgrade_holds_additions_and_the_second_everything(
    cast: Cast, settings: Any, tmp_path: Path
) -> None:
    """Releases of the version before kept no facts to write a permission from (docs/decisions/0010)."""
    settings.EXPORT_SIGNING_KEY, settings.PUBLISH_DIR = KEY, ""
    way = Way("")
    gone, revoked, lost, later, fine = many(cast, 5)
    way.run()
    revoke(cast, gone)
    way.run()
    ExportedGrant.objects.update(
        facts="", lines="", ends_on=None, entries=0, seen_event=0, seen_at=None, fingerprint="an older digest"
    )
    RunState.objects.all().delete()
    revoke(cast, revoked)
    lose(lost)
    Grant.objects.filter(pk=gone.pk).update(state=GrantState.ACTIVE)  # no event: a fault
    way.run()
    assert [way.holds(g) for g in (gone, revoked, lost, later, fine)] == [False, False, False, True, True]
    assert held() == [gone.reference]
    lose(later)
    revoke(cast, fine)
    way.run()
    assert [way.holds(g) for g in (later, fine)] == [True, False]
    assert held("removal") == [later.reference]


def test_a_permission_that_cannot_be_written_holds_nobody_else(cast: Cast, way: Way) -> None:
    fine, revoked = many(cast, 2)
    way.run()
    broken = many(cast, 1, start=80)[0]
    PermittedSender.objects.filter(permission__grant=broken).update(address="two words@ttu.edu")
    revoke(cast, revoked)
    way.run()
    assert [way.holds(grant) for grant in (fine, revoked, broken)] == [True, False, False]
    row = HeldChange.objects.get(target="postfix", closed_at__isnull=True)
    assert row.is_unwritable
    assert "cannot stand in a map" in row.why
    assert client_of(cast.admin).post(f"/enforcement/held/{row.pk}/", {"reason": "Yes."}).status_code == 409
    PermittedSender.objects.filter(permission__grant=broken).update(address="alerts@ttu.edu")
    way.run()
    assert way.holds(broken)
    assert held() == []


def test_what_the_reader_refuses_is_found_and_the_rest_goes_out(
    cast: Cast, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine, revoked = many(cast, 2)
    way.run()
    new = many(cast, 5, start=80)
    revoke(cast, revoked)
    postfix = next(target for target in EXPORT_TARGETS if target.key == "postfix")
    bad = new[3].reference.lower().replace("-", "_")

    def refuse(folder: Path) -> None:
        if (folder / bad).exists():
            raise LintError("postmap: a warning")

    monkeypatch.setattr(postfix, "lint", refuse)
    way.run()
    assert [way.holds(grant) for grant in (fine, revoked)] == [True, False]
    assert [way.holds(grant) for grant in new] == [True, True, True, False, True]
    assert held() == [new[3].reference]


# ---------------------------------------------------------------- the clock
@pytest.mark.parametrize("job", [True, False])
def test_a_clock_that_jumped_holds_lapses_alone_until_the_date_is_confirmed(
    cast: Cast, way: Way, job: bool
) -> None:
    ending, revoked, stays = many(cast, 3)
    Grant.objects.filter(pk=ending.pk).update(ends_on=timezone.localdate() + timedelta(days=30))
    way.run()
    with time_machine.travel(timezone.now() + timedelta(days=40), tick=True):
        if job:
            tasks.lapse_grants()
            ending.refresh_from_db()
            assert ending.state == GrantState.ACTIVE
        revoke(cast, revoked)
        new = many(cast, 1, start=90)[0]
        way.run()
        assert [way.holds(g) for g in (ending, revoked, stays, new)] == [True, False, True, True]
        assert HeldChange.objects.get(target="postfix", closed_at__isnull=True).is_by_day
        assert Notification.objects.filter(subject__contains="date jumped").count() == 1
        way.run()
        assert Notification.objects.filter(subject__contains="date jumped").count() == 1
        said = client_of(cast.requester).get(ending.get_absolute_url()).content.decode()
        assert "it stays active until an administrator confirms the date" in said
        assert "Its term is over" not in said
        page = client_of(cast.reviewer).get("/enforcement/").content.decode()
        assert "date jumped" in page
        assert "Confirm today" not in page
        assert client_of(cast.reviewer).post("/enforcement/date/").status_code == 403
        browser = client_of(cast.admin)
        assert "Confirm today" in browser.get("/enforcement/").content.decode()
        assert browser.get("/enforcement/date/").status_code == 302
        assert browser.post("/enforcement/date/").status_code == 302
        assert browser.post("/enforcement/date/").status_code == 409
        assert DateConfirmation.objects.get().actor == cast.admin
        assert Pending.objects.get().changed_at is not None
        way.run()
        assert [way.holds(g) for g in (ending, revoked, stays, new)] == [False, False, True, True]
        assert held() == []
        tasks.lapse_grants()
        ending.refresh_from_db()
        assert ending.state == GrantState.LAPSED
        assert "date jumped" not in browser.get("/enforcement/").content.decode()
    with time_machine.travel(timezone.now() + timedelta(days=42), tick=True):
        way.run()
        assert not TrustedDate.objects.filter(doubtful_day__isnull=False).exists()


def test_a_clock_that_fell_back_brings_nothing_back(cast: Cast, way: Way) -> None:
    ending, stays = many(cast, 2)
    Grant.objects.filter(pk=ending.pk).update(ends_on=timezone.localdate() + timedelta(days=1))
    way.run()
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=True):
        way.run()
        assert not way.holds(ending)
    way.run()  # the day before yesterday again
    assert not way.holds(ending)
    assert held("addition") == [ending.reference]
    assert TrustedDate.objects.filter(doubtful_day__isnull=False).exists()
    revoke(cast, stays)
    way.run()
    assert not way.holds(stays)


def test_three_days_are_no_jump_and_four_are(cast: Cast, way: Way) -> None:
    many(cast, 1)
    way.run()
    with time_machine.travel(timezone.now() + timedelta(days=3), tick=True):
        way.run()
        assert not TrustedDate.objects.filter(doubtful_day__isnull=False).exists()
    with time_machine.travel(timezone.now() + timedelta(days=7), tick=True):
        way.run()
        assert TrustedDate.objects.filter(doubtful_day__isnull=False).exists()


# ---------------------------------------------------------------- the button
def test_an_administrator_releases_what_is_held_with_a_reason(cast: Cast, way: Way) -> None:
    lost, other = many(cast, 2)
    way.run()
    lose(lost)
    way.run()
    row = HeldChange.objects.get(target="postfix", closed_at__isnull=True)
    address = f"/enforcement/held/{row.pk}/"
    for person in (cast.reviewer, cast.auditor):
        assert client_of(person).get(address).status_code == 200
        assert client_of(person).post(address, {"reason": "I say so."}).status_code == 403
    assert client_of(cast.requester).get(address).status_code == 403
    browser = client_of(cast.admin)
    first = browser.get("/enforcement/").content.decode()
    assert first.index("Held back: ") < first.index("Permissions active today")
    assert "- 129.118.20.10/32" in first
    assert "Release anyway" in flat(first)
    empty = browser.post(address, {"reason": "  "})
    assert empty.status_code == 422
    assert "recorded with your name" in empty.content.decode()
    assert browser.post(address, {"reason": "The system was scrapped."}).status_code == 302
    assert browser.post(address, {"reason": "Again."}).status_code == 409
    way.run()
    assert not way.holds(lost)
    assert way.holds(other)
    row.refresh_from_db()
    assert (row.decided_by, row.reason) == (cast.admin, "The system was scrapped.")
    assert row.closed_at is not None
    assert browser.post(address, {"reason": "Again."}).status_code == 409
    assert "The system was scrapped." in browser.get("/enforcement/").content.decode()


def test_what_became_another_change_is_not_released_by_the_old_word(cast: Cast, way: Way) -> None:
    grant, _ = many(cast, 2)
    way.run()
    extra = PermittedAddress.objects.create(permission=grant.relay, network=ip_network("129.118.99.0/24"))
    way.run()
    row = HeldChange.objects.get(target="postfix", closed_at__isnull=True)
    holding.release_anyway(actor=cast.admin, change=row, reason="Meant.")
    PermittedAddress.objects.filter(pk=extra.pk).update(network=ip_network("129.118.0.0/17"))
    way.run()
    assert "129.118.0.0/17" not in way.clients()
    fresh_row = HeldChange.objects.get(target="postfix", closed_at__isnull=True)
    assert fresh_row.pk != row.pk
    assert fresh_row.decided_at is None
    assert client_of(cast.admin).post(f"/enforcement/held/{row.pk}/", {"reason": "Old."}).status_code == 409


def test_the_host_check_says_not_in_order_while_something_is_held(
    cast: Cast, settings: Any, client: Any, capsys: Any
) -> None:
    settings.EXPORT_SIGNING_KEY = KEY
    grants = many(cast, 2)
    releasing.release()
    token = token_for(cast)
    newest = releasing.latest_release("postfix")
    assert newest is not None
    post_receipt(client, token, newest)
    assert hosts.check_hosts() == {"": 1}
    lose(grants[0])
    releasing.release()
    assert hosts.check_hosts() == {"held": 1}
    call_command("check_hosts")
    said = capsys.readouterr().out
    assert "in order: 0" in said
    assert f"held: {grants[0].reference}" in said


# ---------------------------------------------------------------- every format
@pytest.mark.parametrize("key", ["postfix", "firewall"])
def test_a_relay_target_writes_a_vanished_permission_as_it_was(cast: Cast, key: str) -> None:
    many(cast, 3)
    target = next(target for target in EXPORT_TARGETS if target.key == key)
    day = timezone.localdate()
    whole = target.render(day=day, install_path="/etc/portal")
    facts = dict(target.facts(day=day, references=list(Grant.objects.values_list("reference", flat=True))))
    kept = {name: json.loads(as_json(row)) for name, row in facts.items()}
    lose(*Grant.objects.all())
    again = target.render(day=day, install_path="/etc/portal", held=Held(kept))
    assert again == whole
    nothing = target.render(day=day, install_path="/etc/portal", held=Held({}, frozenset(kept)))
    assert nothing.entries == ()
