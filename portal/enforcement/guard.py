"""What may go into the next release of a target. Everything that an action or the date explains goes out at
once. What nothing explains is held, one permission at a time: for it the release repeats the last one. So a
database fault or a bug neither removes nor adds permissions, and a revocation never waits.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, NamedTuple, Protocol

from django.db import connection, transaction
from django.db.models import Max

from portal.enforcement import explaining
from portal.enforcement.explaining import Act, Clock, Explanation, Record, Seen
from portal.enforcement.models import Direction, HeldChange, RunState
from portal.enforcement.targets import NOTHING_HELD, Entry, Export, Held, LintError, Target, as_json
from portal.grants.dating import Today
from portal.grants.models import Grant, GrantEvent
from portal.lib.text import truncate

BATCH = 1000
MOST_LINES = 200
MOST_UNWRITABLE = 200
MOST_LINTS = 24
"""The most calls of the mail system's own parser to find permissions that it cannot read."""
OVERLAP = 1000
"""How many events before the last are read again: numbers are assigned before commit."""


class Mark(NamedTuple):
    """A digest of what an export holds of a permission."""

    digest: str
    ends_on: date
    entries: int
    seen: Seen = Seen()


class Kept(NamedTuple):
    """What was stored about a permission with a release."""

    lines: Sequence[str]
    facts: Any


class Store(Protocol):
    """The contents of the last release of a target in one place."""

    is_new: bool
    """Whether nothing was released there yet, so that there is nothing to compare with."""

    def marks(self) -> dict[str, Mark]:
        """By reference: its contents."""

    def kept(self, references: Collection[str]) -> dict[str, Kept]:
        """The stored facts of these references."""

    def gone(self, references: Collection[str]) -> dict[str, Seen]:
        """For those of `references` that it no longer holds: the last event that this reflects."""


class Unexplained(NamedTuple):
    """One permission that is held, and why."""

    reference: str
    direction: Direction
    mark: str
    lines: Sequence[str]
    why: str
    is_by_day: bool = False
    is_unwritable: bool = False


@dataclass(frozen=True)
class Prepared:
    """A release that may go out, and what is held back from it."""

    place: str
    target: Target
    clock: Clock
    export: Export
    marks: Mapping[str, Mark]
    """What `export` holds."""
    before: Mapping[str, Mark]
    """What the last release holds."""
    seen: Mapping[str, Seen]
    """For changed permissions and those with new events: the last event that is reflected."""
    unexplained: Sequence[Unexplained]
    events_read_to: int
    is_accepted: bool = False
    """Whether a person confirmed on the command line that all changes and the date are correct."""
    held: Held = NOTHING_HELD
    facts: dict[str, str] = field(default_factory=dict)
    """By reference, for additions and changes: JSON from which it can be rendered again."""

    @property
    def changed(self) -> list[str]:
        """Added and changed permissions, by reference."""
        return sorted(
            name
            for name, mark in self.marks.items()
            if name not in self.before or self.before[name].digest != mark.digest
        )

    @property
    def dropped(self) -> list[str]:
        """Removed permissions, by reference."""
        return sorted(name for name in self.before if name not in self.marks)


