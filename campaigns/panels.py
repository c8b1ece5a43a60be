"""What campaigns add to the pages of permissions and above the queue."""

from typing import Any

from django.urls import reverse
from django.utils import timezone

from campaigns import delegation, lists, selectors
from campaigns.models import CampaignPermission, DelegationScope, ListUse, StopProposal
from campaigns.standing import SENDERS
from portal.accounts.models import User
from portal.grants.models import Grant
from portal.ui.panels import Panel


def _verification(grant: Grant) -> dict[str, str]:
    if grant.kind != selectors.KEY:
        return {}
    return {"address": reverse("campaign_verify", args=[grant.reference])}


def _delegated(actor: User) -> dict[str, Any]:
    if not actor.has_role(*delegation.ELIGIBLE):
        return {}
    held = delegation.delegations_of(actor, timezone.localdate())
    if not held:
        return {}
    rows = selectors.waiting_for_the_office()
    if all(one.scope != DelegationScope.ALL for one in held):
        rows = rows.filter(kind=delegation.KIND)
    return {"count": rows.count(), "address": reverse("campaign_queue")}


def _delivery(grant: Grant) -> dict[str, Any]:
    if grant.kind != selectors.KEY:
        return {}
    proposals = StopProposal.objects.filter(permission=grant.pk, answered_at__isnull=True)
    return {
        "address": reverse("campaign_delivery", args=[grant.reference]),
        "is_over_limit": proposals.exists(),
    }


def _lists(grant: Grant) -> dict[str, Any]:
    """Return the gated lists that the campaign may be sent to, and its deliveries there."""
    if grant.kind != selectors.KEY:
        return {}
    permission = CampaignPermission.objects.filter(pk=grant.pk).prefetch_related("audiences").first()
    if permission is None:
        return {}
    standings = lists.list_standings(permission)
    counting = [one.use.pk for one in standings if one.use]
    earlier = (
        ListUse.objects.filter(permission=permission).exclude(pk__in=counting).select_related("released_by")
    )
    if not standings and not earlier:
        return {}
    return {
        "reference": grant.reference,
        "holders": (grant.owner_id, grant.co_owner_id),
        "may_go": bool(standings),
        "lists": standings,
        "earlier": list(earlier),
    }


def _dependents(grant: Grant) -> dict[str, Any]:
    """Return the campaigns that send under a sender authorization, and the requests that would."""
    if grant.kind != SENDERS:
        return {}
    approved = selectors.campaigns_under(grant)
    rows = [(row.grant, selectors.standing(row)) for row in approved]
    pending = [row.service_request for row in selectors.pending_under(grant)]
    return {"rows": rows, "pending": pending} if rows or pending else {}


DELIVERY = Panel("campaigns/delivery_panel.html", _delivery)
LISTS = Panel("campaigns/lists_panel.html", _lists)
DEPENDENTS = Panel("campaigns/dependents_panel.html", _dependents)
VERIFY = Panel("campaigns/verify_panel.html", _verification)
DELEGATED = Panel("campaigns/queue_panel.html", _delegated)
