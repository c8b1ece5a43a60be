"""The DNS records of all authorizations as an export, made against what the zones were last seen to hold.

Only what is known to be missing is an addition. What stands there already, differs, or has not been looked up is a
remark, and a record that would break what is there is a STOP with the record to publish instead. The files are made
from the database alone, so that they are the same whenever they are made.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Self

import dns.exception
import dns.zone
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import NOTHING_HELD, Entry, Export, Held, LintError
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.lib.text import ascii_word, one_line
from portal.standards.clauses import current_edition
from senders import services
from senders.dns_records import Listed, facts_of, listed, rows_of, watched
from senders.dns_text import Record, quoted, remark, safe_name, safe_term
from senders.key_checks import key_material
from senders.merging import has_term, is_same_dmarc, merged_spf, spf_without
from senders.models import Purpose, RecordState

ADD = "techmail_senders.zone"
REMOVE = "techmail_senders_remove.nsupdate"


def wanted(day: date) -> QuerySet[Grant]:
    """The grants that may send, or wait for the proof that lets them, on `day`."""
    inside = Q(ends_on__gte=day) | Q(held_open_by__isnull=False)
    return (
        Grant.objects.filter(inside, kind="senders", state__in=(GrantState.ACTIVE, GrantState.UNPROVEN))
        .select_related("owner", "senders")
        .prefetch_related("senders__addresses", "senders__selectors")
        .order_by("reference")
    )


class DnsRecords:
    """The target for the DNS team: a zone fragment, and a script of removals."""

    key = "dns"
    label = "DNS records of authorized senders"
    kind = "senders"
    page = "dns_records"

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """Both files for `day`. The entries are those in force; a waiting grant lets nothing through yet."""
        rows = [row for row in watched(day) if row.authorization.grant.reference not in held]
        rows += [row for facts in held.kept.values() for row in rows_of(facts)]
        records = sorted(listed(rows, day, standing=set(held.kept)), key=_order)
        files = {ADD: _additions(records), REMOVE: _removals(records)}
        in_force = {
            grant.reference: _Allowed.of(grant)
            for grant in wanted(day)
            if grant.reference not in held and grant.is_in_force(day)
        }
        in_force |= {reference: _Allowed.from_kept(facts) for reference, facts in held.kept.items()}
        entries = tuple(
            Entry(reference, address, allowed.ends_on)
            for reference, allowed in sorted(in_force.items())
            for address in allowed.addresses
        )
        terms: dict[str, list[str]] = {reference: [] for reference in in_force}
        for entry in records:
            if not entry.is_over and entry.grant.reference in terms:
                terms[entry.grant.reference].append(f"{entry.row.name} {entry.row.rdtype} {entry.row.value}")
        return Export(files, entries, {reference: "\n".join(lines) for reference, lines in terms.items()})

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """What is written of `references`: the permission, and its records as they were last seen."""
        for grant in wanted(day).filter(reference__in=references).prefetch_related("senders__dns_records"):
            yield (
                grant.reference,
                _Allowed.of(grant)._asdict()
                | {
                    "reference": grant.reference,
                    "owner": grant.owner.email,
                    "state": grant.state,
                    "records": [
                        facts_of(row) for row in grant.senders.dns_records.all() if row.dropped_at is None
                    ],
                },
            )

    def lint(self, folder: Path) -> None:
        """The fragment is a zone that dnspython reads, the script deletes and does nothing else. Raises LintError."""
        lint_zone((folder / ADD).read_text(encoding="utf-8"))
        lint_removals((folder / REMOVE).read_text(encoding="utf-8"))


class _Allowed(NamedTuple):
    """What an authorization in force puts into the manifest."""

    ends_on: date
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """What the database holds of it."""
        return cls(grant.ends_on, tuple(services.authorized_plan(grant).addresses))

    @classmethod
    def from_kept(cls, facts: Mapping[str, Any]) -> Self:
        """The authorization as it was kept with a release."""
        return cls(date.fromisoformat(facts["ends_on"]), tuple(facts["addresses"]))


def _order(entry: Listed) -> tuple[str, str, str, str]:
    row = entry.row
    return entry.grant.reference, row.name, row.rdtype, row.value


# ---------------------------------------------------------------- what is to be added
def _additions(records: Sequence[Listed]) -> str:
    lines = _head("Add these to the zones. Lines that begin with ; are remarks: nothing to load")
    owners, spf = dict[str, Record](), _SpfRecords(records)
    standing = [entry for entry in records if not entry.is_over]
    for _, group in groupby(standing, key=lambda entry: entry.grant.reference):
        entries = list(group)
        lines.append(_note(entries[0].grant))
        with _named(entries[0].grant):
            for entry in entries:
                lines += spf.lines_of(entry) if entry.row.purpose == Purpose.SPF else _addition(entry, owners)
    return "\n".join(lines) + "\n"


def _addition(entry: Listed, owners: dict[str, Record]) -> list[str]:
    row = entry.row
    record = Record(row.name.lower(), row.rdtype, row.value)
    line = record.line
    # A name has one alias or other records, never both (RFC 1034 section 3.6.2): the first permission's stay.
    known = owners.setdefault(record.name, record)
    if known is not record:
        same = known == record
        return [
            f"; stands above already: {line}"
            if same
            else f"; STOP: {known.name} is planned otherwise above: {line}"
        ]
    return _by_state(entry, line)


def _by_state(entry: Listed, line: str) -> list[str]:
    """The record as an addition where it is known to be missing, else as a remark that says why not."""
    row = entry.row
    if entry.is_doubted or entry.has_lost_its_target:
        return [remark(f"STOP: {_target_note(entry)}: {line}")]
    if row.state in (RecordState.DIFFERS, RecordState.CONFLICT):
        return _stop(entry, line)
    if row.state == RecordState.PRESENT:
        return [f"; already there{_since(entry)}: {line}"]
    if row.state == RecordState.UNSEEN or row.seen_at is None:
        return [f"; not looked up yet, check before adding: {line}"]
    if not entry.is_fresh:
        return [f"; last looked up {timezone.localdate(row.seen_at):%Y-%m-%d}, check before adding: {line}"]
    return [remark(row.note), line] if row.note else [line]


def _target_note(entry: Listed) -> str:
    if entry.is_doubted:
        return "the domain of its target could be registered by anybody. Do not add it before IT confirms who holds it"
    return f"{entry.row.alarm_note} Do not add it"


def _stop(entry: Listed, line: str) -> list[str]:
    row = entry.row
    word = "DIFFERS" if row.state == RecordState.DIFFERS else "STOP"
    lines = [remark(f"{word}: {row.note}"), *(remark(f"found: {text}") for text in row.found)]
    if row.publish:
        return [*lines, _instead(row.name, row.publish)]
    return [*lines, f"; {'publish instead' if word == 'DIFFERS' else 'planned'}: {line}"]


def _instead(name: str, text: str) -> str:
    """The merged record as a remark; what a zone file cannot hold is only described."""
    try:
        return f"; publish instead: {Record(name.lower(), 'TXT', text).line}"
    except LintError:
        return remark(f"publish instead, by hand, since it has characters that no zone file takes: {text}")


def _since(entry: Listed) -> str:
    return f" since {timezone.localdate(entry.row.state_since):%Y-%m-%d}" if entry.row.state_since else ""


class _SpfRecords:
    """The one SPF record of each envelope domain: terms of several permissions go into the same text."""

    def __init__(self, records: Iterable[Listed]) -> None:
        self._of: dict[str, list[Listed]] = {}
        for entry in records:
            if entry.row.purpose == Purpose.SPF and entry.removal is None and not entry.has_lost_its_target:
                self._of.setdefault(entry.row.name.lower(), []).append(entry)
        self._written: set[str] = set()

    def lines_of(self, entry: Listed) -> list[str]:
        """The lines for one permission's term; the record itself is written once for its domain."""
        row, domain = entry.row, entry.row.name.lower()
        term, text = safe_term(row.value), f"{safe_name(domain)}, v=spf1: {safe_term(row.value)}"
        if entry.is_doubted or entry.has_lost_its_target:
            return _by_state(entry, f"SPF term {text}")
        entries = self._of[domain]
        newest = max(entries, key=lambda one: (one.row.seen_at is not None, one.row.seen_at, one.row.pk)).row
        if row.state == RecordState.UNSEEN and newest.state == RecordState.UNSEEN:
            return [f"; not looked up yet, check before adding to the one SPF record of {text}"]
        if any(has_term(found, term) for found in newest.found) and newest.state == RecordState.PRESENT:
            return [f"; already there{_since(entry)}: in the SPF record of {text}"]
        if domain in self._written:
            return [f"; in the record above: {text}"]
        self._written.add(domain)
        return self._record(entry, entries, newest.found, newest.pk)

    def _record(
        self, entry: Listed, entries: Sequence[Listed], found: Sequence[str], newest: int
    ) -> list[str]:
        row = next(one.row for one in entries if one.row.pk == newest)
        if found and str(found[0]).startswith("CNAME "):
            return _stop(entry, f"{safe_name(row.name.lower())} TXT v=spf1 {row.value}")
        merged = merged_spf(found, [one.row.value for one in entries])
        cost = (
            f"it needs {row.lookups} of 10 DNS lookups (RFC 7208 section 4.6.4)"
            if merged == row.publish and row.lookups is not None
            else "what it costs receivers is looked up within a day"
        )
        newest_entry = next(one for one in entries if one.row.pk == newest)
        if found or row.state == RecordState.CONFLICT:
            note = (
                row.note
                or f"{row.name} has an SPF record already; there must be exactly one (RFC 7208 section 3.2)."
            )
            return [
                remark(f"STOP: {note}"),
                *(remark(f"found: {text}") for text in found),
                _instead(row.name, merged),
                remark(cost),
            ]
        return [*_by_state(newest_entry, Record(row.name.lower(), "TXT", merged).line), remark(cost)]


