"""Tokens by which mail hosts pull: made by administrators, shown once, kept as a digest, scoped and ended."""

import logging
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.enforcement.models import HostState, HostToken
from portal.lib.problems import NotAllowed, WrongState
from portal.lib.tokens import digest_in, new_token

logger = logging.getLogger(__name__)
PREFIX = "tmh_"
_USED_EVERY = timedelta(minutes=1)


def may_handle_tokens(actor: User) -> bool:
    """Administrators alone."""
    return actor.has_role(Role.ADMINISTRATOR)


def _check(actor: User) -> None:
    if not may_handle_tokens(actor):
        raise NotAllowed("Only administrators handle the tokens of mail hosts.")


@transaction.atomic
def make_token(*, actor: User, host: str, targets: Collection[str], days: int) -> tuple[HostToken, str]:
    """A token for `host` to pull `targets` for `days` days: the row, and the token that nobody sees again.

    Raises NotAllowed. The host is expected to report from now on.
    """
    _check(actor)
    token, digest, hint = new_token(PREFIX)
    now = timezone.now()
    row = HostToken.objects.create(
        host=host, targets=sorted(targets), digest=digest, hint=hint,
        created_by=actor, created_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    for target in row.targets:
        HostState.objects.get_or_create(host=host, target=target)
    logger.info("A token for %s was made by %s.", row.pk, actor.pk)
    return row, token


def revoke_token(*, actor: User, token: HostToken) -> None:
    """End a token now. Raises NotAllowed or WrongState."""
    _check(actor)
    ended = HostToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(
        revoked_at=timezone.now(), revoked_by=actor
    )
    if not ended:
        raise WrongState("This token was revoked before.")
    logger.info("Token %s was revoked by %s.", token.pk, actor.pk)


def usable_token(header: str) -> HostToken | None:
    """The usable token that an Authorization header (RFC 6750 section 2.1) carries, or None; notes that it was used."""
    digest = digest_in(header, PREFIX)
    row = HostToken.objects.filter(digest=digest).first() if digest else None
    if row is None or not row.is_usable:
        return None
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > _USED_EVERY:
        HostToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row
