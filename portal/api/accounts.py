"""Service accounts and their tokens: created by administrators, shown once, revoked by them."""

import logging
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.accounts import machine_tokens
from portal.accounts.announcements import AccountNotice, account_notice
from portal.accounts.models import User
from portal.accounts.presence import is_gone
from portal.accounts.roles import Role
from portal.api.models import ApiToken, ServiceAccount
from portal.lib.problems import NotAllowed

logger = logging.getLogger(__name__)
PREFIX = "tma_"


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
    """Create a token for the service account `name`, and the account if there is none; return the row, and the
    token, which is not stored.

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
    columns, token = machine_tokens.fresh(prefix=PREFIX, actor=actor, days=days)
    row = ApiToken.objects.create(account=account, **columns)
    if owner.pk != actor.pk:
        account_notice.tell(
            AccountNotice(
                owner.email,
                f"A token was made by which the program {name} acts for you.",
                f"{actor} made it; it ends after {days} days.",
            )
        )
    logger.info("A token for service account %s was made by %s.", account.pk, actor.pk)
    return row, token


def revoke_token(*, actor: User, token: ApiToken) -> None:
    """End a token now. Raises NotAllowed or WrongState."""
    check_may_handle(actor)
    machine_tokens.revoke(token=token, actor=actor)


def usable_token(header: str) -> ApiToken | None:
    """The usable token that an Authorization header carries, with its account and owner; notes that it was used."""
    rows = ApiToken.objects.select_related("account__owner")
    row = machine_tokens.usable(rows, header, prefix=PREFIX)
    # A program cannot act for somebody who left, even if the account is still open.
    return None if row is None or is_gone(row.account.owner) else row
