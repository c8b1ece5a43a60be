"""Tokens of machines: created by administrators, shown once, stored as a digest, and ended by expiry or revocation.

Mail hosts and programs have their own tables; this module has what they share.
"""

import logging
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.client_address import client_network
from portal.lib.problem_json import NoToken
from portal.lib.problems import WrongState
from portal.lib.throttle import Rate, refuse_over
from portal.lib.tokens import digest_in, new_token

logger = logging.getLogger(__name__)
WRONG_TOKENS = Rate(20, 60)
"""Limit of one network. Only requests without a usable token count, so that guesses never block a program that
has one.
"""
_USED_EVERY = timedelta(minutes=1)


class MachineToken(models.Model):
    """A token of a machine, valid until a day. The token itself is shown once and never stored."""

    digest = models.CharField(max_length=64, unique=True)
    """SHA-256 of the token; its 256 random bits need no slow digest."""
    hint = models.CharField(max_length=12)
    """The first characters of the token, by which people recognize it."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_usable(self) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and timezone.now() < self.expires_at


T = TypeVar("T", bound=MachineToken)


def fresh(*, prefix: str, actor: User, days: int) -> tuple[dict[str, Any], str]:
    """Return the columns of a new token that `actor` creates for `days` days, and the token itself, which is
    not stored.
    """
    token, digest, hint = new_token(prefix)
    now = timezone.now()
    columns = {"digest": digest, "hint": hint, "created_by": actor, "created_at": now}
    return {**columns, "expires_at": now + timedelta(days=days)}, token


def revoke(*, token: MachineToken, actor: User) -> None:
    """Revoke a token now. Raises WrongState if it was revoked before."""
    rows = type(token)._default_manager.filter(pk=token.pk, revoked_at__isnull=True)
    if not rows.update(revoked_at=timezone.now(), revoked_by=actor):
        raise WrongState("This token was revoked before.")
    logger.info("%s %s was revoked by %s.", type(token).__name__, token.pk, actor.pk)


def refuse_stranger(request: HttpRequest, *, realm: str) -> NoReturn:
    """Raise NoToken for `realm`, or TooOften, for a request without a usable token."""
    refuse_over((f"wrong-token:{client_network(request)}", WRONG_TOKENS), sentence="Too many wrong tokens.")
    raise NoToken("Send a token: Authorization: Bearer. It may have expired or been revoked.", realm)


def usable(rows: "QuerySet[T]", header: str, *, prefix: str) -> T | None:
    """The usable token of `rows` that an Authorization header carries (RFC 6750 section 2.1), or None; notes
    its use.
    """
    digest = digest_in(header, prefix)
    row = rows.filter(digest=digest).first() if digest else None
    if row is None or not row.is_usable:
        return None
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > _USED_EVERY:
        type(row)._default_manager.filter(pk=row.pk).update(last_used_at=now)
    return row
