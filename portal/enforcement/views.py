"""The enforcement page, for people who run the mail system."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts.roles import Role
from portal.accounts.signed_in import person
from portal.enforcement import holding
from portal.enforcement.hosts import target_standings
from portal.enforcement.models import DateConfirmation, HeldChange, Pending, Publication, Receipt
from portal.enforcement.services import is_published_by_itself
from portal.enforcement.tokens import may_handle_tokens
from portal.grants import dating, panels
from portal.grants.models import Grant
from portal.lib.problems import NotAllowed
from portal.ui.panels import filled
from portal.workflow import registry

SHOWN = 10
HELD_SHOWN = 20


@login_required
@require_safe
def enforcement(request: HttpRequest) -> HttpResponse:
    """Show held changes, the number of active permissions, releases, hosts and pending changes."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("This page is for people who run the mail system, and for auditors.")
    counts = dict(
        Grant.objects.in_force(timezone.localdate()).order_by().values_list("kind").annotate(Count("pk"))
    )
    held = holding.open_holds().select_related("decided_by")
    plain = held.filter(is_by_day=False)
    decided = HeldChange.objects.filter(decided_at__isnull=False).select_related("decided_by")
    context = {
        "held": [
            (row, holding.target_label(row.target), holding.place_label(row.place), row.lines.splitlines())
            for row in plain[:HELD_SHOWN]
        ],
        "held_count": plain.count(),
        "held_by_day": held.filter(is_by_day=True).values("reference").distinct().count(),
        "doubtful": dating.date_in_doubt(),
        "decided": decided.order_by("-decided_at")[:SHOWN],
        "confirmations": DateConfirmation.objects.select_related("actor")[:3],
        "may_decide": holding.may_decide(actor),
        "counts": [(kind, counts.get(kind.key, 0)) for kind in registry.kinds()],
        "targets": target_standings(),
        "panels": filled(panels.OVERVIEW_PANELS, actor),
        "receipts": list(Receipt.objects.all()[:SHOWN]),
        "may_read_webhooks": actor.has_role(Role.ADMINISTRATOR, Role.AUDITOR),
        "may_handle_tokens": may_handle_tokens(actor),
        "goes_out_by_itself": is_published_by_itself(),
        "publications": list(Publication.objects.order_by("-serial")[:SHOWN]),
        "pending": Pending.objects.first(),
        "publish_dir": settings.PUBLISH_DIR,
    }
    return render(request, "enforcement/in_force.html", context)
