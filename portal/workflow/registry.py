"""The kinds of request there are. A kind is in its app's `registration.py`; the core never imports one.

Rows know their kind by its key and ask here; kinds read and write rows. So this module knows the type of a kind by name alone.
"""

from portal.lib.registration import ExtensionPoint
from portal.workflow.answers import problems_of
from portal.workflow.kinds import Kind

KINDS: ExtensionPoint[Kind] = ExtensionPoint(
    lambda kind: kind.key, lambda kind: kind.prefix, problems_of=problems_of
)
"""Keys and the prefixes of references belong to one kind each; a kind whose pages forget an answer does not start."""


class UnknownKind(LookupError):
    """No kind of this key is installed."""


def get(key: str) -> Kind:
    """The kind with this key; raises UnknownKind."""
    for kind in KINDS:
        if kind.key == key:
            return kind
    raise UnknownKind(key)


def kinds() -> list[Kind]:
    """All kinds, in the order in which they are installed."""
    return list(KINDS)
