"""The DNS records of all authorizations as an export: what stands, and what is to go."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

import dns.exception
import dns.zone
from django.db.models import Q, QuerySet

from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import NOTHING_HELD, Entry, Export, Held, LintError
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.lib.text import ascii_word, one_line
from portal.standards.clauses import current_edition
from senders import services
from senders.dns_text import Record, change_set, records_of, removal_set
from senders.plan import KeyPlan, Plan

ADD = "techmail_senders.zone"
REMOVE = "techmail_senders_remove.nsupdate"
REMOVAL_DAYS = 365
"""How long the removal of an ended authorization is repeated."""


def _grants() -> QuerySet[Grant]:
    return (
        Grant.objects.filter(kind="senders")
        .select_related("owner", "senders")
        .prefetch_related("senders__addresses", "senders__selectors")
        .order_by("reference")
    )


def wanted(day: date) -> QuerySet[Grant]:
    """The grants whose records stand on `day`: in force, or waiting for the proof that needs them."""
    inside = Q(ends_on__gte=day) | Q(held_open_by__isnull=False)
    return _grants().filter(inside, state__in=(GrantState.ACTIVE, GrantState.UNPROVEN))


def unwanted(day: date) -> QuerySet[Grant]:
    """The grants whose records are to go: over or stopped, for a year."""
    since = day - timedelta(days=REMOVAL_DAYS)
    standing = wanted(day).order_by().values("pk")
    return _grants().exclude(pk__in=standing).filter(
        Q(ends_on__gte=since) | Q(state_changed_at__date__gte=since)
    )  # fmt: skip


class Authorized(NamedTuple):
    """One authorization as both files know it."""

    reference: str
    owner: str
    ends_on: date
    state: str
    plan: Plan

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """What the database holds of it."""
        plan = services.authorized_plan(grant)
        return cls(grant.reference, grant.owner.email, grant.ends_on, grant.state, plan)

    @classmethod
    def from_kept(cls, facts: Mapping[str, Any]) -> Self:
        """The authorization as it was kept with a release."""
        plan = dict(facts["plan"])
        plan["keys"] = [KeyPlan(**key) for key in plan["keys"]]
        last = date.fromisoformat(facts["ends_on"])
        return cls(facts["reference"], facts["owner"], last, facts["state"], Plan(**plan))

    @property
    def facts(self) -> dict[str, Any]:
        """What `from_kept` reads again."""
        return {**self._asdict(), "plan": asdict(self.plan)}


class DnsRecords:
    """The target for the DNS team: a zone fragment, and a script of removals."""

    key = "dns"
    label = "DNS records of authorized senders"
    kind = "senders"

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """Both files for `day`. The entries are those in force; a waiting grant lets nothing through yet."""
        found = [(Authorized.of(grant), grant.is_in_force(day)) for grant in wanted(day)]
        found = [(row, in_force) for row, in_force in found if row.reference not in held]
        found += [(Authorized.from_kept(facts), True) for facts in held.kept.values()]
        standing = sorted((row for row, _ in found), key=lambda row: row.reference)
        in_force = [row for row, in_force in found if in_force]
        kept = {record for row in standing for record in records_of(row.plan)}
        over = [Authorized.of(grant) for grant in unwanted(day) if grant.reference not in held]
        files = {ADD: _additions(standing), REMOVE: _removals(over, kept)}
        entries = tuple(
            Entry(row.reference, address, row.ends_on) for row in in_force for address in row.plan.addresses
        )
        return Export(files, entries, {row.reference: "\n".join(_records(row.plan)) for row in in_force})

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """What is written of `references`."""
        for grant in wanted(day).filter(reference__in=references):
            yield grant.reference, Authorized.of(grant).facts

    def lint(self, folder: Path) -> None:
        """The fragment is a zone that dnspython reads, the script deletes and does nothing else. Raises LintError."""
        lint_zone((folder / ADD).read_text(encoding="utf-8"))
        lint_removals((folder / REMOVE).read_text(encoding="utf-8"))


def _records(plan: Plan) -> list[str]:
    """What the plan puts into the DNS, as lines to compare."""
    return [*(str(record) for record in records_of(plan)), plan.spf_term]


def _additions(rows: Iterable[Authorized]) -> str:
    lines, owners = _head("Add these to the zones"), dict[str, Record]()
    for row in rows:
        plan = row.plan
        lines.append(_note(row))
        doubled = set()
        for record in records_of(plan):
            # A name has one alias or other records, never both (RFC 1034 section 3.6.2): the first grant's stay.
            known = owners.setdefault(record.name, record)
            if known is not record:
                doubled.add(record.line)
        lines += [
            line if line not in doubled else f"; stands above already: {line}" for line in change_set(plan)
        ]
    return "\n".join(lines) + "\n"


def _removals(rows: Iterable[Authorized], kept: set[Record]) -> str:
    lines = _head("Remove these from the zones; lines for nsupdate")
    for row in rows:
        found = removal_set(row.plan, kept=tuple(kept))
        lines += [_note(row), *found]
    return "\n".join(lines) + "\n"


def _head(what: str) -> list[str]:
    return [
        f"; {what}",
        f"; serial={SERIAL} policy={ascii_word(current_edition().id)}; written by the portal, not by hand",
    ]


def _note(row: Authorized) -> str:
    words = f"owner={ascii_word(row.owner)} ends={row.ends_on:%Y-%m-%d}"
    return one_line(f"; {ascii_word(row.reference)} {words} state={ascii_word(row.state)}")


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
