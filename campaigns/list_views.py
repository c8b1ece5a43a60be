"""Allowing one more delivery of a campaign to a large list."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from campaigns import lists
from campaigns.models import ListUse
from portal.accounts.signed_in import person
from portal.grants.models import Grant
from portal.lib.problems import NotAllowed, WrongState


class AllowAgainForm(forms.Form):
    """The reason for one more delivery."""

    reason = forms.CharField(
        label="Why may it be sent to this list once more?",
        max_length=lists.LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For example: the mail server's log shows that the message was not queued. The owner reads it.",
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def allow_again(request: HttpRequest, reference: str, pk: int) -> HttpResponse:
    """Allow one more delivery to a large list, with a reason."""
    actor = person(request)
    seen = Grant.objects.visible_to(actor).filter(reference=reference)
    uses = ListUse.objects.select_related("permission__grant__owner", "permission__grant__co_owner")
    use = uses.filter(pk=pk, permission__grant__in=seen).first()
    if use is None:
        raise Http404("There is no such delivery.")
    if not lists.may_allow_again(use.permission, actor):
        raise NotAllowed(
            "Only IT review and the CIO office allow one more delivery, and not for their own campaigns."
        )
    if use.released_at is not None:
        raise WrongState("One more delivery was already allowed. The page of the permission shows who did.")
    form = AllowAgainForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        lists.allow_again(use=use, actor=actor, reason=form.cleaned_data["reason"])
        messages.success(
            request, f"{reference} may be sent to {use.list_address} once more. Its owner is told by email."
        )
        return redirect(use.permission.grant)
    context = {"grant": use.permission.grant, "use": use, "form": form}
    return render(request, "campaigns/allow_again.html", context, status=422 if form.errors else 200)
