"""One record in place of two: the SPF or DMARC text to publish where a name has one already, as pure text.

A name has exactly one SPF record (RFC 7208 section 3.2) and exactly one DMARC record (RFC 9989 section 4.7); a
second one voids both, so what a service needs is merged into what is there.
"""

import re
from collections.abc import Mapping, Sequence

from portal.mailauth.spf_simulation import insert_term

_ALL = re.compile(r"([+\-~?]?)all", re.IGNORECASE)
_MODIFIER = re.compile(r"(redirect|exp)=.*", re.IGNORECASE)
_SOFTEST_FIRST = ("?", "~", "-")
_POLICIES = ("none", "quarantine", "reject")
_REMOVED_TAGS = frozenset({"pct", "rf", "ri"})
"""Tags that RFC 9989 no longer has."""


def has_term(record: str, term: str) -> bool:
    """Whether an SPF record has the term already; names are compared without regard to case."""
    return term.lower() in record.lower().split()


def merged_spf(records: Sequence[str], terms: Sequence[str]) -> str:
    """One SPF record with every term of `records` and all of `terms`, before whatever ends it.

    Where several records end differently the softest ending is kept, so that no mail that passed is refused.
    Without records it is a new one that ends in ~all.
    """
    if len(records) == 1:
        merged = records[0]
    else:
        words = [word for record in records for word in record.split()[1:]]
        mechanisms = [word for word in words if not _ALL.fullmatch(word) and not _MODIFIER.fullmatch(word)]
        merged = " ".join(["v=spf1", *_each_once(mechanisms), *_ending(words)])
    for term in terms:
        if not has_term(merged, term):
            merged = insert_term(merged, term)
    return merged


def _ending(words: Sequence[str]) -> list[str]:
    modifiers = _each_once([word for word in words if _MODIFIER.fullmatch(word)])
    qualifiers = {match.group(1) for word in words if (match := _ALL.fullmatch(word))}
    for qualifier in _SOFTEST_FIRST:
        if qualifier in qualifiers:
            return [
                *(word for word in modifiers if not word.lower().startswith("redirect=")),
                f"{qualifier}all",
            ]
    return modifiers or ["~all"]


def spf_without(record: str, term: str) -> str:
    """An SPF record without the term."""
    return " ".join(word for word in record.split() if word.lower() != term.lower())


def _each_once(words: Sequence[str]) -> list[str]:
    return list({word.lower(): word for word in reversed(words)}.values())[::-1]


# ---------------------------------------------------------------- DMARC
def dmarc_tags(record: str) -> dict[str, str]:
    """The tags of a DMARC record in order, names in lower case; of a tag that stands twice the first."""
    tags: dict[str, str] = {}
    for part in record.split(";"):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            tags.setdefault(name.strip().lower(), value.strip())
    return tags


def is_same_dmarc(record: str, other: str) -> bool:
    """Whether two DMARC records say the same: blanks, the order of tags and the case of fixed words aside."""
    return _comparable(dmarc_tags(record)) == _comparable(dmarc_tags(other))


def _comparable(tags: Mapping[str, str]) -> dict[str, object]:
    return {
        name: frozenset(_uris(value)) if name in ("rua", "ruf") else value.lower()
        for name, value in tags.items()
    }


def merged_dmarc(records: Sequence[str], wanted: str) -> str:
    """One DMARC record that protects as `wanted` does and keeps what `records` ask for besides.

    The strictest policy of all, the alignment and psd of `wanted`, and every report address once. Tags that RFC
    9989 removed, and t=y, which would weaken the policy, are left out.
    """
    ours, found = dmarc_tags(wanted), [dmarc_tags(record) for record in records]
    merged = {"v": "DMARC1", "p": _strictest([tags.get("p", "none") for tags in (ours, *found)])}
    merged |= {name: value for name, value in ours.items() if name not in ("v", "p", "rua", "ruf")}
    for tags in found:
        for name, value in tags.items():
            if name not in _REMOVED_TAGS and name not in ("t", "rua", "ruf"):
                merged.setdefault(name, value)
    for name in ("rua", "ruf"):
        uris = [uri for tags in (*found, ours) for uri in _uris(tags.get(name, ""))]
        if uris:
            merged[name] = ",".join(dict.fromkeys(uris))
    return "; ".join(f"{name}={value}" for name, value in merged.items())


def _strictest(policies: Sequence[str]) -> str:
    known = [policy.lower() for policy in policies if policy.lower() in _POLICIES]
    return max(known, key=_POLICIES.index, default="reject")


def _uris(value: str) -> list[str]:
    return [uri.strip() for uri in value.split(",") if uri.strip()]
