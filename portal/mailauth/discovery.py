"""DMARC policy discovery by the tree walk (RFC 9989 4.10.1) and as before it (RFC 7489 6.6.3), side by side."""

import re
from dataclasses import dataclass
from functools import cached_property

from portal.mailauth.alignment import Mode
from portal.mailauth.answers import Answer, Lookups
from portal.mailauth.organizational import (
    OrganizationalDomain,
    by_public_suffix,
    by_tree_walk,
    walk_targets,
)
from portal.mailauth.published_syntax import DmarcSyntax, parse_dmarc

_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(;|$)")


def is_dmarc_record(text: str) -> bool:
    """Whether a TXT record begins as a DMARC record must (RFC 9989 section 4.7)."""
    return _VERSION.match(text) is not None


@dataclass(frozen=True)
class Place:
    """What stands at `_dmarc.{domain}`."""

    domain: str
    answer: Answer

    @cached_property
    def records(self) -> tuple[str, ...]:
        """The TXT records that begin as a DMARC record must."""
        return tuple(text for text in self.answer.records if is_dmarc_record(text))

    @property
    def has_record(self) -> bool:
        """Whether there is exactly one; several are all discarded (RFC 9989 section 4.10 step 2)."""
        return len(self.records) == 1

    @cached_property
    def syntax(self) -> DmarcSyntax:
        """The one record, parsed."""
        return parse_dmarc(self.records[0], self.domain)

    @property
    def psd(self) -> str:
        """The record's `psd` tag: y, n or u (unset)."""
        return self.syntax.tags.get("psd", "u") if self.has_record else "u"


@dataclass(frozen=True)
class Applied:
    """The record that one school of receivers applies to mail from the domain."""

    place: Place | None = None
    unknown: str = ""
    """Why it could not be established; empty where it could."""

    def mode(self, tag: str) -> Mode:
        """The alignment that the record asks for in `adkim` or `aspf`; relaxed where there is none."""
        asked = self.place.syntax.tags.get(tag, "r") if self.place is not None else "r"
        return Mode.STRICT if asked == "s" else Mode.RELAXED

    def policy_for(self, domain: str, *, exists: bool = True) -> str | None:
        """What the record asks for mail from `domain`: its p, or sp or np where it stands higher up."""
        if self.place is None:
            return None
        tags = self.place.syntax.tags
        if self.place.domain == domain:
            return tags.get("p")
        return tags.get("sp" if exists else "np")


@dataclass(frozen=True)
class Discovery:
    """Where the DMARC record for mail from `domain` is, and who owns the name, by both methods."""

    domain: str
    places: tuple[Place, ...]
    """Everywhere the tree walk looks, in its order, up to where it stopped."""
    rfc9989: Applied
    rfc7489: Applied
    organizational_domain: OrganizationalDomain

    @property
    def here(self) -> Place:
        """What stands at the domain itself."""
        return self.places[0]

    def modes(self, tag: str) -> tuple[Mode, Mode]:
        """The alignment asked for by `tag`, by either method."""
        return self.rfc9989.mode(tag), self.rfc7489.mode(tag)


async def discover(domain: str, lookups: Lookups) -> Discovery:
    """Find the record and the owner of `domain` in one round of concurrent questions."""
    targets, owner = walk_targets(domain), by_public_suffix(domain)
    wanted = list(dict.fromkeys((*targets, owner)))
    answers = await lookups.ask_all([(f"_dmarc.{target}", "TXT") for target in wanted])
    known = {target: Place(target, answer) for target, answer in zip(wanted, answers, strict=True)}
    walked = _until_stop([known[target] for target in targets])
    return Discovery(
        domain,
        tuple(walked),
        _applied_rfc9989(domain, walked),
        _applied_rfc7489(known[domain], known[owner]),
        OrganizationalDomain(_owner_rfc9989(domain, walked), owner),
    )


def _until_stop(places: list[Place]) -> list[Place]:
    """The walk ends at a record that says psd=n or psd=y (RFC 9989 section 4.10 steps 2 and 6)."""
    for index, place in enumerate(places):
        if place.psd in ("n", "y"):
            return places[: index + 1]
    return places


def _owner_rfc9989(domain: str, walked: list[Place]) -> str | None:
    # A walk with a hole in it may have missed the record that decides.
    return None if any(place.answer.is_unknown for place in walked) else by_tree_walk(domain, walked)


def _applied_rfc9989(domain: str, walked: list[Place]) -> Applied:
    here = walked[0]
    if here.has_record:
        return Applied(here)
    for place in walked:
        if place.answer.is_unknown:
            return Applied(unknown=place.answer.why)
    owner = by_tree_walk(domain, walked)
    for place in walked:
        if place.has_record and place.domain == owner:
            return Applied(place)
    # Neither the domain nor its owner has one: the public suffix operator's record applies.
    return Applied(next((place for place in walked if place.psd == "y"), None))


def _applied_rfc7489(here: Place, owner: Place) -> Applied:
    for place in (here, owner):
        if place.answer.is_unknown:
            return Applied(unknown=place.answer.why)
        if len(place.records) > 1:
            return Applied()  # several records: the mechanism is off (RFC 7489 section 6.6.3 step 5)
        if place.has_record:
            return Applied(place)
    return Applied()
