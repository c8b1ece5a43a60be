"""The outbox room: mail as rows beside the change, delivered later."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """A row is written with the change it tells of; a sweep delivers it."""

    name = "portal.outbox"
    verbose_name = "Mail out"

    def ready(self) -> None:
        """Bind the rooms' shared tasks to the portal's Celery application, in the web process too; hear of accounts."""
        from portal import celery  # noqa: F401
        from portal.accounts.announcements import account_notice
        from portal.outbox import account_notices

        account_notice.listen(account_notices.tell)
