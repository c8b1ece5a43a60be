"""What the room shows on the pages of its grants."""

from django.urls import reverse

from campaigns.selectors import KEY
from portal.grants.models import Grant
from portal.grants.panels import GrantPanel


def _verification(grant: Grant) -> dict[str, str]:
    return {"address": reverse("campaign_verify", args=[grant.reference])} if grant.kind == KEY else {}


VERIFY = GrantPanel("campaigns/verify_panel.html", _verification)
