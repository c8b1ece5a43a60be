"""Where a domain takes mail (RFC 5321 section 5.1, RFC 7505): replies and bounces must go somewhere."""

from dataclasses import dataclass

from portal.lib.outcome import Outcome
from portal.mailauth.answers import Answer, Lookups
from portal.mailauth.notes import Note, fail, outcome_of, unknown, warn


@dataclass(frozen=True)
class MxReport:
    """The mail hosts of a domain, most preferred first."""

    domain: str
    outcome: Outcome
    hosts: tuple[str, ...]
    notes: tuple[Note, ...]


async def check_mx(domain: str, lookups: Lookups) -> MxReport:
    """The MX report of `domain`."""
    answer, *addresses = await lookups.ask_all([(domain, "MX"), (domain, "A"), (domain, "AAAA")])
    pairs = sorted(_preference_and_host(record) for record in answer.records)
    hosts = tuple(host for _, host in pairs if host)
    notes = _notes(domain, answer, pairs, addresses)
    return MxReport(domain, outcome_of(notes), hosts, tuple(notes))


def _preference_and_host(record: str) -> tuple[int, str]:
    preference, _, host = record.partition(" ")
    return int(preference), host.lower().rstrip(".")


def _notes(domain: str, answer: Answer, pairs: list[tuple[int, str]], addresses: list[Answer]) -> list[Note]:
    if answer.is_unknown:
        return [unknown(f"The MX records of {domain} could not be read: {answer.why}.")]
    if not pairs:
        return [_note_without_mx(domain, addresses)]
    if [host for _, host in pairs] == [""]:
        return [
            warn(
                f"{domain} declares that it takes no mail (null MX, RFC 7505): replies and bounces are lost."
            )
        ]
    if any(not host for _, host in pairs):
        return [warn(f"{domain} has a null MX beside others, which RFC 7505 section 3 does not allow.")]
    return []


def _note_without_mx(domain: str, addresses: list[Answer]) -> Note:
    if any(address.records for address in addresses):
        return warn(f"{domain} has no MX record; its address takes the mail (RFC 5321 section 5.1).")
    if any(address.is_unknown for address in addresses):
        return unknown(f"{domain} has no MX record, and whether it has an address could not be established.")
    return fail(f"{domain} takes no mail: it has neither an MX record nor an address.")
