"""The dashboard page of campaigns and surveys."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from campaigns import dashboard
from portal.accounts.signed_in import person
from portal.lib.problems import NotAllowed


@login_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what waits and for how long, complaints by month, and decisions by clause."""
    if not person(request).sees_everything:
        raise NotAllowed("The dashboard is for the CIO office, reviewers and auditors.")
    today = timezone.localdate()
    clauses, without = dashboard.decisions_by_clause(today)
    context = {
        "waiting": dashboard.waiting(today),
        "complaints": dashboard.complaint_rates(today),
        "by_month": dashboard.by_month(today),
        "clauses": clauses,
        "without_clause": without,
        "decided": dashboard.decided_counts(today),
    }
    return render(request, "campaigns/dashboard.html", context)
