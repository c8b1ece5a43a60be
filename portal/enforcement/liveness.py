"""Where a permission is live: the targets it was released to, and what each mail host holds.

A host is said to hold a permission only where its last receipt names a release that holds it, with the values that
are approved now.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst

from portal.enforcement import signing
from portal.enforcement.explaining import CHANGING, Act, Seen
from portal.enforcement.guard import BATCH, batches
from portal.enforcement.hosts import HostStanding, TargetStanding, target_standings
from portal.enforcement.models import (
    HOSTS,
    ExportedGrant,
    HeldChange,
    Pending,
    Publication,
    Receipt,
    Release,
    RunState,
)
from portal.enforcement.targets import EXPORT_TARGETS
from portal.grants import dating
from portal.grants.models import Grant, GrantEvent
from portal.grants.publication import Reach, Status, by_portal_alone, kept_words, state_words, status_of
from portal.grants.selectors import grant_of
from portal.grants.states import GrantState
from portal.lib.text import sentence_list
from portal.workflow.models import ServiceRequest
from portal.workflow.states import State

SOON = "it waits for the next release, within a minute"
FAILED = "the next release could not be made; IT is told"


@dataclass(frozen=True)
class OnHost:
    """What one host is known to do with the permission."""

    host: str
    holds: bool
    """Whether the release that it reported last holds the permission, in whatever form."""
    is_current: bool
    """Whether the host applies what was last released: holds the permission as it is now, or no longer holds it."""
    is_known: bool
    """Whether the host's contents are known: it reported one of our releases, or that it has none."""
    since: datetime | None
    trouble: str
    """The problem of the host as a sentence; empty if there is none."""
    is_gone: bool
    """Whether the permission was taken out of the target."""

    @property
    def words(self) -> str:
        """The state on the host, as a phrase before the host's name."""
        if self.is_gone:
            return "still on" if self.holds else "gone from" if self.since else "not on"
        if self.is_current:
            return "live on"
        return "not as it should be on" if self.holds else "not yet on"


@dataclass(frozen=True)
class InTarget:
    """The permission in one target: the last release, held changes, and each host."""

    label: str
    release: Release | None
    """The release that added it as it is, or removed it; None if none ever held it."""
    is_gone: bool
    waits_for: str
    """Why the newest decision is not released yet; empty where it is."""
    held: HeldChange | None
    hosts: list[OnHost] = field(default_factory=list)

    @property
    def held_lines(self) -> list[str]:
        """The lines of what is held back."""
        return self.held.lines.splitlines() if self.held else []


@dataclass(frozen=True)
class Liveness:
    """The publication of a permission from the decision to the mail hosts."""

    approved_at: datetime
    targets: list[InTarget]
    status: Status


def carries(kind: str) -> bool:
    """Whether permissions of `kind` are in an export."""
    return any(target.kind == kind for target in EXPORT_TARGETS)


def panel_of(status: Status) -> Liveness | None:
    """The publication of a permission; None if no export covers its kind or nothing is published automatically."""
    found = status.detail
    return found if isinstance(found, Liveness) and found.targets else None


def status_of_request(service_request: ServiceRequest) -> dict[str, Any] | None:
    """The permission of an approved request with its publication status; None for other requests."""
    if service_request.state != State.APPROVED:
        return None
    grant = grant_of(service_request)
    if grant is None or not carries(grant.kind):
        return None
    return {"grant": grant, "status": status_of(grant)}


def statuses(grants: Collection[Grant]) -> dict[str, Status]:
    """The publication status of each permission, by reference; kinds without an export are missing."""
    return {
        reference: replace(found.status, detail=found) for reference, found in liveness_of(grants).items()
    }


