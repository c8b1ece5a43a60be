"""The page "Delivery and results" of an approved campaign, its actions, and the page that takes complaint metrics."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import complaint_metrics, post_approval, selectors
from campaigns.models import CampaignPermission, StopProposal
from portal.accounts.signed_in import person
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.lib.problems import NotAllowed, WrongState

SHOWN = 60
_WHY: dict[str, Any] = {"label": "Reason", "max_length": 1500, "widget": forms.Textarea(attrs={"rows": 3})}


class StopForm(forms.Form):
    """The reason for stopping a campaign."""

    reason = forms.CharField(**_WHY, help_text="Everyone concerned reads it.")


class StopDecisionForm(forms.Form):
    """The decision on a campaign over its stop limit."""

    decision = forms.ChoiceField(
        label="Does the campaign continue?",
        choices=(
            ("revoke", "No: revoke it, with the metrics as evidence"),
            ("keep", "Yes: let it continue"),
        ),
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(**_WHY)


class ResultsForm(forms.Form):
    """The results of a campaign, as its owner reports them."""

    sent = forms.IntegerField(
        label="How many messages were sent?", min_value=0, max_value=complaint_metrics.LARGEST_COUNT
    )
    opened = forms.IntegerField(
        label="How many were opened?",
        min_value=0,
        max_value=complaint_metrics.LARGEST_COUNT,
        required=False,
        help_text="Only if the platform counts this in a way that the message tells people about.",
    )
    complaints = forms.IntegerField(
        label="How many people complained?", min_value=0, max_value=complaint_metrics.LARGEST_COUNT
    )
    note = forms.CharField(
        label="Notes for the next campaign",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ComplaintMetricsForm(forms.Form):
    """The complaint metrics of one campaign on one day."""

    campaign = forms.CharField(label="Campaign", max_length=20, help_text="Its reference, such as TM-C-1042.")
    day = forms.DateField(label="Day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    sent = forms.IntegerField(label="Sent", min_value=0, max_value=complaint_metrics.LARGEST_COUNT)
    complaints = forms.IntegerField(
        label="Complaints", min_value=0, max_value=complaint_metrics.LARGEST_COUNT
    )
    hard_bounces = forms.IntegerField(
        label="Hard bounces", min_value=0, max_value=complaint_metrics.LARGEST_COUNT
    )

    def metrics(self) -> complaint_metrics.DailyMetrics:
        """Return what was entered. Raises ValueError with one sentence for impossible numbers."""
        data = self.cleaned_data
        return complaint_metrics.checked(
            complaint_metrics.DailyMetrics(
                data["campaign"].strip().upper(),
                data["day"],
                data["sent"],
                data["complaints"],
                data["hard_bounces"],
            )
        )


def _load(request: HttpRequest, reference: str) -> CampaignPermission:
    """Return the campaign to those who may see its permission and to the person who can stop it; 404 for others."""
    actor = person(request)
    rows = CampaignPermission.objects.select_related("grant", "grant__owner", "grant__co_owner", "stopper")
    found = rows.filter(grant__reference=reference).first()
    may_know = found is not None and (
        found.stopper_id == actor.pk or Grant.objects.visible_to(actor).filter(pk=found.grant_id).exists()
    )
    if found is None or not (actor.is_active and may_know):
        raise Http404("There is no such campaign.")
    return found


def _open_proposal(permission: CampaignPermission) -> StopProposal | None:
    return permission.proposals.filter(answered_at__isnull=True).first()


def _show(
    request: HttpRequest, permission: CampaignPermission, status: int = 200, **bound: forms.Form
) -> HttpResponse:
    actor, grant = person(request), permission.grant
    proposal, results = _open_proposal(permission), getattr(permission, "results", None)
    may_stop = grant.state == GrantState.ACTIVE and post_approval.may_stop(permission, actor)
    may_record = post_approval.may_record_results(permission, actor) and post_approval.is_over(
        permission, timezone.localdate()
    )
    made: dict[str, forms.Form | None] = {
        "stop": StopForm(prefix="stop") if may_stop else None,
        "decision": StopDecisionForm(prefix="decision")
        if proposal and post_approval.may_decide_stop(permission, actor)
        else None,
        "results": ResultsForm(prefix="results", initial=_initial(results)) if may_record else None,
    }
    context = {
        "permission": permission,
        "grant": grant,
        "standing": selectors.standings([grant])[grant.pk],
        "totals": complaint_metrics.totals_of(permission),
        "days": list(permission.complaint_metrics.order_by("-day")[:SHOWN]),
        "proposal": proposal,
        "decided": list(permission.proposals.filter(answered_at__isnull=False).select_related("answered_by")),
        "results": results,
        "forms": made | bound,
    }
    return render(request, "campaigns/delivery.html", context, status=status)


def _initial(results: Any) -> dict[str, Any]:
    names = ("sent", "opened", "complaints", "note")
    return {name: getattr(results, name) for name in names} if results else {}


@login_required
@require_safe
def delivery(request: HttpRequest, reference: str) -> HttpResponse:
    """Show metrics, proposals and results, with the actions that this person may take."""
    return _show(request, _load(request, reference))


@login_required
@require_POST
def stop(request: HttpRequest, reference: str) -> HttpResponse:
    """Stop the campaign now."""
    permission = _load(request, reference)
    if not post_approval.may_stop(permission, person(request)):
        raise NotAllowed(
            "Only the owner, the person named in the request, IT review and the CIO office can stop a campaign."
        )
    form = StopForm(request.POST, prefix="stop")
    if not form.is_valid():
        return _show(request, permission, 422, stop=form)
    post_approval.stop_now(permission=permission, actor=person(request), reason=form.cleaned_data["reason"])
    messages.success(
        request, "The campaign is stopped. Nothing more of it may be sent, and everyone concerned is told."
    )
    return redirect("campaign_delivery", reference)


@login_required
@require_POST
def decide(request: HttpRequest, reference: str) -> HttpResponse:
    """Revoke a campaign over its stop limit, or let it continue."""
    permission = _load(request, reference)
    if not post_approval.may_decide_stop(permission, person(request)):
        raise NotAllowed("Only the CIO office and IT review decide whether a campaign continues.")
    proposal = _open_proposal(permission)
    if proposal is None:
        raise WrongState("There is nothing to decide, or somebody has already decided.")
    form = StopDecisionForm(request.POST, prefix="decision")
    if not form.is_valid():
        return _show(request, permission, 422, decision=form)
    proposal.permission = permission
    post_approval.decide_stop_proposal(
        proposal=proposal,
        actor=person(request),
        revoke=form.cleaned_data["decision"] == "revoke",
        reason=form.cleaned_data["reason"],
    )
    messages.success(request, "Your decision is saved, and everyone concerned is told.")
    return redirect("campaign_delivery", reference)


@login_required
@require_POST
def results(request: HttpRequest, reference: str) -> HttpResponse:
    """Record the results of the campaign."""
    permission = _load(request, reference)
    if not post_approval.may_record_results(permission, person(request)):
        raise NotAllowed("Only the owner and the co-owner record the results of a campaign.")
    form = ResultsForm(request.POST, prefix="results")
    if form.is_valid():
        try:
            post_approval.record_results(permission=permission, actor=person(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "The results are saved. Thank you.")
            return redirect("campaign_delivery", reference)
    return _show(request, permission, 422, results=form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Enter the metrics of one campaign on one day; entering the same day again replaces them."""
    actor = person(request)
    if not post_approval.may_enter_metrics(actor):
        raise NotAllowed("Complaint metrics are entered by IT review.")
    form = ComplaintMetricsForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            metrics = form.metrics()
            post_approval.import_metrics(rows=[metrics], actor=actor)
        except ValueError as error:
            form.add_error(
                "campaign" if "campaign" in str(error) else "day" if "day" in str(error) else "sent",
                str(error),
            )
        else:
            messages.success(request, f"The metrics of {metrics.reference} are saved.")
            return redirect("campaign_delivery", metrics.reference)
    return render(
        request, "campaigns/complaint_metrics.html", {"form": form}, status=422 if form.errors else 200
    )