# ---------------------------------------------------------------- what is to be removed
def _removals(records: Sequence[Listed]) -> str:
    lines = _head("Remove these from the zones; lines for nsupdate")
    going = [entry for entry in records if entry.removal is not None]
    for _, group in groupby(going, key=lambda entry: entry.grant.reference):
        entries = list(group)
        lines.append(_note(entries[0].grant))
        with _named(entries[0].grant):
            for entry in entries:
                lines += _removal(entry)
    return "\n".join(lines) + "\n"


def _removal(entry: Listed) -> list[str]:
    row, removal = entry.row, entry.removal
    assert removal is not None
    what = f"{row.name} {row.rdtype} {row.value}"
    if entry.shared_with:
        return [remark(f"stays, since {entry.shared_with} needs it: {what}")]
    if entry.is_gone:
        since = f" since {timezone.localdate(row.gone_at):%Y-%m-%d}" if row.gone_at else ""
        return [remark(f"gone{since}: {what}")]
    why = remark(f"{removal.reason.replace('’', chr(39))}, since {removal.since:%Y-%m-%d}")
    if row.purpose == Purpose.SPF:
        return [why, *_spf_removal(entry)]
    return [why, *(Record(row.name.lower(), row.rdtype, value).removal for value in _published(entry))]


def _published(entry: Listed) -> list[str]:
    """The texts to delete: as they were found where they say the same in other words, else as planned."""
    row = entry.row
    if row.rdtype == "CNAME" or not row.is_there:
        return [row.value]
    if row.purpose == Purpose.DMARC:
        texts = [text for text in row.found if is_same_dmarc(text, row.value)]
    else:
        texts = [text for text in row.found if key_material(text) == key_material(row.value)]
    return [text for text in texts if _is_writable(text)] or [row.value]