def liveness_of(grants: Collection[Grant]) -> dict[str, Liveness]:
    """By reference, for kinds with an export. A fixed number of queries."""
    concerned = [grant for grant in grants if carries(grant.kind)]
    if not concerned:
        return {}
    if not signing.has_key() and not settings.PUBLISH_DIR:
        today = dating.today()
        return {
            grant.reference: Liveness(grant.created_at, [], by_portal_alone(grant, today))
            for grant in concerned
        }
    facts = _Facts([grant.reference for grant in concerned], {grant.kind for grant in concerned})
    return {grant.reference: facts.of(grant) for grant in concerned}


class _Facts:
    """The data about some permissions, read once."""

    def __init__(self, references: Collection[str], kinds: Collection[str]) -> None:
        self.today, self.now = dating.today(), timezone.now()
        self.kinds = {target.key: target.kind for target in EXPORT_TARGETS}
        self.has_key, self.has_folder = signing.has_key(), bool(settings.PUBLISH_DIR)
        self.folder = str(settings.PUBLISH_DIR)
        self.standings = target_standings(kinds)
        self.exported: dict[tuple[str, str], list[ExportedGrant]] = defaultdict(list)
        self.held: dict[tuple[str, str, str], HeldChange] = {}
        self.acts: dict[str, list[Act]] = defaultdict(list)
        for batch in batches(references):
            self._read(batch)
        self.live = self._live_releases()
        self.pending = Pending.objects.first()
        self.published = (
            Publication.objects.filter(folder=self.folder).order_by("-serial").first()
            if self.has_folder
            else None
        )
        self.folder_runs = (
            {run.target: run for run in RunState.objects.filter(place=self.folder)} if self.has_folder else {}
        )

    def _read(self, references: list[str]) -> None:
        rows = ExportedGrant.objects.filter(reference__in=references).select_related("since", "until")
        for row in rows.defer("facts", "lines").order_by("pk"):
            self.exported[row.reference, row.target].append(row)
        for held in HeldChange.objects.filter(reference__in=references, closed_at__isnull=True):
            self.held[held.place, held.target, held.reference] = held
        events = GrantEvent.objects.filter(grant__reference__in=references).order_by("pk")
        columns = ("grant__reference", "pk", "at", "action", "from_state", "to_state")
        for reference, *facts in events.values_list(*columns).iterator(BATCH):
            self.acts[reference].append(Act._make(facts))

    def _live_releases(self) -> dict[tuple[str, str], int]:
        """By host and target: the key of the release that the host's last receipt names, if it is one of ours."""
        states = [host.state for target in self.standings for host in target.hosts]
        states = [state for state in states if state.serial and not state.unknown]
        if not states:
            return {}
        wanted = Q()
        for state in states:
            wanted |= Q(target=state.target, epoch=state.epoch, serial=state.serial)
        rows = Release.objects.filter(wanted).values_list("target", "epoch", "serial", "pk")
        keys = {(target, epoch, serial): pk for target, epoch, serial, pk in rows}
        return {
            (state.host, state.target): keys[state.target, state.epoch, state.serial]
            for state in states
            if (state.target, state.epoch, state.serial) in keys
        }

    # ------------------------------------------------------------------ one permission
    def of(self, grant: Grant) -> Liveness:
        """The publication of one permission."""
        is_active = self.today.is_in_force(grant)
        own = [standing for standing in self.standings if self.kinds[standing.key] == grant.kind]
        found = [self._in_target(grant, standing, is_active) for standing in own] if self.has_key else []
        shown = [row for row in found if row.release or row.held or row.hosts or is_active]
        # If hosts send receipts, only their targets decide what is live; a target that nobody pulls says nothing.
        status = _status(self, grant, is_active, [row for row in found if row.hosts] or found)
        return Liveness(grant.created_at, shown, status)

    def _in_target(self, grant: Grant, standing: TargetStanding, is_active: bool) -> InTarget:
        rows = self.exported.get((grant.reference, standing.key), [])
        row = next((row for row in rows if row.until_id is None), None)
        held = self._held(HOSTS, standing.key, grant.reference)
        last = row or (rows[-1] if rows else None)
        waits = "" if held else self._waits(grant, row, is_active)
        release = last.until or last.since if last else None
        hosts = [self._on_host(host, rows, row, release) for host in standing.hosts]
        return InTarget(standing.label, release, row is None, waits, held, hosts)

    def _held(self, place: str, target: str, reference: str) -> HeldChange | None:
        held = self.held.get((place, target, reference))
        # Held since the date is in doubt it is as it should be: `is_active` is judged by the same date.
        return None if held is None or held.is_by_day else held

    def _waits(self, grant: Grant, row: ExportedGrant | None, is_active: bool) -> str:
        """Why the newest decision is not in a release; "" where it is."""
        if is_active != (row is not None):
            is_behind = True
        elif row is None:
            is_behind = False
        else:
            seen = Seen(row.seen_event, row.seen_at)
            acts = self.acts.get(grant.reference, [])
            # Suspended and resumed in between, it is unchanged; only a change of its entries matters.
            is_behind = any(act.is_after(seen) and act.action in CHANGING for act in acts)
        if not is_behind:
            return ""
        return FAILED if self.pending and self.pending.refused_because else SOON

    def _on_host(
        self,
        standing: HostStanding,
        rows: Iterable[ExportedGrant],
        row: ExportedGrant | None,
        release: Release | None,
    ) -> OnHost:
        state = standing.state
        live = self.live.get((state.host, state.target), 0)
        is_known = bool(live) or not (state.serial or state.unknown)
        holding = [
            known
            for known in rows
            if known.since_id <= live and (known.until_id is None or live < known.until_id)
        ]
        reference = next((known.reference for known in rows), "")
        holds = bool(holding) and reference not in state.lapsed
        if row is None:
            is_current = is_known and not holds
        else:
            is_current = holds and row in holding and not state.differing
        since = self._since(state.host, state.target, release) if is_current and release and live else None
        return OnHost(state.host, holds, is_current, is_known, since, standing.sentence, row is None)

    def _since(self, host: str, target: str, release: Release) -> datetime | None:
        """When the host first reported `release` or a later one, within the stored receipts."""
        place = (release.epoch, release.serial)
        return next((at for known, at in self.receipts[host, target] if known >= place), None)

    @cached_property
    def receipts(self) -> dict[tuple[str, str], list[tuple[tuple[int, int], datetime]]]:
        """By host and target: each release that was reported, and when it went live, the oldest first."""
        found: dict[tuple[str, str], list[tuple[tuple[int, int], datetime]]] = defaultdict(list)
        hosts = {host for host, _ in self.live}
        rows = Receipt.objects.filter(host__in=hosts, serial__gt=0).order_by("id")
        columns = ("host", "target", "epoch", "serial", "applied_at", "received_at")
        for host, target, epoch, serial, applied, received in rows.values_list(*columns):
            found[host, target].append(((epoch, serial), applied or received))
        return found

    # ------------------------------------------------------------------ the published folder
    def folder_reason(self, grant: Grant, is_active: bool) -> str:
        """Why the folder lacks the newest decision; "" if it has it."""
        own = [key for key, kind in self.kinds.items() if kind == grant.kind]
        for target in own:
            if held := self._held(self.folder, target, grant.reference):
                return _held_words(held)
        acts = [act for act in self.acts.get(grant.reference, []) if act.is_turn or act.action in CHANGING]
        newest = acts[-1].at if acts else grant.created_at
        runs = [self.folder_runs.get(target) for target in own]
        if self.pending and self.pending.refused_because:
            return FAILED
        if self.published is None or (
            self.pending and self.pending.changed_at and self.published.published_at < newest
        ):
            return SOON
        if any(run is None or any(act.pk > run.events_read_to for act in acts) for run in runs):
            return SOON
        # A first or a last day that passed changes the folder by no act, at the next run.
        turned = grant.starts_on if is_active else grant.ends_on + timedelta(days=1)
        if grant.state == GrantState.ACTIVE and any(
            run is not None and run.day < turned <= self.today.trusted for run in runs
        ):
            return SOON
        return ""


