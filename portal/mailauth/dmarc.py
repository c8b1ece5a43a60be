"""The DMARC report of a domain: which record applies, by whom it is found, and what it asks (RFC 9989)."""

import asyncio
from dataclasses import dataclass

from portal.lib.outcome import Outcome
from portal.mailauth.answers import Lookups
from portal.mailauth.discovery import Discovery, Place, discover
from portal.mailauth.dmarc_reports import ReportDestination, destinations, notes_on
from portal.mailauth.notes import Note, fail, info, outcome_of, unknown, warn
from portal.mailauth.organizational import OrganizationalDomain

_WEAKER = {"reject": "quarantine", "quarantine": "none", "none": "none"}


@dataclass(frozen=True)
class DmarcReport:
    """What DMARC says about mail from `domain`. Where the methods differ, the fields follow RFC 9989."""

    domain: str
    outcome: Outcome
    record: str | None
    found_at: str | None
    """The domain whose `_dmarc` holds the record: the domain itself or one above it."""
    policy: str | None
    """What receivers are asked to do with failing mail from this very domain: p, or sp or np of a higher one."""
    subdomain_policy: str | None
    nonexistent_policy: str | None
    adkim: str | None
    aspf: str | None
    psd: str | None
    testing: bool
    """t=y: receivers are asked to apply one level less."""
    found_at_rfc7489: str | None
    policy_rfc7489: str | None
    organizational_domain: OrganizationalDomain
    report_destinations: tuple[ReportDestination, ...]
    notes: tuple[Note, ...]
    discovery: Discovery


async def check_dmarc(domain: str, lookups: Lookups) -> DmarcReport:
    """The DMARC report of `domain`: discovery in one round of questions, report addresses in another."""
    discovery, exists = await asyncio.gather(discover(domain, lookups), _exists(domain, lookups))
    place = discovery.rfc9989.place
    tags = place.syntax.tags if place is not None else {}
    sent_to: tuple[ReportDestination, ...] = ()
    if place is not None:
        sent_to = await destinations(place.domain, place.syntax.reports_to, lookups)
    notes = [*_notes_on_finding(discovery), *_notes_on_methods(discovery, exists=exists), *notes_on(sent_to)]
    if place is not None:
        notes = [*_notes_on_record(place, discovery, exists=exists), *notes]
    older = discovery.rfc7489
    return DmarcReport(
        domain=domain,
        outcome=outcome_of(notes),
        record=place.records[0] if place is not None else None,
        found_at=place.domain if place is not None else None,
        policy=discovery.rfc9989.policy_for(domain, exists=exists),
        subdomain_policy=tags.get("sp"),
        nonexistent_policy=tags.get("np"),
        adkim=tags.get("adkim"),
        aspf=tags.get("aspf"),
        psd=tags.get("psd"),
        testing=tags.get("t") == "y",
        found_at_rfc7489=older.place.domain if older.place is not None else None,
        policy_rfc7489=older.policy_for(domain),
        organizational_domain=discovery.organizational_domain,
        report_destinations=sent_to,
        notes=tuple(dict.fromkeys(notes)),
        discovery=discovery,
    )


async def _exists(domain: str, lookups: Lookups) -> bool:
    """Whether the name has an address or takes mail: `np` is for those that do not (RFC 9989 section 3.2.13).

    What cannot be established counts as existing, so that nobody is told of a policy that does not apply.
    """
    answers = await lookups.ask_all([(domain, "A"), (domain, "AAAA"), (domain, "MX")])
    return not all(answer.is_void for answer in answers)


def _notes_on_finding(discovery: Discovery) -> list[Note]:
    here = discovery.here
    notes = []
    if len(here.records) > 1:
        notes.append(
            fail(
                f"There are {len(here.records)} DMARC records at _dmarc.{here.domain}; receivers discard them all. "
                "Keep one."
            )
        )
    notes += [
        warn(f"There are several DMARC records at _dmarc.{place.domain}; they are discarded.")
        for place in discovery.places[1:]
        if len(place.records) > 1
    ]
    if discovery.rfc9989.unknown:
        notes.append(
            unknown(f"Which DMARC record applies could not be established: {discovery.rfc9989.unknown}.")
        )
    elif discovery.rfc9989.place is None and len(here.records) <= 1:
        notes.append(fail(f"There is no DMARC record for {discovery.domain}."))
    strays = len(here.answer.records) - len(here.records)
    if strays:
        notes.append(warn(f"{strays} other TXT record(s) at _dmarc.{here.domain} are no DMARC records."))
    if here.has_record and here.answer.chain:
        notes.append(info(f"_dmarc.{here.domain} is an alias of {here.answer.chain[-1]}."))
    return notes


def _notes_on_methods(discovery: Discovery, *, exists: bool) -> list[Note]:
    newer, older, owner = discovery.rfc9989, discovery.rfc7489, discovery.organizational_domain
    notes = []
    if owner.rfc9989 is None and not newer.unknown:
        notes.append(
            warn(
                "Who owns the name by the tree walk could not be established: a name above it did not answer."
            )
        )
    elif owner.rfc9989 is not None and not owner.agrees:
        notes.append(
            warn(
                f"Receivers disagree about the organizational domain: {owner.rfc9989} by the tree walk (RFC 9989), "
                f"{owner.rfc7489} by the public suffix list (RFC 7489)."
            )
        )
    if newer.unknown or older.unknown:
        return notes
    newer_policy, older_policy = (
        newer.policy_for(discovery.domain, exists=exists),
        older.policy_for(discovery.domain),
    )
    if (newer.place and newer.place.domain) != (older.place and older.place.domain):
        notes.append(
            warn(
                f"Receivers apply different records: that of {_named(newer.place)} with policy "
                f"{newer_policy or 'none at all'} (RFC 9989), that of {_named(older.place)} with policy "
                f"{older_policy or 'none at all'} (RFC 7489)."
            )
        )
    return notes


def _named(place: Place | None) -> str:
    return place.domain if place is not None else "nobody"


def _notes_on_record(place: Place, discovery: Discovery, *, exists: bool) -> list[Note]:
    syntax = place.syntax
    if syntax.verdict.fault is not None:
        return [fail(f"The record at _dmarc.{place.domain} is not valid: {syntax.verdict.fault}")]
    notes = [warn(remark) for remark in syntax.verdict.remarks]
    if place.domain != discovery.domain:
        which = "np" if not exists else "sp"
        notes.append(
            info(
                f"{discovery.domain} has no record of its own; {which} of {place.domain} applies to it (RFC 9989)."
            )
        )
    policy = discovery.rfc9989.policy_for(discovery.domain, exists=exists)
    # What the parser already remarks on (p=none, an explicit sp=none) is not said twice.
    if policy == "none" and syntax.tags.get("p") != "none" and "sp" not in syntax.explicit:
        notes.append(warn(f"The policy for mail from {discovery.domain} is none: failing mail is delivered."))
    if syntax.tags.get("np") == "none" and "np" in syntax.explicit and syntax.tags.get("p") != "none":
        notes.append(warn(f"np=none: names under {place.domain} that do not exist can be used by anybody."))
    if syntax.tags.get("t") == "y" and policy is not None:
        notes.append(
            warn(
                f"t=y: receivers are asked to apply {_WEAKER.get(policy, policy)} instead of {policy} for now."
            )
        )
    if syntax.tags.get("psd") == "y":
        notes.append(info(f"{place.domain} declares itself a public suffix (psd=y)."))
    return notes
