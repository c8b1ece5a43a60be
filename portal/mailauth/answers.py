"""What the DNS said to one question, and what asks it: the boundary between the checks and the network.

A check sees no socket. It awaits `Lookups.ask` and gets an `Answer`, whose kind keeps facts (records, none
of that type, no such name) apart from the unknown (no answer in time, SERVFAIL, REFUSED, a limit of ours).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class AnswerKind(StrEnum):
    """Whether records came, or why not."""

    RECORDS = "records"
    NO_ANSWER = "no answer"
    """The name exists and has no record of the type (RFC 2308 section 2.2)."""
    NXDOMAIN = "nxdomain"
    """No such name (RFC 2308 section 2.1, RFC 8020)."""
    UNKNOWN = "unknown"
    """Nobody can tell now: a time-out, SERVFAIL, REFUSED, or one of our limits."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question: name and type as asked, in lower case and without a trailing dot."""

    name: str
    rdtype: str
    kind: AnswerKind
    records: tuple[str, ...] = ()
    """The records: a TXT record is its strings joined (RFC 7208 section 3.3), anything else as in a zone file."""
    chain: tuple[str, ...] = ()
    """The CNAME targets that led to the records, in order."""
    why: str = ""
    """For an unknown: what happened, as half a sentence."""

    @property
    def is_unknown(self) -> bool:
        """Whether nothing was established."""
        return self.kind is AnswerKind.UNKNOWN

    @property
    def is_void(self) -> bool:
        """Whether this counts as a void lookup (RFC 7208 section 4.6.4)."""
        return self.kind in (AnswerKind.NO_ANSWER, AnswerKind.NXDOMAIN)


def unknown(name: str, rdtype: str, why: str) -> Answer:
    """An answer that establishes nothing, with the reason."""
    return Answer(name, rdtype, AnswerKind.UNKNOWN, why=why)


class Lookups(Protocol):
    """What the checks of one report ask through; one deadline, one cache and one budget for all of them."""

    async def ask(self, name: str, rdtype: str) -> Answer:
        """The answer for `name` and `rdtype` ("TXT", "MX", ...); never raises for what the DNS does."""
        ...

    async def ask_all(self, questions: Sequence[tuple[str, str]]) -> list[Answer]:
        """The answers to several questions, asked at the same time, in their order."""
        ...