# ---------------------------------------------------------------- in words
def _status(facts: _Facts, grant: Grant, is_active: bool, found: list[InTarget]) -> Status:
    names = sorted({row.host for target in found for row in target.hosts})
    if is_active:
        return _active(facts, grant, found, names)
    rows = [row for target in found for row in target.hosts]
    holders = sorted({row.host for row in rows if row.holds})
    unknown = sorted({row.host for row in rows if not row.is_known})
    reasons = _reasons(found)
    if facts.has_folder and (why := facts.folder_reason(grant, is_active)):
        reasons.append(why)
    if unknown:
        reasons.insert(0, f"what {sentence_list(unknown)} holds is not known")
    if holders:
        reasons.insert(0, f"{sentence_list(holders)} still {'hold' if len(holders) > 1 else 'holds'} it")
    label = state_words(grant)
    if reasons:
        return Status(Reach.LEAVING, label, _joined(dict.fromkeys(reasons)))
    return Status(Reach.OUT, label, "no mail host holds it." if names else "")


def _active(facts: _Facts, grant: Grant, found: list[InTarget], names: list[str]) -> Status:
    reasons = _reasons(found)
    if facts.has_folder and (why := facts.folder_reason(grant, True)):
        reasons.append(why)
    reasons = list(dict.fromkeys(reasons))
    if not names:
        if reasons:
            return Status(Reach.APPROVED, "Approved, not live yet", _joined(reasons))
        reason = "no mail host reports here whether it is live there."
        if facts.today.is_kept(grant):
            reason = f"{reason} {capfirst(kept_words(grant))}"
        return Status(Reach.RELEASED, "Approved and released", reason)
    missing = sorted({row.host for target in found for row in target.hosts if not row.is_current})
    done = len(names) - len(missing)
    if not missing and not reasons:
        moments = [row.since for target in found for row in target.hosts if row.since]
        since = f" since {_moment(max(moments), facts.now)}" if moments else ""
        label = f"Live on {done} of {len(names)} host{'s' if len(names) > 1 else ''}{since}"
        return Status(Reach.LIVE, label, kept_words(grant) if facts.today.is_kept(grant) else "")
    if missing and not reasons:
        reasons = _missing(found)
    label = "Approved, not live yet"
    if done and missing:
        label = f"Approved, live on {done} of {len(names)} hosts so far"
    return Status(Reach.APPROVED, label, _joined(reasons))


