"""Tokens with which mail hosts pull: created by administrators, shown once, stored as a digest, limited to targets."""

import logging
from collections.abc import Collection

from django.db import transaction

from portal.accounts import machine_tokens
from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.enforcement.models import HostState, HostToken
from portal.lib.problems import NotAllowed

logger = logging.getLogger(__name__)
PREFIX = "tmh_"


def may_handle_tokens(actor: User) -> bool:
    """Administrators alone."""
    return actor.has_role(Role.ADMINISTRATOR)


def _check(actor: User) -> None:
    if not may_handle_tokens(actor):
        raise NotAllowed("Only administrators handle the tokens of mail hosts.")


@transaction.atomic
def make_token(*, actor: User, host: str, targets: Collection[str], days: int) -> tuple[HostToken, str]:
    """Create a token for `host` to pull `targets` for `days` days; return the row, and the token, which is not
    stored. Raises NotAllowed. The host is expected to send receipts from now on.
    """
    _check(actor)
    columns, token = machine_tokens.fresh(prefix=PREFIX, actor=actor, days=days)
    row = HostToken.objects.create(host=host, targets=sorted(targets), **columns)
    for target in row.targets:
        HostState.objects.get_or_create(host=host, target=target)
    logger.info("A token for %s was made by %s.", row.pk, actor.pk)
    return row, token


def revoke_token(*, actor: User, token: HostToken) -> None:
    """End a token now. Raises NotAllowed or WrongState."""
    _check(actor)
    machine_tokens.revoke(token=token, actor=actor)


def usable_token(header: str) -> HostToken | None:
    """Return the usable token in an Authorization header, or None; record its use."""
    return machine_tokens.usable(HostToken.objects.all(), header, prefix=PREFIX)
