"""Which permissions an incident is about, and what its pages read."""

from typing import TYPE_CHECKING

from django.db.models import Count, F, Q, QuerySet

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.states import OPEN_STATES, GrantState
from portal.incidents.models import About, Incident, IncidentGrant
from portal.workflow.models import SearchTerm

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 100
MOST_GRANTS = 1000
"""Permissions that one incident suspends; more is another kind of emergency, and is done by closing the door."""


def grants_about(about: About, subject: str) -> "QuerySet[Grant]":
    """The permissions that are not over and that `subject` (in lower case) names, by reference.

    A holder's by owner and co-owner; a system's and a vendor's by the words that their requests are found by:
    host, addresses, senders, domains.
    """
    open_ones = Grant.objects.filter(state__in=OPEN_STATES).select_related("owner", "co_owner")
    if about == About.HOLDER:
        return open_ones.filter(
            Q(owner__email__iexact=subject) | Q(co_owner__email__iexact=subject)
        ).order_by("pk")
    words = Q(term=subject)
    if about == About.VENDOR:
        # Of a domain everything below it as well: its hosts, and addresses at it or at one of them.
        words |= Q(term__endswith=f".{subject}") | Q(term__endswith=f"@{subject}")
    named = SearchTerm.objects.filter(words).values("service_request_id")
    by_key = Q(subject_key__iexact=subject)
    if about == About.VENDOR:
        by_key |= Q(subject_key__iendswith=f".{subject}")
    return open_ones.filter(by_key | Q(latest_request__in=named) | Q(request__in=named)).order_by("pk")


def recent_incidents(actor: User) -> "Sequence[Incident]":
    """The newest incidents with how many permissions each is about; those that are open first."""
    rows = Incident.objects.visible_to(actor).select_related("opened_by").annotate(grants=Count("rows"))
    return list(rows.order_by(F("closed_at").desc(nulls_first=True), "-id")[:SHOWN])


def rows_of(incident: Incident) -> "list[IncidentGrant]":
    """Each permission of the incident with its present standing."""
    return list(incident.rows.select_related("grant", "grant__owner", "grant__co_owner"))


def still_suspended(incident: Incident) -> int:
    """How many of its permissions are suspended now."""
    return incident.rows.filter(grant__state=GrantState.SUSPENDED).count()


def panel_of(grant: Grant) -> Incident | None:
    """The open incident for which a grant is suspended; None for others, without a query."""
    if grant.state != GrantState.SUSPENDED:
        return None
    return Incident.objects.filter(rows__grant=grant, closed_at__isnull=True).order_by("-id").first()
