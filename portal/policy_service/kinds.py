"""What a kind says so that the policy service answers for its permissions."""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from django.db.models import QuerySet

from portal.grants.models import Grant
from portal.grants.relay_rules import RelayRule
from portal.workflow import registry


@runtime_checkable
class RelayingKind(Protocol):
    """A kind whose permissions let clients use the mail relay."""

    key: str

    def relay_rules(self, grants: QuerySet[Grant]) -> Iterable[RelayRule]:
        """What `grants` (all of this kind) let clients of the mail relay do.

        Called outside any request, with up to every grant there is: few queries, nothing per grant.
        """


def relaying_kinds() -> Iterator[RelayingKind]:
    """The kinds for which the service answers."""
    return (kind for kind in registry.kinds() if isinstance(kind, RelayingKind))