def _reasons(found: list[InTarget]) -> list[str]:
    reasons = [_held_words(target.held) if target.held else target.waits_for for target in found]
    return [reason for reason in dict.fromkeys(reasons) if reason]


def _held_words(held: HeldChange) -> str:
    if held.decided_at:
        return "an administrator released it; it goes out within a minute"
    return f"IT holds it back to look at it. {held.why.rstrip('.')}"


def _missing(found: list[InTarget]) -> list[str]:
    troubles: dict[str, str] = {}
    for target in found:
        for row in target.hosts:
            if not row.is_current:
                troubles[row.host] = troubles.get(row.host) or row.trouble
    plain = sorted(host for host, trouble in troubles.items() if not trouble)
    verb = "have" if len(plain) > 1 else "has"
    reasons = [f"{sentence_list(plain)} {verb} not fetched it yet"] if plain else []
    return reasons + [
        f"{host} is in trouble. {said.rstrip('.')}" for host, said in sorted(troubles.items()) if said
    ]


def _joined(reasons: Iterable[str]) -> str:
    return "; ".join(reasons) + "."


def _moment(moment: datetime, now: datetime) -> str:
    local, today = timezone.localtime(moment), timezone.localtime(now).date()
    time = date_format(local, "H:i")
    return time if local.date() == today else f"{local:%b %-d, %Y}, {time}"
