"""Service accounts and their tokens: made by administrators, shown once, ended by them."""

import logging
from collections.abc import Collection
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.api.models import ApiToken, ServiceAccount
from portal.leaving.selectors import is_gone
from portal.lib.problems import NotAllowed, WrongState
from portal.lib.tokens import digest_in, new_token

logger = logging.getLogger(__name__)
PREFIX = "tma_"
_USED_EVERY = timedelta(minutes=1)


def may_handle_accounts(actor: User) -> bool:
    """Administrators alone."""
    return actor.has_role(Role.ADMINISTRATOR)


def check_may_handle(actor: User) -> None:
    """Raise NotAllowed for everybody else."""
    if not may_handle_accounts(actor):
        raise NotAllowed("Only administrators handle service accounts.")


@transaction.atomic
def make_token(
    *, actor: User, name: str, owner: User, scopes: Collection[str], days: int
) -> tuple[ApiToken, str]:
    """A token for the service account `name`, which is made where there is none; and the token, seen once.

    Raises NotAllowed, or ValidationError, keyed `owner`, where the account is somebody else's. The scopes of an
    account are those that were given last.
    """
    check_may_handle(actor)
    account, is_new = ServiceAccount.objects.get_or_create(
        name=name, defaults={"owner": owner, "scopes": sorted(scopes), "created_by": actor}
    )
    if account.owner_id != owner.pk:
        raise ValidationError({"owner": f"{name} acts for {account.owner}. Choose another name."})
    if not is_new:
        account.scopes = sorted(scopes)
        account.save(update_fields=["scopes"])
    token, digest, hint = new_token(PREFIX)
    now = timezone.now()
    row = ApiToken.objects.create(
        account=account, digest=digest, hint=hint, created_by=actor, created_at=now,
        expires_at=now + timedelta(days=days),
    )  # fmt: skip
    logger.info("A token for service account %s was made by %s.", account.pk, actor.pk)
    return row, token


def revoke_token(*, actor: User, token: ApiToken) -> None:
    """End a token now. Raises NotAllowed or WrongState."""
    check_may_handle(actor)
    live = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
    if not live.update(revoked_at=timezone.now(), revoked_by=actor):
        raise WrongState("This token was revoked before.")
    logger.info("API token %s was revoked by %s.", token.pk, actor.pk)


def usable_token(header: str) -> ApiToken | None:
    """The usable token that an Authorization header carries, with its account and owner; notes that it was used."""
    digest = digest_in(header, PREFIX)
    rows = ApiToken.objects.select_related("account__owner")
    row = rows.filter(digest=digest).first() if digest else None
    # A program acts for nobody who has left, whether or not somebody closed the account.
    if row is None or not row.is_usable or is_gone(row.account.owner):
        return None
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at > _USED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    return row