def batches(things: Iterable[str], size: int = BATCH) -> Iterator[list[str]]:
    """`things` in lists of at most `size`."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read inside comes from one snapshot, so that no partial change is released."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        # Not `atomic`, which takes SQLite's write lock: nobody could write while the files are linted.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def marks_of(export: Export) -> dict[str, Mark]:
    """What an export holds, by reference."""
    values: dict[str, list[Entry]] = {}
    for entry in export.entries:
        values.setdefault(entry.grant, []).append(entry)
    return {reference: _mark(found, export.terms.get(reference, "")) for reference, found in values.items()}


def _mark(entries: list[Entry], terms: str) -> Mark:
    text = "\0".join([terms, *sorted(f"{entry.value}\t{entry.ends_on}" for entry in entries)])
    last = max(entry.ends_on for entry in entries)
    return Mark(hashlib.sha256(text.encode()).hexdigest(), last, len(entries))


def lines_of(export: Export, references: Collection[str]) -> dict[str, list[str]]:
    """The entries of `references` in an export, as lines for people."""
    found: dict[str, list[str]] = {reference: [] for reference in references}
    for entry in export.entries:
        if entry.grant in found:
            found[entry.grant].append(f"{entry.value} until {entry.ends_on}")
    return {name: sorted(lines) + export.terms.get(name, "").splitlines() for name, lines in found.items()}


# ---------------------------------------------------------------- preparing
def prepare(
    target: Target, *, place: str, today: Today, install_path: str, store: Store, accept_all: bool = False
) -> Prepared:
    """Prepare the next release of `target` for `place`. Raises LintError if its files cannot be written at all.

    Call it inside `snapshot`.
    """
    state = RunState.objects.filter(place=place, target=target.key).first()
    last = store.marks()
    day = today.day
    clock = Clock(day, day, None) if accept_all else Clock(day, today.trusted, state.day if state else None)
    events_read_to = GrantEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    writable = _Writable(target, day, install_path, store, last)
    export = writable.render()
    marks = marks_of(export)
    found = _judge(marks, last, store, clock)
    seen = found.seen | _seen_since(state.events_read_to if state else 0, last)
    accepted = set() if accept_all else _accepted(place, target.key)
    held = {
        reference: verdict
        for reference, verdict in found.held.items()
        if not accept_all and (reference, _digest(marks, reference)) not in accepted
    }
    unexplained = _described(held, export, marks, last, store)
    if held:
        writable.hold(held)
        export = writable.render()
        marks = marks_of(export)
    prepared = Prepared(
        place,
        target,
        clock,
        export,
        marks,
        last,
        seen,
        [*unexplained, *writable.unexplained],
        events_read_to,
        accept_all,
        writable.held,
    )
    _keep_facts(prepared)
    return prepared


class _Writable:
    """Renders a target without the permissions that cannot be written: each of them is held, and the others are
    released.
    """

    def __init__(
        self, target: Target, day: date, install_path: str, store: Store, last: Mapping[str, Mark]
    ) -> None:
        self.target, self.day, self.install_path = target, day, install_path
        self.store, self.last = store, last
        self.held, self.unexplained = NOTHING_HELD, list[Unexplained]()

    def render(self) -> Export:
        """Return the export. Raises LintError if no single permission is the cause."""
        while True:
            try:
                return self.target.render(day=self.day, install_path=self.install_path, held=self.held)
            except LintError as error:
                known = {row.reference for row in self.unexplained}
                if not error.grant or error.grant in known or len(known) >= MOST_UNWRITABLE:
                    raise
                self.refuse([error.grant], str(error))

    def refuse(self, references: Sequence[str], why: str) -> None:
        """Hold permissions that cannot be written."""
        for reference in references:
            way = Direction.CHANGE if reference in self.last else Direction.ADDITION
            text = f"The mail system cannot read it: {why}"
            self.unexplained.append(Unexplained(reference, way, "unwritable", [], text, is_unwritable=True))
        self.hold(references)

    def hold(self, references: Iterable[str]) -> None:
        """Use `references` as the last release had them, or leave them out if it did not have them."""
        wanted = list(references)
        kept = {
            name: row.facts for name, row in self.store.kept([r for r in wanted if r in self.last]).items()
        }
        out = frozenset(name for name in wanted if name not in kept)
        self.held = Held({**self.held.kept, **kept}, self.held.left_out | out)


def without_unreadable(
    prepared: Prepared, *, install_path: str, store: Store, lint: Callable[[Export], None]
) -> Prepared:
    """Return `prepared` without the additions and changes that the mail system's own parser refuses. Raises
    LintError if it also refuses the files without them.

    Removals never wait for an addition that is malformed. Call it inside `snapshot`.
    """
    asked = 0

    def refusal(held: Sequence[str]) -> LintError | None:
        nonlocal asked
        asked += 1
        trial = _Writable(prepared.target, prepared.clock.day, install_path, store, prepared.before)
        trial.held = prepared.held
        trial.hold(held)
        try:
            lint(trial.render())
        except LintError as error:
            return error
        return None

    suspects = prepared.changed
    error = refusal(suspects)
    if error is not None:
        raise error
    cleared, refused = set[str](), dict[str, str]()
    groups = [suspects]
    while groups:
        group = groups.pop()
        found = refusal([name for name in suspects if name not in cleared and name not in group])
        if found is None:
            cleared.update(group)
        elif len(group) == 1 or asked >= MOST_LINTS:
            refused.update(dict.fromkeys(group, str(found)))
        else:
            middle = len(group) // 2
            groups += [group[middle:], group[:middle]]
    final = _Writable(prepared.target, prepared.clock.day, install_path, store, prepared.before)
    final.held = prepared.held
    for name, why in refused.items():
        final.refuse([name], why)
    export = final.render()
    lint(export)
    fresh = Prepared(
        prepared.place,
        prepared.target,
        prepared.clock,
        export,
        marks_of(export),
        prepared.before,
        prepared.seen,
        [*prepared.unexplained, *final.unexplained],
        prepared.events_read_to,
        prepared.is_accepted,
        final.held,
    )
    _keep_facts(fresh)
    return fresh


def _keep_facts(prepared: Prepared) -> None:
    for references in batches(prepared.changed):
        for reference, facts in prepared.target.facts(day=prepared.clock.day, references=references):
            prepared.facts[reference] = as_json(facts)


# ---------------------------------------------------------------- judging
class _Unexplained(NamedTuple):
    held: dict[str, Explanation]
    seen: dict[str, Seen]


def _judge(new: Mapping[str, Mark], last: Mapping[str, Mark], store: Store, clock: Clock) -> _Unexplained:
    """The differences without an explanation, and the last event that each difference reflects."""
    if store.is_new:
        return _Unexplained({}, _newest_events())
    differs = [name for name, mark in new.items() if name not in last or last[name].digest != mark.digest]
    differs += [name for name in last if name not in new]
    found = _Unexplained({}, {})
    for references in batches(differs):
        records = records_of(references)
        taken_out = store.gone([name for name in references if name not in last])
        for name in references:
            record = records.get(name)
            found.seen[name] = record.seen if record else Seen()
            if name not in new:
                before = last[name]
                verdict = explaining.removal(record, ends_on=before.ends_on, seen=before.seen, clock=clock)
            elif name in last:
                verdict = explaining.change(record, seen=last[name].seen)
            else:
                verdict = explaining.addition(record, seen=taken_out.get(name, Seen()), clock=clock)
            if not verdict.is_explained:
                found.held[name] = verdict
    return found


def records_of(references: Collection[str]) -> dict[str, Record]:
    """The permissions with their events, by reference; deleted ones are missing."""
    events: dict[str, list[Act]] = {}
    rows = GrantEvent.objects.filter(grant__reference__in=references).order_by("pk")
    columns = ("grant__reference", "pk", "at", "action", "from_state", "to_state")
    for reference, *facts in rows.values_list(*columns):
        events.setdefault(reference, []).append(Act._make(facts))
    grants = Grant.objects.filter(reference__in=references)
    return {
        reference: Record(state, starts_on, ends_on, events.get(reference, []), held_open_by is not None)
        for reference, state, starts_on, ends_on, held_open_by in grants.values_list(
            "reference", "state", "starts_on", "ends_on", "held_open_by"
        )
    }


def _seen_since(read_to: int, last: Mapping[str, Mark]) -> dict[str, Seen]:
    """The newest events since the last run, of permissions in the last release."""
    rows = GrantEvent.objects.filter(pk__gt=max(0, read_to - OVERLAP)).order_by("pk")
    found = {
        reference: Seen(pk, at)
        for reference, pk, at in rows.values_list("grant__reference", "pk", "at").iterator(BATCH)
        if reference in last
    }
    return {name: seen for name, seen in found.items() if seen.event > last[name].seen.event}


def _newest_events() -> dict[str, Seen]:
    """The newest event of each permission, in one query."""
    rows = GrantEvent.objects.order_by().values_list("grant__reference").annotate(Max("pk"), Max("at"))
    return {reference: Seen(pk, at) for reference, pk, at in rows.iterator(BATCH)}


def _accepted(place: str, target: str) -> set[tuple[str, str]]:
    rows = HeldChange.objects.filter(
        place=place, target=target, closed_at__isnull=True, decided_at__isnull=False, is_unwritable=False
    )
    return set(rows.values_list("reference", "mark"))


def _digest(marks: Mapping[str, Mark], reference: str) -> str:
    return marks[reference].digest if reference in marks else ""


def _described(
    held: Mapping[str, Explanation],
    export: Export,
    marks: Mapping[str, Mark],
    last: Mapping[str, Mark],
    store: Store,
) -> list[Unexplained]:
    after = lines_of(export, [name for name in held if name in marks])
    found = []
    for references in batches(sorted(held)):
        before = store.kept([name for name in references if name in last])
        for name in references:
            old, new = list(before[name].lines) if name in before else [], after.get(name, [])
            lines = [f"- {line}" for line in old if line not in new]
            lines += [f"+ {line}" for line in new if line not in old]
            way = (
                Direction.REMOVAL
                if name not in marks
                else Direction.CHANGE
                if name in last
                else Direction.ADDITION
            )
            verdict = held[name]
            found.append(
                Unexplained(name, way, _digest(marks, name), _shown(lines), verdict.why, verdict.is_by_day)
            )
    return found


def _shown(lines: list[str]) -> list[str]:
    shown = [truncate(line, 300) for line in lines[:MOST_LINES]]
    return [*shown, f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else shown
