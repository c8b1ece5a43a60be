"""What adding a term to a domain's SPF record would do, before anybody changes the DNS (RFC 7208)."""

import re
from dataclasses import dataclass

from portal.mailauth.answers import Lookups
from portal.mailauth.names import DomainRefused, parse_domain
from portal.mailauth.published_syntax import judge_spf
from portal.mailauth.spf import SpfReport, check_spf, check_unpublished_spf
from portal.mailauth.spf_terms import split_terms

_ENDS_RECORD = re.compile(r"[+\-~?]?all|redirect=.*|exp=.*", re.IGNORECASE)
LONGEST_TERM = 300


class TermRefused(ValueError):
    """The text is no SPF term; `str(error)` says what is wrong."""


@dataclass(frozen=True)
class SpfSimulation:
    """The record before and after the change; `changed` is the text to publish, or None without a record."""

    term: str
    before: SpfReport
    after: SpfReport | None
    changed: str | None
    already_there: bool

    @property
    def added_lookups(self) -> int | None:
        """DNS lookups that the term costs; None where it cannot be told."""
        if self.after is None or self.after.lookups is None or self.before.lookups is None:
            return None
        return self.after.lookups - self.before.lookups


def parse_spf_term(text: str) -> str:
    """One mechanism such as `include:spf.vendor.example`; a bare domain is taken for an include.

    Raises TermRefused with one sentence.
    """
    typed = text.strip()
    if not typed or len(typed) > LONGEST_TERM or any(char.isspace() for char in typed):
        raise TermRefused("Enter one SPF term without blanks, such as include:spf.vendor.example.")
    if ":" not in typed and "." in typed and "=" not in typed and "/" not in typed:
        try:
            typed = f"include:{parse_domain(typed)}"
        except DomainRefused as error:
            raise TermRefused(str(error)) from error
    if _ENDS_RECORD.fullmatch(typed) or "=" in typed:
        raise TermRefused("Enter a mechanism such as include:, ip4: or a:, not one that ends the record.")
    fault = judge_spf(f"v=spf1 {typed} -all", "simulated.invalid").fault
    if fault is not None:
        raise TermRefused(f"This is no SPF term: {fault}")
    return typed


async def simulate_spf(domain: str, term: str, lookups: Lookups) -> SpfSimulation:
    """Evaluate the record of `domain` as it is and as it would be with `term` (from `parse_spf_term`)."""
    before = await check_spf(domain, lookups)
    if before.record is None:
        if before.tree.records or before.tree.answer is None or before.tree.answer.is_unknown:
            return SpfSimulation(term, before, None, None, already_there=False)
        changed = f"v=spf1 {term} ~all"
    elif term.lower() in before.record.lower().split():
        return SpfSimulation(term, before, before, before.record, already_there=True)
    else:
        changed = insert_term(before.record, term)
    return SpfSimulation(
        term, before, await check_unpublished_spf(changed, domain, lookups), changed, already_there=False
    )


def insert_term(record: str, term: str) -> str:
    """The record with `term` before whatever ends it, so that it is reached."""
    parts = record.split()
    for index, part in enumerate(parts):
        if _ENDS_RECORD.fullmatch(part):
            return " ".join([*parts[:index], term, *parts[index:]])
    return " ".join([*parts, term])


def costs_lookup(term: str) -> bool:
    """Whether receivers spend a DNS lookup on the term at all (ip4, ip6 and all are free)."""
    return bool(split_terms(f"v=spf1 {term}").querying)
