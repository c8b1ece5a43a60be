"""The DNS team's lists a page at a time, and narrowed by what is asked for in the address of the page.

Pages are told apart by the key of their last or first record, so that a record that leaves a list while somebody reads
it neither repeats nor hides another one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from senders.dns_records import Listed, Lists

PAGE_SIZE = 50
AT_FIRST = 20
"""Records of each list while all lists are shown."""
LABELS = {
    "stops": "Stop: settle these first",
    "alarms": "Alarms",
    "to_add": "To add",
    "to_remove": "To remove",
    "in_place": "In place",
    "gone": "Gone",
}
LONGEST_QUERY = 255
_Key = tuple[Any, ...]


@dataclass(frozen=True)
class Asked:
    """What the page is asked for, and a sentence for what it cannot be asked."""

    chosen: str = ""
    """The one list to show; "" for all."""
    query: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ListPage:
    """Some records of one list, how many it has, and the keys of its neighbours."""

    entries: Sequence[Listed]
    count: int
    after: str = ""
    before: str = ""


def asked_of(query: Mapping[str, str]) -> Asked:
    """What a query asks for; a value that is none is said, and never silently left out."""
    chosen, words = query.get("list", ""), query.get("q", "").strip()[:LONGEST_QUERY]
    if chosen and chosen not in LABELS:
        return Asked("", words, f"“{chosen[:40]}” is no list, so all are shown.")
    return Asked(chosen, words)


def narrowed(lists: Lists, query: str) -> Lists:
    """The records with `query` in name, value or permission, compared without case."""
    words = query.casefold().rstrip(".")
    if not words:
        return lists

    def has(entry: Listed) -> bool:
        grant = entry.grant
        texts = (entry.row.name, entry.row.value, grant.reference, grant.title, grant.owner.email)
        return any(words in text.casefold() for text in texts)

    return Lists(**{name: [entry for entry in getattr(lists, name) if has(entry)] for name in LABELS})


def _by_permission(entry: Listed) -> _Key:
    row = entry.row
    return (entry.grant.reference, row.name, row.rdtype, row.pk)


def _by_removal(entry: Listed) -> _Key:
    return ((entry.removal.since if entry.removal else entry.day).isoformat(), entry.row.pk)


def _newest_first(entry: Listed) -> _Key:
    return (-entry.row.pk,)


_ORDERS: dict[str, Callable[[Listed], _Key]] = {"to_remove": _by_removal, "gone": _newest_first}


def page_of(lists: Lists, name: str, *, after: str = "", before: str = "") -> ListPage:
    """One page of a list after or before a key. A malformed key gives the first page."""
    key_of = _ORDERS.get(name, _by_permission)
    entries = sorted(getattr(lists, name), key=key_of)
    begin = 0
    if (key := _parse(after, key_of, entries)) is not None:
        begin = sum(key_of(entry) <= key for entry in entries)
    elif (key := _parse(before, key_of, entries)) is not None:
        begin = max(0, sum(key_of(entry) < key for entry in entries) - PAGE_SIZE)
    shown = entries[begin : begin + PAGE_SIZE]
    return ListPage(
        entries=shown,
        count=len(entries),
        after=json.dumps(key_of(shown[-1])) if begin + PAGE_SIZE < len(entries) else "",
        before=json.dumps(key_of(shown[0])) if shown and begin > 0 else "",
    )


def _parse(text: str, key_of: Callable[[Listed], _Key], entries: Sequence[Listed]) -> _Key | None:
    """A key as it stands in an address; None for what is none of this list."""
    if not text or not entries:
        return None
    try:
        found = json.loads(text[:2000])
    except (ValueError, RecursionError):
        return None
    like = [type(part) for part in key_of(entries[0])]
    is_one = isinstance(found, list) and [type(part) for part in found] == like
    return tuple(found) if is_one else None
