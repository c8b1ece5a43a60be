"""Email to people about their own accounts."""

from portal.accounts.announcements import AccountNotice
from portal.outbox.services import enqueue


def tell(notice: AccountNotice) -> None:
    """Queue the notice."""
    enqueue(
        recipient=notice.recipient,
        template="account_notice",
        context={"what": notice.sentence, "detail": notice.detail, "path": "/settings/"},
    )
