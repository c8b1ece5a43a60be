"""Notices about an incident. The people of each permission get a notice of their own."""

from dataclasses import dataclass

from portal.accounts.models import people_with_role
from portal.accounts.roles import Role
from portal.incidents.models import Incident
from portal.institution import institution
from portal.lib.registration import ExtensionPoint
from portal.outbox.services import enqueue


@dataclass(frozen=True)
class Audience:
    """Registers a role that is notified of each incident that concerns permissions of a kind."""

    kind: str
    role: Role


AUDIENCES: ExtensionPoint[Audience] = ExtensionPoint()


def opened(*, incident: Incident) -> list[str]:
    """Notify IT, and the roles that registered for the kinds concerned; return the addresses."""
    return _tell("incident_opened", incident, _recipients(incident), count=incident.rows.count())


def closed(*, incident: Incident) -> list[str]:
    """Notify the same people that it is closed."""
    return _tell("incident_closed", incident, _recipients(incident), count=incident.rows.count())


def _recipients(incident: Incident) -> list[str]:
    recipients = [institution().contact_email] if institution().contact_email else []
    kinds = set(incident.rows.values_list("grant__kind", flat=True).distinct().order_by())
    if roles := {audience.role for audience in AUDIENCES if audience.kind in kinds}:
        recipients += [person.email for person in people_with_role(roles)]
    return recipients


def _tell(template: str, incident: Incident, recipients: list[str], *, count: int) -> list[str]:
    everybody = list(dict.fromkeys(recipients))
    for recipient in everybody:
        enqueue(
            recipient=recipient,
            template=template,
            unique_key=f"{template}:{incident.pk}:{recipient}",
            context={
                "path": incident.get_absolute_url(),
                "subject": incident.subject,
                "reason": incident.reason,
                "outcome": incident.outcome,
                "actor": str(incident.closed_by or incident.opened_by),
                "count": count,
            },
        )
    return everybody
