"""What the room shows on the pages of its grants, and above the queue."""

from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone

from campaigns import delegation, selectors
from campaigns.models import StopProposal
from portal.grants.models import Grant
from portal.grants.panels import GrantPanel
from portal.workflow.panels import Panel

if TYPE_CHECKING:
    from portal.accounts.models import User


def _verification(grant: Grant) -> dict[str, str]:
    if grant.kind != selectors.KEY:
        return {}
    return {"address": reverse("campaign_verify", args=[grant.reference])}


def _delegated(actor: "User") -> dict[str, Any]:
    if not actor.has_role(*delegation.ELIGIBLE):
        return {}
    if not delegation.delegations_of(actor, timezone.localdate()):
        return {}
    return {"count": selectors.cases().count(), "address": reverse("campaign_desk")}


def _aftermath(grant: Grant) -> dict[str, Any]:
    if grant.kind != selectors.KEY:
        return {}
    proposals = StopProposal.objects.filter(permission=grant.pk, answered_at__isnull=True)
    return {
        "address": reverse("campaign_after", args=[grant.reference]),
        "is_over_limit": proposals.exists(),
    }


AFTERMATH = GrantPanel("campaigns/aftermath_panel.html", _aftermath)
VERIFY = GrantPanel("campaigns/verify_panel.html", _verification)
DELEGATED = Panel("campaigns/desk_panel.html", _delegated)
