"""Pages of changes that are held back, and the administrators' decisions."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts.signed_in import person
from portal.enforcement import holding
from portal.enforcement.forms import ReleaseAnywayForm
from portal.enforcement.models import HeldChange
from portal.grants.models import Grant
from portal.lib.problems import NotAllowed


def _check(request: HttpRequest) -> None:
    if not person(request).sees_everything:
        raise NotAllowed("This page is for people who run the mail system, and for auditors.")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def held_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one held change; a POST by an administrator releases it, with a reason."""
    _check(request)
    actor = person(request)
    is_post = request.method == "POST"
    if is_post and not holding.may_decide(actor):
        raise NotAllowed("Only administrators release what is held back.")
    change = get_object_or_404(HeldChange.objects.select_related("decided_by"), pk=pk)
    form = ReleaseAnywayForm(request.POST if is_post else None)
    if is_post and form.is_valid():
        try:
            holding.release_anyway(actor=actor, change=change, reason=form.cleaned_data["reason"])
        except ValidationError as error:
            form.add_error("reason", ValidationError(error.messages))
        else:
            messages.success(request, f"The change of {change.reference} goes out within a minute.")
            return redirect("enforcement")
    context = {
        "change": change,
        "target": holding.target_label(change.target),
        "place": holding.place_label(change.place),
        "lines": change.lines.splitlines(),
        "grant": Grant.objects.filter(reference=change.reference).first(),
        "is_open": change.closed_at is None and change.decided_at is None,
        "may_decide": holding.may_decide(actor),
        "form": form,
    }
    return render(request, "enforcement/held_change.html", context, status=422 if is_post else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm_date(request: HttpRequest) -> HttpResponse:
    """Confirm today's date after a jump; a GET leads to the enforcement page."""
    _check(request)
    if request.method == "POST":
        confirmation = holding.confirm_date(actor=person(request))
        messages.success(
            request,
            f"{confirmation.day:%b %-d, %Y} is confirmed. What ended by its day goes out within a minute.",
        )
    return redirect("enforcement")
