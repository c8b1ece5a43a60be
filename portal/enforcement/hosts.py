"""Mail hosts: their targets, whether they are up to date, and notices when one is not."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from portal.enforcement import announcements
from portal.enforcement.models import HOSTS, HeldChange, HostState, HostToken, Pending, Release
from portal.enforcement.releasing import latest_release
from portal.enforcement.targets import EXPORT_TARGETS, page_of
from portal.grants import dating
from portal.institution import institution
from portal.outbox.services import enqueue

logger = logging.getLogger(__name__)
LATE_AFTER = timedelta(minutes=15)
"""How long a host may take to apply a release."""
SILENT_AFTER = timedelta(minutes=60)
EXPIRES_SOON = timedelta(days=14)

SENTENCES = {
    "drift": "Its files differ from what was released. Somebody may have edited them by hand.",
    "lint": "The mail system there did not take the last release.",
    "silent": "It has not reported for more than an hour.",
    "behind": "It has not applied the newest release.",
    "unknown": "It holds a release that this database never made, as after a restore. Run manage.py release --after-restore.",
    "expiry": "Its token expires within two weeks. Make a new one and put it on the host.",
}


HELD = (
    "They hold what was released, but something decided is held back or could not be released. See In force."
)


@dataclass(frozen=True)
class HostStanding:
    """The status of one host for one target."""

    state: HostState
    newest: Release | None
    trouble: str
    """A key of SENTENCES, or empty."""

    @property
    def sentence(self) -> str:
        """The problem as a sentence."""
        return SENTENCES.get(self.trouble, "")

    @property
    def is_current(self) -> bool:
        """Whether the newest release is live there."""
        return (
            self.newest is not None and _place(self.state) >= _place(self.newest) and not self.state.unknown
        )

    @property
    def lines(self) -> list[str]:
        """The differing lines."""
        return self.state.differing.splitlines()


@dataclass(frozen=True)
class TargetStanding:
    """One target: its newest release and its hosts."""

    label: str
    key: str
    newest: Release | None
    hosts: list[HostStanding]
    page_url: str = ""
    """The target's own page for people."""


def target_standings(kinds: Collection[str] | None = None) -> list[TargetStanding]:
    """Every target with its hosts, in the order in which targets were registered; of `kinds` alone where given."""
    tokens = _tokens()
    states = [state for state in HostState.objects.all() if (state.host, state.target) in tokens]
    now, found = timezone.now(), []
    for target in EXPORT_TARGETS:
        if kinds is not None and target.kind not in kinds:
            continue
        newest = latest_release(target.key)
        hosts = [
            HostStanding(state, newest, trouble_of(state, newest, tokens[state.host, state.target], now))
            for state in states
            if state.target == target.key
        ]
        found.append(TargetStanding(target.label, target.key, newest, hosts, page_of(target)))
    return found


def _tokens() -> dict[tuple[str, str], datetime]:
    """By host and target with a token: when the last token expires. Revoked ones do not count."""
    found: dict[tuple[str, str], datetime] = {}
    for token in HostToken.objects.filter(revoked_at__isnull=True):
        for target in token.targets:
            key = (token.host, target)
            found[key] = max(token.expires_at, found.get(key, token.expires_at))
    return found


def _place(row: HostState | Release) -> tuple[int, int]:
    """The position of a release in the order of releases."""
    return row.epoch, row.serial


def trouble_of(state: HostState, newest: Release | None, expires_at: datetime, now: datetime) -> str:
    """The worst problem of a host, as a key of SENTENCES; empty if there is none."""
    if state.unknown:
        return "unknown"
    if state.differing:
        return "drift"
    if state.lint:
        return "lint"
    if now - (state.reported_at or state.expected_since) > SILENT_AFTER:
        return "silent"
    if (
        newest
        and _place(state) < _place(newest)
        and now - max(newest.released_at, state.expected_since) > LATE_AFTER
    ):
        return "behind"
    return "expiry" if expires_at - now < EXPIRES_SOON else ""


def look_at(state: HostState) -> str:
    """Check one host now and notify IT of a new problem; return the problem."""
    expires_at = _tokens().get((state.host, state.target))
    if expires_at is None:
        return ""
    trouble = trouble_of(state, latest_release(state.target), expires_at, timezone.now())
    _tell(state, trouble)
    return trouble


def check_hosts() -> dict[str, int]:
    """Check every host with a token; notify IT once of each new problem. Return the number of hosts by problem.
    A host without a problem counts as "held" while something is held back from its target, since it does not
    hold what was decided.
    """
    counts: dict[str, int] = {}
    waiting = _targets_that_wait()
    for target in target_standings():
        for host in target.hosts:
            _tell(host.state, host.trouble)
            word = host.trouble or ("held" if target.key in waiting else "")
            counts[word] = counts.get(word, 0) + 1
    return counts


def _targets_that_wait() -> set[str]:
    """The targets whose newest release lacks something that was decided."""
    held = HeldChange.objects.filter(place=HOSTS, closed_at__isnull=True).values_list("target", flat=True)
    found = set(held)
    if dating.date_in_doubt() or Pending.objects.exclude(refused_because="").exists():
        found.update(target.key for target in EXPORT_TARGETS)
    return found


@transaction.atomic
def _tell(state: HostState, trouble: str) -> None:
    # Only the worker that changes `told` sends an email, so that two concurrent workers send one.
    changed = HostState.objects.filter(pk=state.pk).exclude(told=trouble).update(told=trouble)
    if not changed or not trouble:
        return
    logger.warning("Mail host %s, target %s: %s", state.pk, state.target, trouble)
    if trouble == "drift":
        announcements.host_drifted.tell(state)
    enqueue(
        recipient=institution().contact_email,
        template="host_trouble",
        context={
            "host": state.host,
            "target": _label(state.target),
            "sentence": SENTENCES[trouble],
            "detail": state.lint if trouble == "lint" else "",
            "lines": _first(state.differing.splitlines()) if trouble == "drift" else "",
            "path": "/enforcement/",
        },
    )


def _first(lines: list[str]) -> str:
    more = f"\nand {len(lines) - 10} lines more" if len(lines) > 10 else ""
    return "\n".join(lines[:10]) + more


def _label(key: str) -> str:
    labels: Iterable[str] = (target.label for target in EXPORT_TARGETS if target.key == key)
    return next(iter(labels), key)