def _is_writable(text: str) -> bool:
    try:
        quoted(text)
    except LintError:
        return False
    return True


def _spf_removal(entry: Listed) -> list[str]:
    row = entry.row
    lines = [
        f"; SPF: from the TXT record v=spf1 of {safe_name(row.name.lower())}, remove: {safe_term(row.value)}"
    ]
    holding = [text for text in row.found if has_term(text, row.value)]
    return lines + [_instead(row.name, spf_without(text, row.value)) for text in holding]


@contextmanager
def _named(grant: Grant) -> Iterator[None]:
    """Say with a LintError whose record it is: that permission alone is held then."""
    try:
        yield
    except LintError as error:
        raise LintError(str(error), grant=grant.reference) from error


def _head(what: str) -> list[str]:
    return [
        f"; {what}",
        f"; serial={SERIAL} policy={ascii_word(current_edition().id)}; written by the portal, not by hand",
    ]


def _note(grant: Grant) -> str:
    words = f"owner={ascii_word(grant.owner.email)} ends={grant.ends_on:%Y-%m-%d}"
    return one_line(f"; {ascii_word(grant.reference)} {words} state={ascii_word(grant.state)}")


def lint_zone(text: str) -> None:
    """Raises LintError where the text is no zone fragment, or an alias stands beside something else."""
    try:
        dns.zone.from_text(text, origin=".", relativize=False, check_origin=False)
    except (dns.exception.DNSException, ValueError) as error:
        raise LintError(f"The zone is malformed: {one_line(str(error))[:200]}") from error


def lint_removals(text: str) -> None:
    """Raises LintError for any line that is neither a remark nor one deletion."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line and not line.startswith((";", "update delete ")):
            raise LintError(f"Line {number} is malformed: {line[:80]!r}")
