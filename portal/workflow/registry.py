"""The kinds of request there are. A kind registers itself in its `apps.py`; the core never imports one."""

from portal.workflow.kinds import Kind

_kinds: dict[str, Kind] = {}


class UnknownKind(LookupError):
    """No kind of this key is installed."""


def register(kind: Kind) -> None:
    """Add a kind. Registering a key or a reference prefix twice is a ValueError."""
    for other in _kinds.values():
        if kind.key == other.key or kind.prefix == other.prefix:
            raise ValueError(f"Kind {kind.key!r} (prefix {kind.prefix!r}) is registered already.")
    _kinds[kind.key] = kind


def get(key: str) -> Kind:
    """The kind with this key; raises UnknownKind."""
    try:
        return _kinds[key]
    except KeyError:
        raise UnknownKind(key) from None


def kinds() -> list[Kind]:
    """All kinds, in the order in which they are installed."""
    return list(_kinds.values())
