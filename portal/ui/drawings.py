"""Small pictures of records: the way to a DKIM key, and the tree behind an SPF record, with their words.

The data is what `portal.mailauth.as_drawing` made of a report and what was kept with the finding. Lists carry the
meaning, so that a picture says the same to those who do not see it; the two gauges repeat what stands beside them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

WIDTH = 160
FULL_BITS = 4096
REFUSED_BELOW, WANTED_BITS = 1024, 2048
"""RFC 8301 section 3.2."""
MOST_SLOTS = 20


@dataclass(frozen=True)
class Gauge:
    """A bar of bits: everything in the units of its viewBox."""

    width: int
    filled: float
    refused_x: float
    wanted_x: float


@dataclass(frozen=True)
class Slot:
    """One DNS lookup on the gauge of an SPF record."""

    x: int
    is_used: bool
    is_over: bool


KEY_STATES: Mapping[str, tuple[str, str]] = {
    "sound": ("pass", "Sound key"),
    "small": ("warn", "Small key"),
    "testing": ("warn", "Key marked as a test (t=y)"),
    "revoked": ("fail", "Revoked key: p= is empty"),
    "unusable": ("fail", "Key that receivers do not use"),
    "missing": ("fail", "No key"),
    "unknown": ("unknown", "Unknown: the DNS did not answer"),
}
TERM_STATES: Mapping[str, tuple[str, str]] = {
    "found": ("pass", ""),
    "depends": ("quiet", "depends on the message"),
    "void": ("warn", "finds nothing"),
    "unknown": ("unknown", "no answer"),
    "error": ("fail", "an error for receivers"),
    "not_followed": ("quiet", "not followed"),
}
RESULTS: Mapping[str, str] = {
    "pass": "passes (+all)",
    "neutral": "is neutral",
    "softfail": "fails softly (~all)",
    "fail": "fails (-all)",
}


def draw(drawing: Mapping[str, Any]) -> SafeString:
    """The picture as HTML; nothing for data of a form that is not known (any more)."""
    makers = {"dkim_key": ("components/dkim_key.html", _key), "spf_tree": ("components/spf_tree.html", _tree)}
    known = makers.get(str(drawing.get("what")))
    if known is None:
        return SafeString("")
    template, context = known
    return render_to_string(template, context(drawing))


def _key(drawing: Mapping[str, Any]) -> dict[str, Any]:
    tone, words = KEY_STATES.get(str(drawing["state"]), KEY_STATES["unknown"])
    bits, is_published = drawing["bits"], drawing["is_published"]
    return {
        "name": drawing["name"],
        "links": drawing["links"],
        "is_planned": is_published is False,
        "is_alias": "would be an alias of" if is_published is False else "is an alias of",
        "holds": "would hold" if is_published is False else "holds",
        "tone": tone,
        "words": words,
        "sort": f"{str(drawing['type']).upper()}, {bits} bits" if bits else str(drawing["type"]).upper(),
        "gauge": _gauge(bits) if bits and drawing["type"] == "rsa" else None,
        "wanted": WANTED_BITS,
    }


def _gauge(bits: int) -> Gauge:
    def at(value: int) -> float:
        return round(min(value, FULL_BITS) / FULL_BITS * WIDTH, 1)

    return Gauge(WIDTH, at(bits), at(REFUSED_BELOW), at(WANTED_BITS))


def _tree(drawing: Mapping[str, Any]) -> dict[str, Any]:
    lookups, most = drawing["lookups"], drawing["most_lookups"]
    return {
        "lookups": lookups,
        "most": most,
        "voids": drawing["void_lookups"],
        "most_voids": drawing["most_void_lookups"],
        "is_over": (lookups or 0) > most or (drawing["void_lookups"] or 0) > drawing["most_void_lookups"],
        "slots": _slots(lookups or 0, most),
        "slots_width": max(most, min(lookups or 0, MOST_SLOTS)) * 12,
        "root": _record(drawing["root"]),
    }


def _slots(lookups: int, most: int) -> Sequence[Slot]:
    return [
        Slot(number * 12, number < lookups, number >= most)
        for number in range(max(most, min(lookups, MOST_SLOTS)))
    ]


def _record(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **record,
        "rest": RESULTS.get(str(record["all"]), "") if record["is_there"] else "",
        "terms": [_term(term) for term in record["terms"]],
    }


def _term(term: Mapping[str, Any]) -> dict[str, Any]:
    tone, words = TERM_STATES.get(str(term["state"]), TERM_STATES["depends"])
    below = term["below"]
    return {**term, "tone": tone, "words": words, "below": _record(below) if below else None}
