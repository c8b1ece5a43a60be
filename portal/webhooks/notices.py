"""Whom the portal tells that it paused an endpoint."""

from portal.accounts.models import people_with_role
from portal.accounts.roles import Role
from portal.institution import institution
from portal.outbox.services import enqueue
from portal.webhooks.models import Endpoint


def paused(*, endpoint: Endpoint, because: str) -> None:
    """Tell the administrators, and the mail service's contact where there is none."""
    recipients = [person.email for person in people_with_role([Role.ADMINISTRATOR])]
    for recipient in recipients or [institution().contact_email]:
        enqueue(
            recipient=recipient,
            template="webhook_paused",
            context={
                "description": endpoint.description,
                "url": endpoint.url,
                "because": because,
                "path": endpoint.get_absolute_url(),
            },
        )
