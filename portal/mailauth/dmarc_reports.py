"""Whether the addresses that a DMARC record sends reports to have agreed to it (RFC 9990 4, RFC 7489 7.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.mailauth.answers import Answer, Lookups
from portal.mailauth.notes import Note, warn
from portal.mailauth.organizational import by_public_suffix

MOST_ADDRESSES = 10
"""Addresses looked at; a record with more is odd, and each costs a question."""


@dataclass(frozen=True)
class ReportDestination:
    """One address of `rua` or `ruf`."""

    address: str
    domain: str
    external: bool
    """Whether it belongs to another organization, which must then have agreed in its own DNS."""
    authorized: bool | None
    """None where that could not be established; True for the organization's own addresses."""


async def destinations(
    policy_domain: str, addresses: Sequence[str], lookups: Lookups
) -> tuple[ReportDestination, ...]:
    """Every report address of the record at `policy_domain`, with whether it is authorized."""
    pairs = [
        (address, address.rpartition("@")[2].lower().rstrip(".")) for address in addresses[:MOST_ADDRESSES]
    ]
    owner = by_public_suffix(policy_domain)
    external = [domain for _, domain in pairs if by_public_suffix(domain) != owner]
    answers = await lookups.ask_all(
        [(f"{policy_domain}._report._dmarc.{domain}", "TXT") for domain in external]
    )
    agreed = {domain: _authorizes(answer) for domain, answer in zip(external, answers, strict=True)}
    return tuple(
        ReportDestination(address, domain, domain in agreed, agreed.get(domain, True))
        for address, domain in pairs
    )


def _authorizes(answer: Answer) -> bool | None:
    if answer.is_unknown:
        return None
    return any(text.startswith("v=DMARC1") for text in answer.records)


def notes_on(found: Sequence[ReportDestination]) -> list[Note]:
    """A remark for every address that will not get reports, or may not."""
    notes = []
    for destination in found:
        if destination.authorized is False:
            notes.append(
                warn(
                    f"Reports to {destination.address} will not be sent: {destination.domain} has not agreed to "
                    "receive them (RFC 9990 section 4)."
                )
            )
        elif destination.authorized is None:
            notes.append(
                warn(
                    f"Whether {destination.domain} accepts reports could not be established: DNS did not answer."
                )
            )
    return notes
