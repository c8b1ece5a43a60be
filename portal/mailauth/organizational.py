"""Which domain owns a name: the DNS tree walk (RFC 9989 4.10) and the public suffix list (RFC 7489 3.2).

Receivers are of both schools for years to come, so both answers are always given side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from publicsuffixlist import PublicSuffixList

LONGEST_WALK = 8
"""DNS queries of one tree walk (RFC 9989 section 4.10)."""


@dataclass(frozen=True)
class OrganizationalDomain:
    """The organizational domain of a name by either method; None where it could not be established."""

    rfc9989: str | None
    rfc7489: str

    @property
    def agrees(self) -> bool:
        """Whether both methods name the same domain."""
        return self.rfc9989 == self.rfc7489


class WalkStep(Protocol):
    """What the tree walk found at one name."""

    @property
    def domain(self) -> str: ...  # noqa: D102

    @property
    def has_record(self) -> bool: ...  # noqa: D102

    @property
    def psd(self) -> str: ...  # noqa: D102


def walk_targets(domain: str) -> tuple[str, ...]:
    """The names whose `_dmarc` the tree walk asks, in order: the domain, then at most its last seven labels."""
    labels = domain.split(".")
    above = labels[1:] if len(labels) < LONGEST_WALK else labels[-(LONGEST_WALK - 1) :]
    return (domain, *(".".join(above[start:]) for start in range(len(above))))


def by_tree_walk(domain: str, steps: Sequence[WalkStep]) -> str:
    """The organizational domain from the completed walk of `domain` (RFC 9989 section 4.10.2).

    `steps` are those up to where the walk stopped, in order.
    """
    found = [step for step in steps if step.has_record]
    for step in found:
        if step.psd == "n":
            return step.domain
        if step.psd == "y" and step.domain != domain:
            depth = step.domain.count(".") + 2
            return ".".join(domain.split(".")[-depth:])
    return found[-1].domain if found else domain


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def by_public_suffix(domain: str) -> str:
    """The organizational domain by the public suffix list: one label below the suffix (RFC 7489 section 3.2).

    A name that is itself a public suffix is its own organizational domain.
    """
    return str(_public_suffixes().privatesuffix(domain) or domain)


def is_public_suffix(domain: str) -> bool:
    """Whether names under `domain` belong to different owners (edu, co.uk, github.io)."""
    return bool(_public_suffixes().is_public(domain))
