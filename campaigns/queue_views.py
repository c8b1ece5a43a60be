"""The queue of the CIO office and its delegations."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from campaigns import delegation, selectors
from campaigns.models import Delegation, DelegationScope
from portal.accounts.models import User
from portal.accounts.signed_in import person
from portal.institution import institution
from portal.lib.problems import NotAllowed

SHOWN = 50


@login_required
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Show what waits for the office, what is with IT, what is over a stop limit, and the latest decisions."""
    actor = person(request)
    if not delegation.may_see_queue(actor):
        raise NotAllowed(f"This queue is for the {institution().cio_office} and for those who decide for it.")
    context = {
        "waiting": list(selectors.cio_queue()[:SHOWN]),
        "others": list(selectors.other_requests()[:SHOWN]),
        "over_limit": list(selectors.over_limit()[:SHOWN]),
        "coming": list(selectors.before_cio()[:SHOWN]),
        "decided": list(selectors.decided()[:10]),
        "held": delegation.delegations_of(actor, timezone.localdate()),
        "may_delegate": delegation.may_delegate(actor),
        "today": timezone.localdate(),
    }
    return render(request, "campaigns/queue.html", context)


class DelegationForm(forms.Form):
    """Who decides for the office, on which campaigns, and on which days."""

    given_to: "forms.ModelChoiceField[User]" = forms.ModelChoiceField(
        label="Who decides for the office?", queryset=User.objects.none(), empty_label="Choose one"
    )
    scope = forms.ChoiceField(
        label="Which campaigns may they decide?",
        choices=DelegationScope.choices,
        widget=forms.RadioSelect,
        initial=DelegationScope.ALL,
    )
    starts_on = forms.DateField(
        label="First day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    ends_on = forms.DateField(
        label="Last day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    reason = forms.CharField(label="Reason", max_length=1000, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        person = self.fields["given_to"]
        assert isinstance(person, forms.ModelChoiceField)
        person.queryset = delegation.candidates()
        self.fields["starts_on"].initial = timezone.localdate


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delegations(request: HttpRequest) -> HttpResponse:
    """Show who decides for the office; the office itself adds a delegation."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("This page is for reviewers, the CIO office and auditors.")
    if request.method == "POST" and not delegation.may_delegate(actor):
        raise NotAllowed(f"Only the {institution().cio_office} delegates its decisions.")
    form = DelegationForm(request.POST) if request.method == "POST" else DelegationForm()
    if form.is_bound and form.is_valid() and _delegate(actor, form):
        messages.success(request, "The delegation is saved. It applies from its first day.")
        return redirect("campaign_delegations")
    context = {
        "form": form,
        "rows": Delegation.objects.select_related("given_by", "given_to")[:SHOWN],
        "may_delegate": delegation.may_delegate(actor),
        "today": timezone.localdate(),
    }
    return render(request, "campaigns/delegations.html", context, status=422 if form.errors else 200)


def _delegate(actor: User, form: DelegationForm) -> bool:
    data = form.cleaned_data
    try:
        delegation.delegate(
            actor=actor,
            to=data["given_to"],
            scope=DelegationScope(data["scope"]),
            starts_on=data["starts_on"],
            ends_on=data["ends_on"],
            reason=data["reason"],
        )
    except ValidationError as error:
        form.add_error(None, error)
        return False
    return True


@login_required
@require_POST
def end_delegation(request: HttpRequest, pk: int) -> HttpResponse:
    """End a delegation before its last day."""
    actor = person(request)
    if not delegation.may_delegate(actor):
        raise NotAllowed(f"Only the {institution().cio_office} ends delegations.")
    delegation.end(delegation=get_object_or_404(Delegation, pk=pk), actor=actor)
    messages.success(request, "The delegation is ended.")
    return redirect("campaign_delegations")
