"""The page of a campaign after its approval: figures, stopping, the office's word, and what came of it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import aftermath, selectors, signals
from campaigns.models import CampaignPermission, StopProposal
from portal.accounts.signed_in import person
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.lib.problems import NotAllowed, WrongState

SHOWN = 60
_WHY: dict[str, Any] = {"label": "Why?", "max_length": 1500, "widget": forms.Textarea(attrs={"rows": 3})}


class StopForm(forms.Form):
    """Stopping at once, with its reason."""

    reason = forms.CharField(**_WHY, help_text="Everyone concerned reads it.")


class AnswerForm(forms.Form):
    """The office's word on a campaign over its stop limit."""

    decision = forms.ChoiceField(
        label="Does it go on?",
        choices=(("revoke", "No: revoke it, with the figures as the evidence"), ("keep", "Yes: it goes on")),
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(**_WHY)


class OutcomeForm(forms.Form):
    """What came of it."""

    sent = forms.IntegerField(
        label="How many messages were sent?", min_value=0, max_value=signals.LARGEST_COUNT
    )
    opened = forms.IntegerField(
        label="How many were opened?",
        min_value=0,
        max_value=signals.LARGEST_COUNT,
        required=False,
        help_text="Only if the platform tells you without tracking people against what the message says.",
    )
    complaints = forms.IntegerField(
        label="How many people complained?", min_value=0, max_value=signals.LARGEST_COUNT
    )
    note = forms.CharField(
        label="Anything the next one should know?",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SignalForm(forms.Form):
    """The figures of one campaign on one day."""

    campaign = forms.CharField(label="Campaign", max_length=20, help_text="Its reference, such as TM-C-1042.")
    day = forms.DateField(label="Day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    sent = forms.IntegerField(label="Sent", min_value=0, max_value=signals.LARGEST_COUNT)
    complaints = forms.IntegerField(label="Complaints", min_value=0, max_value=signals.LARGEST_COUNT)
    hard_bounces = forms.IntegerField(label="Hard bounces", min_value=0, max_value=signals.LARGEST_COUNT)

    def signal(self) -> signals.Signal:
        """The figures. Raises ValueError, with one sentence, for figures that cannot be."""
        data = self.cleaned_data
        return signals.checked(
            signals.Signal(
                data["campaign"].strip().upper(),
                data["day"],
                data["sent"],
                data["complaints"],
                data["hard_bounces"],
            )
        )


def _load(request: HttpRequest, reference: str) -> CampaignPermission:
    """The campaign, for those who may see its grant, and for the person who can stop it."""
    actor = person(request)
    rows = CampaignPermission.objects.select_related("grant", "grant__owner", "grant__co_owner", "stopper")
    found = rows.filter(grant__reference=reference).first()
    may_know = found is not None and (
        found.stopper_id == actor.pk or Grant.objects.visible_to(actor).filter(pk=found.grant_id).exists()
    )
    if found is None or not (actor.is_active and may_know):
        raise Http404("No such campaign.")
    return found


def _open_proposal(permission: CampaignPermission) -> StopProposal | None:
    return permission.proposals.filter(answered_at__isnull=True).first()


def _show(
    request: HttpRequest, permission: CampaignPermission, status: int = 200, **bound: forms.Form
) -> HttpResponse:
    actor, grant = person(request), permission.grant
    proposal, outcome = _open_proposal(permission), getattr(permission, "outcome", None)
    may_stop = grant.state == GrantState.ACTIVE and aftermath.may_stop(permission, actor)
    may_note = aftermath.may_note(permission, actor) and aftermath.is_over(permission, timezone.localdate())
    made: dict[str, forms.Form | None] = {
        "stop": StopForm(prefix="stop") if may_stop else None,
        "answer": AnswerForm(prefix="answer")
        if proposal and aftermath.may_answer(permission, actor)
        else None,
        "outcome": OutcomeForm(prefix="outcome", initial=_noted(outcome)) if may_note else None,
    }
    context = {
        "permission": permission,
        "grant": grant,
        "standing": selectors.standings([grant])[grant.pk],
        "totals": signals.totals_of(permission),
        "days": list(permission.signals.order_by("-day")[:SHOWN]),
        "proposal": proposal,
        "answered": list(
            permission.proposals.filter(answered_at__isnull=False).select_related("answered_by")
        ),
        "outcome": outcome,
        "forms": made | bound,
    }
    return render(request, "campaigns/aftermath.html", context, status=status)


def _noted(outcome: Any) -> dict[str, Any]:
    names = ("sent", "opened", "complaints", "note")
    return {name: getattr(outcome, name) for name in names} if outcome else {}


@login_required
@require_safe
def after(request: HttpRequest, reference: str) -> HttpResponse:
    """What happened since the approval."""
    return _show(request, _load(request, reference))


@login_required
@require_POST
def stop(request: HttpRequest, reference: str) -> HttpResponse:
    """Stop it now."""
    permission = _load(request, reference)
    if not aftermath.may_stop(permission, person(request)):
        raise NotAllowed(
            "Stopping is for the owner, the person named in the request, IT review and the CIO office."
        )
    form = StopForm(request.POST, prefix="stop")
    if not form.is_valid():
        return _show(request, permission, 422, stop=form)
    aftermath.stop_now(permission=permission, actor=person(request), reason=form.cleaned_data["reason"])
    messages.success(request, "The campaign is stopped. Nothing more of it may be sent.")
    return redirect("campaign_after", reference)


@login_required
@require_POST
def answer(request: HttpRequest, reference: str) -> HttpResponse:
    """Revoke a campaign over its stop limit, or let it go on."""
    permission = _load(request, reference)
    if not aftermath.may_answer(permission, person(request)):
        raise NotAllowed("The CIO office and IT review decide whether a campaign goes on.")
    proposal = _open_proposal(permission)
    if proposal is None:
        raise WrongState("Nothing is proposed, or somebody has answered already.")
    form = AnswerForm(request.POST, prefix="answer")
    if not form.is_valid():
        return _show(request, permission, 422, answer=form)
    proposal.permission = permission
    aftermath.answer_proposal(
        proposal=proposal,
        actor=person(request),
        revoke=form.cleaned_data["decision"] == "revoke",
        reason=form.cleaned_data["reason"],
    )
    messages.success(request, "Your decision is noted, and everyone concerned is told.")
    return redirect("campaign_after", reference)


@login_required
@require_POST
def outcome(request: HttpRequest, reference: str) -> HttpResponse:
    """Note what came of it."""
    permission = _load(request, reference)
    if not aftermath.may_note(permission, person(request)):
        raise NotAllowed("The owner notes what came of it.")
    form = OutcomeForm(request.POST, prefix="outcome")
    if form.is_valid():
        try:
            aftermath.note_outcome(permission=permission, actor=person(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Noted. Thank you.")
            return redirect("campaign_after", reference)
    return _show(request, permission, 422, outcome=form)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Enter the figures of one day; the same day again replaces them."""
    actor = person(request)
    if not aftermath.may_enter_signals(actor):
        raise NotAllowed("Signals are entered by IT review.")
    form = SignalForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            signal = form.signal()
            aftermath.take_signals(rows=[signal], actor=actor)
        except ValueError as error:
            form.add_error(
                "campaign" if "campaign" in str(error) else "day" if "day" in str(error) else "sent",
                str(error),
            )
        else:
            messages.success(request, f"The figures of {signal.reference} are kept.")
            return redirect("campaign_after", signal.reference)
    return render(request, "campaigns/signals.html", {"form": form}, status=422 if form.errors else 200)
