"""What is drawn of a report, as plain JSON data: the way to a DKIM key, and the tree behind an SPF record.

Strangers write these records, so everything is bounded: how many terms, how deep, how long a word. The drawing
itself is `portal.ui.drawings`; this data is kept with the finding, so that a decision's evidence can be drawn later.
"""

from collections.abc import Sequence
from typing import Any, Final

from portal.mailauth.dkim_key import COMFORTABLE_RSA, DkimKey
from portal.mailauth.spf import MOST_LOOKUPS, MOST_VOID_LOOKUPS, SpfReport
from portal.mailauth.spf_walk import Branch, Node

DKIM_KEY: Final = "dkim_key"
SPF_TREE: Final = "spf_tree"
MOST_TERMS = 60
"""Terms drawn of a whole tree; receivers stop at ten lookups."""
MOST_DEEP = 8
MOST_LINKS = 8
LONGEST_WORD = 120


def key_drawing(
    *,
    name: str,
    chain: Sequence[str],
    key: DkimKey | None,
    is_published: bool | None,
    is_unknown: bool = False,
) -> dict[str, Any]:
    """The way from a selector's name over its aliases to the key.

    `is_published` is False for a way that is only planned, None where the DNS did not say; `is_unknown` says
    that nobody knows what stands at its end.
    """
    links = [_word(link.rstrip(".")) for link in chain]
    left_out = max(0, len(links) - MOST_LINKS)
    return {
        "what": DKIM_KEY,
        "name": _word(name),
        "links": [*links[: MOST_LINKS - 1], links[-1]] if left_out else links,
        "is_published": is_published,
        "state": "unknown" if is_unknown else _state_of(key),
        "type": _word(key.key_type) if key and key.key_type else "",
        "bits": key.bits if key else None,
    }


def _state_of(key: DkimKey | None) -> str:
    if key is None:
        return "missing"
    if key.revoked:
        return "revoked"
    if not key.usable:
        return "unusable"
    if key.testing:
        return "testing"
    small = key.key_type == "rsa" and key.bits is not None and key.bits < COMFORTABLE_RSA
    return "small" if small else "sound"


def spf_drawing(report: SpfReport, *, added: str = "") -> dict[str, Any]:
    """The tree behind an SPF record, with what it costs receivers; `added` is the term that a change adds."""
    return {
        "what": SPF_TREE,
        "lookups": report.lookups,
        "most_lookups": MOST_LOOKUPS,
        "void_lookups": report.void_lookups,
        "most_void_lookups": MOST_VOID_LOOKUPS,
        "root": _Drawn(added).record(report.tree, deep=0),
    }


class _Drawn:
    """One drawing in progress: the space that is left for terms."""

    def __init__(self, added: str) -> None:
        self._added = added.lower()
        self._room = MOST_TERMS

    def record(self, node: Node, *, deep: int) -> dict[str, Any]:
        drawn = []
        for branch in node.branches[: self._room]:
            self._room -= 1
            drawn.append(self._term(branch, deep=deep))
            if self._room <= 0:
                break
        words = node.record.split()[1:] if node.record else []
        return {
            "domain": _word(node.domain),
            "is_there": node.record is not None,
            "error": _word(node.error, 300),
            "all": node.terms.all_result if node.terms else None,
            "free": max(0, len(words) - len(node.branches) - bool(node.terms and node.terms.all_result)),
            "terms": drawn,
            "left_out": len(node.branches) - len(drawn),
        }

    def _term(self, branch: Branch, *, deep: int) -> dict[str, Any]:
        below = branch.node if branch.node is not None and branch.node.records else None
        return {
            "text": _word(branch.term.text),
            "state": _state_of_branch(branch),
            "why": _word(branch.error or branch.unknown, 300),
            "is_added": deep == 0 and bool(self._added) and branch.term.text.lower() == self._added,
            "lookups": 1 + (branch.node.lookups if branch.node else 0),
            "below": self.record(below, deep=deep + 1) if below is not None and deep < MOST_DEEP else None,
            "is_cut": below is not None and deep >= MOST_DEEP,
        }


def _state_of_branch(branch: Branch) -> str:
    if branch.error:
        return "error"
    if branch.unknown:
        return "unknown"
    if branch.void:
        return "void"
    if not branch.followed:
        return "not_followed"
    return "depends" if branch.term.has_macro or branch.term.name == "ptr" else "found"


def _word(text: str, longest: int = LONGEST_WORD) -> str:
    """The text as a page can show it: bounded, and without the bytes that are no characters."""
    plain = text.encode("utf-8", "replace").decode()
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
