"""Further checks of `check_message`, which apps above register; each becomes an option."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.lib.registration import ExtensionPoint

if TYPE_CHECKING:
    from portal.mailauth.message_report import MessageReport


@dataclass(frozen=True)
class MessageCheck:
    """One further check: its option (without dashes), its help, and what finds.

    `find` takes the octets of a message and the report on its signatures, and returns JSON objects with the keys
    `rule`, `clause`, `outcome`, `message` and `where`; ValueError, with one sentence, for what it cannot read.
    """

    option: str
    help: str
    find: "Callable[[bytes, MessageReport], Sequence[Mapping[str, str]]]"


MESSAGE_CHECKS: ExtensionPoint[MessageCheck] = ExtensionPoint(lambda check: check.option)


def as_text(findings: Sequence[Mapping[str, str]]) -> str:
    """The findings for people: what fails first, one a line."""
    order = ("fail", "unknown", "warn", "person", "pass")
    lines = [
        f"    [{finding['outcome']}] {finding['rule']} ({finding['clause']}): {finding['message']}"
        for finding in sorted(findings, key=lambda finding: order.index(finding["outcome"]))
    ]
    return "\n".join(["findings", *lines])
