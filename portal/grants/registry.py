"""Kinds whose approvals leave a permission, for rows that know theirs by its key.

Rows are below the kinds, which read and write them; so this module knows a kind's type by name alone.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from portal.workflow import registry

if TYPE_CHECKING:
    from portal.grants.kinds import GrantingKind, GrantStanding
    from portal.grants.models import Grant


def granting_kind(key: str) -> "GrantingKind":
    """The registry's entry for `key`. Raises TypeError if that kind creates no grants."""
    kind = registry.get(key)
    if not kind.leaves_permission:
        raise TypeError(f"Kind {key!r} creates no permissions.")
    return cast("GrantingKind", kind)


def standings_of(grants: "Iterable[Grant]") -> "dict[int, GrantStanding]":
    """By key, the status of those of `grants` whose kinds define one beyond state and term."""
    by_kind: dict[str, list[Grant]] = {}
    for grant in grants:
        by_kind.setdefault(grant.kind, []).append(grant)
    found: dict[int, GrantStanding] = {}
    for key, rows in by_kind.items():
        found |= granting_kind(key).standings(rows)
    return found
