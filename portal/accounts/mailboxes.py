"""Whether a person may use a mailbox: the rule behind every form that takes an address of the mail domain.

It uses the directory only (REL-3, OVR-5), never what somebody typed as their department.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from portal.accounts.directory import Entry, directory
from portal.accounts.models import AddressKind
from portal.institution import institution


class Tie(StrEnum):
    """The relation between a mailbox and a person."""

    UNKNOWN = "unknown"
    """The directory does not know the address."""
    OWN = "own"
    """The person's own address, a mailbox that the person owns, or one of the person's department."""
    OFFICE = "office"
    """A privileged mailbox of the person's own office; the postmaster decides."""
    CONSENT = "consent"
    """A mailbox of somebody else, who has to agree."""
    OWNERLESS = "ownerless"
    """A shared mailbox without a recorded owner, of another department or of none."""
    FORBIDDEN = "forbidden"
    """A privileged mailbox of another office."""


@dataclass(frozen=True)
class Mailbox:
    """One address and its tie to a person."""

    address: str
    tie: Tie
    department: str = ""
    asked: str = ""
    """The address of the person whose consent is needed, if the tie is CONSENT."""
    is_personal: bool = False
    """Whether it is a person's own address."""


def mailboxes_for(email: str, addresses: Iterable[str]) -> dict[str, Mailbox]:
    """The mailboxes for `addresses` (lower case, on the mail domain), each with its tie to the person `email`.

    Raises DirectoryUnavailable.
    """
    wanted = list(dict.fromkeys(addresses))
    known = dict(directory().lookup([*wanted, email]))
    owners = {known[address].owner for address in wanted if address in known} - known.keys() - {""}
    if owners:
        known |= directory().lookup(sorted(owners))
    return {address: _mailbox(email, address, known) for address in wanted}


def _mailbox(email: str, address: str, known: Mapping[str, Entry]) -> Mailbox:
    entry = known.get(address)
    is_privileged = address.partition("@")[0] in institution().privileged_mailboxes
    if entry is None:
        return Mailbox(address, Tie.FORBIDDEN if is_privileged else Tie.UNKNOWN)
    is_personal = entry.kind == AddressKind.PERSON
    is_own = address == email
    if not is_personal:
        is_own = entry.owner == email or is_same_department(entry, known.get(email))
    if is_privileged:
        tie = Tie.OFFICE if is_own else Tie.FORBIDDEN
        return Mailbox(address, tie, entry.department, is_personal=is_personal)
    if is_own:
        return Mailbox(address, Tie.OWN, entry.department, is_personal=is_personal)
    asked = entry if is_personal else known.get(entry.owner)
    if asked is None or asked.kind != AddressKind.PERSON:
        return Mailbox(address, Tie.OWNERLESS, entry.department)
    return Mailbox(address, Tie.CONSENT, entry.department, asked.address, is_personal)


def is_same_department(entry: Entry, other: Entry | None) -> bool:
    """Whether both have the same department on record. Two entries without a department are not of the same one."""
    mine, theirs = _plain(entry.department), _plain(other.department) if other else ""
    return bool(mine) and mine == theirs


def _plain(department: str) -> str:
    return " ".join(department.casefold().split())
