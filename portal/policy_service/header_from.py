"""Who a message shows as its author and sender, against what a relay permission names (REL-3, OVR-5).

RFC 5322 sections 3.6.2 and 3.6.6. One pure function over the fields of a message; whatever cannot be read one
way alone is refused (docs/decisions/0011-milter-protocol.md).
"""

from collections.abc import Sequence
from typing import NamedTuple

from portal.grants.relay_rules import RelayRule
from portal.lib.address_fields import Undecidable, addresses_shown, read_addresses
from portal.policy_service.replies import HeaderRefusal, printable

WATCHED = {
    b"from": "From",
    b"sender": "Sender",
    b"resent-from": "Resent-From",
    b"resent-sender": "Resent-Sender",
}
"""The fields that say who sends, by their names in lower case."""
_OF_ONE_ADDRESS = frozenset({"Sender", "Resent-Sender"})
LONGEST_FOUND = 120


class Field(NamedTuple):
    """One field of a message's header."""

    name: str
    """One of WATCHED's."""
    value: bytes


def judge(rule: RelayRule, fields: Sequence[Field]) -> HeaderRefusal | str:
    """The first address in From, where everything is as the permission names it; else the refusal."""
    authors = [field for field in fields if field.name == "From"]
    if len(authors) != 1:
        found = printable(" | ".join(_text(field.value) for field in authors[:3]), LONGEST_FOUND)
        count = f"{len(authors)} From fields" if authors else "no From field"
        return HeaderRefusal("From", found, f"the message has {count}")
    if sum(field.name == "Sender" for field in fields) > 1:
        return HeaderRefusal("Sender", "", "the message has more than one Sender field")
    author = ""
    for field in fields:
        found_or_refusal = _judge_field(rule, field)
        if isinstance(found_or_refusal, HeaderRefusal):
            return found_or_refusal
        if field.name == "From":
            author = found_or_refusal
    return author


def _judge_field(rule: RelayRule, field: Field) -> HeaderRefusal | str:
    def refusal(found: str, because: str) -> HeaderRefusal:
        return HeaderRefusal(field.name, printable(found, LONGEST_FOUND), because)

    try:
        read = read_addresses(field.value)
        shown = [address for text in read.texts for address in addresses_shown(text)]
    except Undecidable as reason:
        return refusal(_text(field.value), f"its {field.name} cannot be read one way alone: {reason}")
    if not read.addresses:
        return refusal(_text(field.value), f"its {field.name} has no address")
    if field.name in _OF_ONE_ADDRESS and len(read.addresses) > 1:
        return refusal(_text(field.value), f"its {field.name} has more than one address")
    for address in read.addresses:
        if address not in rule.senders:
            return refusal(address, "")
    for address in shown:
        if address not in rule.senders:
            because = f"the name in its {field.name} looks like another address"
            return refusal(_text(field.value) if address == "?" else address, because)
    return read.addresses[0]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()
