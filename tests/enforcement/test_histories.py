"""Random histories: what the portal says of each permission is what the mail hosts and the folder hold."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from portal.enforcement import holding, liveness, releasing, restoring
from portal.enforcement.host_views import WANTS
from portal.enforcement.models import HeldChange, HostState, Pending, RunState
from portal.enforcement.services import publish_changes
from portal.enforcement.targets import EXPORT_TARGETS
from portal.grants import dating, tasks
from portal.grants.models import Grant
from portal.grants.publication import Reach
from portal.grants.services import issuing, managing
from portal.grants.states import GrantAction, GrantState
from portal.lib.problems import Problem
from portal.workflow.models import Intention
from portal.workflow.services import requesting
from relay.models import PermittedAddress
from tests.cast import SENDER, Cast, answer_relay, approve, approved, fresh
from tests.enforcement.pulled import script
from tests.enforcement.pulling import KEY, bearer, token_for
from tests.enforcement.test_guard import lose

pytestmark = pytest.mark.django_db
HOSTS = ("relay1.ttu.edu", "relay2.ttu.edu")
START = datetime(2026, 11, 2, 18, 0, tzinfo=UTC)

STEPS = st.one_of(
    st.tuples(st.just("approve")),
    st.tuples(
        st.sampled_from(["revoke", "suspend", "resume", "end", "lose", "widen", "flip", "soon", "change"]),
        st.integers(0, 3),
    ),
    st.tuples(st.sampled_from(["pull", "reinstall"]), st.integers(0, 1)),
    st.tuples(st.just("days"), st.sampled_from([1, 2, 9, -2])),
    st.tuples(
        st.sampled_from(
            [
                "release",
                "publish",
                "publish",
                "lapse_job",
                "confirm",
                "let_go",
                "backup",
                "restore",
                "restore",
            ]
        )
    ),
)


class FaithfulHost:
    """A mail host in memory: what the script decides is decided by the script's own functions."""

    def __init__(self, name: str, token: str) -> None:
        self.name, self.token = name, token
        self.wipe()

    def wipe(self) -> None:
        self.bundle: Any = None
        self.signed = b""
        self.files: dict[str, bytes] = {}
        self.place = (0, 0)

    def pull(self) -> None:
        client = Client()
        answer = client.get("/export/v1/postfix", headers=bearer(self.token))
        if answer.status_code == 200:
            bundle, signed = bundle_of(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
            place = (bundle.manifest["epoch"], bundle.manifest["serial"])
            if place >= self.place:
                self.bundle, self.signed, self.place = bundle, signed, place
        if self.bundle is not None:
            self.files, ended = script().without_ended(self.bundle, timezone.now())
            self.report(client, sorted(ended))
        else:
            self.report(client, [])

    def report(self, client: Client, ended: list[str]) -> None:
        body = {
            "target": "postfix",
            "host": self.name,
            "epoch": self.place[0],
            "serial": self.place[1],
            "sha256": self.bundle.sha256 if self.bundle else "",
            "applied_at": timezone.now().isoformat() if self.bundle else None,
            "lint": "ok",
            "live_sha256": script().folder_digest(self.files) if self.bundle else "",
            "differing": [],
            "lapsed": ended,
        }
        answer = client.post(
            "/export/v1/postfix/receipts",
            json.dumps(body),
            content_type="application/json",
            headers=bearer(self.token),
        )
        # 422 where the database lost the release that the host has.
        assert answer.status_code in (201, 422), answer.content
        if WANTS in answer:
            sent = client.post(
                "/export/v1/postfix/manifest",
                gzip.compress(self.signed),
                content_type="application/gzip",
                headers=bearer(self.token),
            )
            assert sent.status_code < 300, sent.content

    def networks(self, reference: str) -> set[str]:
        """The networks that it lets through under the permission."""
        text = self.files.get("relay_clients.cidr", b"").decode()
        return networks_in(text, reference)


def networks_in(clients: str, reference: str) -> set[str]:
    """The networks that a client map lets through under the permission."""
    name = reference.lower().replace("-", "_")
    return {line.split("\t")[0] for line in clients.splitlines() if line.endswith(f"\t{name}")}


def bundle_of(archive: bytes) -> tuple[Any, bytes]:
    """The release in an archive, and its signature and manifest; that is not verified here: openssl takes its time."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
        found = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    raw = found["manifest.json"]
    files = {name.removeprefix("files/"): data for name, data in found.items() if name.startswith("files/")}
    return script().Bundle(json.loads(raw), script().digest(raw), files), found["manifest.json.sig"] + raw


class World:
    """The portal, its hosts and what may happen to them."""

    def __init__(self, cast: Cast, clock: Any, folder: Path) -> None:
        self.cast, self.clock, self.folder = cast, clock, folder
        self.hosts = [FaithfulHost(name, token_for(cast, host=name)) for name in HOSTS]
        self.count = 0
        self.saved = ""
        self.approve()
        self.approve()

    def grant(self, number: int) -> Grant | None:
        return Grant.objects.order_by("reference")[number : number + 1].first()

    def approve(self) -> None:
        self.count += 1
        approved(self.cast, address=f"129.118.20.{self.count}", host=f"h{self.count}.ttu.edu")

    def act(self, action: GrantAction, number: int) -> None:
        grant = self.grant(number)
        if grant is None:
            return
        actor = self.cast.requester if action == GrantAction.END else self.cast.reviewer
        try:
            with transaction.atomic():
                managing.change_state(grant=grant, action=action, actor=actor, reason="It is so.")
        except Problem:
            pass  # not from this state: nothing happened

    def fault(self, number: int, damage: Callable[[Grant], object]) -> None:
        """Something behind the portal's back, and the run that sees it."""
        grant = self.grant(number)
        if grant is not None:
            damage(grant)
            self.publish()

    def flip(self, grant: Grant) -> None:
        state = GrantState.REVOKED if grant.state == GrantState.ACTIVE else GrantState.ACTIVE
        Grant.objects.filter(pk=grant.pk).update(state=state)

    def widen(self, grant: Grant) -> None:
        PermittedAddress.objects.get_or_create(
            permission_id=grant.pk, network=ip_network(f"129.118.{grant.pk % 200}.128/25")
        )

    def change(self, number: int) -> None:
        """An approved change that adds an address."""
        grant = self.grant(number)
        if grant is None:
            return
        self.count += 1
        try:
            with transaction.atomic():
                draft = issuing.begin_renewal(
                    grant=grant, actor=self.cast.requester, intention=Intention.CHANGE
                )
        except Problem:
            return  # not from this state
        address = f"129.118.21.{self.count}"
        answer_relay(draft, address=address, sender=SENDER, host=f"h{self.count}.ttu.edu")
        draft = fresh(draft)
        requesting.submit(service_request=draft, actor=draft.requester, revision=draft.revision)
        approve(self.cast, fresh(draft))

    def backup(self) -> None:
        self.saved = transaction.savepoint()

    def restore(self) -> None:
        """The database as it was at the last backup, while the hosts go on with what they have; then the way back."""
        if not self.saved:
            return
        transaction.savepoint_rollback(self.saved)
        for host in self.hosts:
            host.pull()
        findings = restoring.release_after_restore()
        assert not findings.outcome.refused, findings.outcome.refused
        for host in self.hosts:
            host.pull()
            assert host.place[0] == findings.epoch
        # What the folder got after the backup the database cannot know before a run has looked.
        self.publish()

    def publish(self) -> None:
        """What the worker does: to the hosts and to the folder."""
        publish_changes(force=True)
        assert not Pending.objects.exclude(refused_because="")

    def release(self) -> None:
        outcome = releasing.release()
        assert not outcome.refused, outcome.refused

    def step(self, step: tuple[Any, ...]) -> None:
        what, *rest = step
        if what in GrantAction.values:
            self.act(GrantAction(what), *rest)
        elif what in ("pull", "reinstall"):
            host = self.hosts[rest[0]]
            if what == "reinstall":
                host.wipe()
            host.pull()
        elif what in ("lose", "widen", "flip"):
            faults: dict[str, Callable[[Grant], object]] = {
                "lose": lose,
                "widen": self.widen,
                "flip": self.flip,
            }
            self.fault(rest[0], faults[what])
        elif what == "soon":
            # A term that was approved so short, before anything was released of it.
            self.approve()
            newest = Grant.objects.latest("pk")
            Grant.objects.filter(pk=newest.pk).update(ends_on=timezone.localdate() + timedelta(days=rest[0]))
        elif what == "days":
            self.clock.shift(timedelta(days=rest[0]))
        elif what == "confirm":
            if dating.date_in_doubt():
                holding.confirm_date(actor=self.cast.admin)
        elif what == "let_go":
            row = holding.open_holds().filter(decided_at__isnull=True, is_unwritable=False).first()
            if row is not None:
                holding.release_anyway(actor=self.cast.admin, change=row, reason="Meant.")
        elif what == "lapse_job":
            tasks.lapse_grants()
        else:
            getattr(self, what)(*rest)

    def clients(self) -> str:
        """The client map in the folder."""
        path = self.folder / "postfix" / "relay_clients.cidr"
        return path.read_text() if path.exists() else ""

    def waits(self) -> bool:
        """Whether a worker has something to do: then a page may say that a change waits, though it undid another."""
        days = RunState.objects.values_list("day", flat=True)
        return Pending.objects.filter(changed_at__isnull=False).exists() or any(
            day != timezone.localdate() for day in days
        )

    # ------------------------------------------------------------------ the property
    def check(self) -> None:
        grants = list(Grant.objects.all())
        said = liveness.liveness_of(grants)
        today, out = dating.today(), list[Grant]()
        for grant in grants:
            found = said[grant.reference]
            allowed = {str(row.network) for row in PermittedAddress.objects.filter(permission_id=grant.pk)}
            have = {host.name: host.networks(grant.reference) for host in self.hosts}
            shown = {row.host: row.holds for target in found.targets for row in target.hosts}
            for name, networks in have.items():
                assert shown.get(name, False) == bool(networks), (grant, name, found)
            reach = found.status.reach
            filed = networks_in(self.clients(), grant.reference)
            if reach in (Reach.LIVE, Reach.RELEASED):
                assert filed == allowed, (grant, found)
            if reach == Reach.OUT:
                assert not filed, (grant, found)
            if today.is_in_force(grant):
                is_live = all(networks == allowed for networks in have.values())
                assert reach != Reach.LIVE or is_live, (grant, found, have, allowed)
                if is_live and filed == allowed and not self.waits():
                    assert reach == Reach.LIVE, (grant, found)
                assert reach in (Reach.LIVE, Reach.APPROVED)
            elif any(have.values()):
                assert reach == Reach.LEAVING, (grant, found, have)
                assert all(name in found.status.sentence for name in have if have[name])
            else:
                assert reach in (Reach.OUT, Reach.LEAVING)
                out += [grant] if reach == Reach.OUT else []
        if out and self.count % 3 == 0:
            # Out means that no host would get it from what is released already.
            for host in self.hosts:
                host.pull()
            assert not any(host.networks(grant.reference) for host in self.hosts for grant in out)

    def withdrawn_are_gone(self) -> None:
        """Whatever waits: after a run and a pull no host lets through what a person withdrew."""
        self.publish()
        for host in self.hosts:
            host.pull()
        for grant in Grant.objects.exclude(state=GrantState.ACTIVE):
            last = grant.events.exclude(from_state="").order_by("pk").last()
            if last is None or last.to_state != grant.state or last.actor_id is None:
                continue  # no person's act
            assert not any(host.networks(grant.reference) for host in self.hosts), grant
            assert not networks_in(self.clients(), grant.reference), grant
        assert set(HostState.objects.values_list("host", flat=True)) == set(HOSTS)
        assert HeldChange.objects.filter(closed_at__isnull=True, is_unwritable=True).count() == 0


@pytest.fixture
def one_target(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Postfix alone, without its own reader, which takes its time and has tests of its own."""
    settings.EXPORT_SIGNING_KEY = KEY
    postfix = next(target for target in EXPORT_TARGETS if target.key == "postfix")
    monkeypatch.setattr(postfix, "lint", lambda folder: None)
    with EXPORT_TARGETS.replaced_by(postfix):
        yield settings


@settings(max_examples=10, deadline=None, print_blob=False, suppress_health_check=list(HealthCheck))
@given(history=st.lists(STEPS, min_size=4, max_size=14))
def test_what_the_portal_says_is_what_the_hosts_hold(
    one_target: Any, tmp_path: Path, cast: Cast, history: list[tuple[Any, ...]]
) -> None:
    note(f"{history}")
    cache.clear()  # Each history has its own hour of limits.
    with time_machine.travel(START, tick=True) as clock, transaction.atomic():
        folder = tmp_path / uuid4().hex
        one_target.PUBLISH_DIR = str(folder)
        world = World(cast, clock, folder)
        for step in history:
            world.step(step)
            world.check()
        world.withdrawn_are_gone()
        transaction.set_rollback(True)
