"""The page of unowned permissions, the offer by IT, and the page that a link to a mailbox or head of department
opens.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.signed_in import person
from portal.lib.problems import NotAllowed, WrongState
from portal.ownership import claiming, selectors
from portal.ownership.forms import OfferForm
from portal.ownership.models import OwnerSearch
from portal.ownership.stages import SearchStage

SHOWN = 100


@login_required
@require_safe
def unowned(request: HttpRequest) -> HttpResponse:
    """List unowned permissions, and requests whose people left."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("This page is for people who run the mail system, and for auditors.")
    rows = list(selectors.unowned(actor)[: SHOWN + 1])
    requests = list(selectors.unowned_requests(actor)[:SHOWN])
    context = {
        "rows": rows[:SHOWN],
        "has_more": len(rows) > SHOWN,
        "requests": requests,
        "it": SearchStage.IT,
    }
    return render(request, "ownership/unowned.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, reference: str) -> HttpResponse:
    """Show one unowned permission and the steps so far; a POST offers it to somebody."""
    actor = person(request)
    search = (
        OwnerSearch.objects.running()
        .visible_to(actor)
        .filter(grant__reference=reference)
        .select_related("owner", "grant__owner", "grant__co_owner")
        .first()
    )
    if search is None or not actor.sees_everything:
        raise Http404("No search for a new owner is running for this permission.")
    form = OfferForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if not claiming.may_offer(search.grant, actor):
            raise NotAllowed(
                "Only reviewers and the CIO office who have no part in this permission may offer it."
            )
        if form.is_valid() and _offered(request, search, form):
            return redirect("unowned")
    context = {
        "summary": selectors.summary_of(search),
        "steps": list(search.steps.all()),
        "form": form if claiming.may_offer(search.grant, actor) else None,
    }
    return render(request, "ownership/offer.html", context, status=422 if form.errors else 200)


def _offered(request: HttpRequest, search: OwnerSearch, form: OfferForm) -> bool:
    data = form.cleaned_data
    try:
        claiming.offer(search=search, actor=person(request), to=data["to"], note=data["note"])
    except ValidationError as error:
        form.add_error(None, ValidationError(error.messages))
        return False
    messages.success(request, f"You offered {search.grant.reference} to {data['to']}.")
    return True


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: HttpRequest, token: str) -> HttpResponse:
    """Show what taking over means; a POST takes over."""
    found = claiming.read_token(token)
    if found is None:
        raise Http404("This link is incomplete. Copy it from the email again.")
    pk, stage = found
    search = (
        OwnerSearch.objects.running()
        .filter(pk=pk)
        .select_related("owner", "grant__owner", "grant__co_owner")
        .first()
    )
    if search is None:
        raise WrongState(claiming.SETTLED)
    claiming.check_may_claim(search, person(request), stage)
    if request.method == "POST":
        grant = claiming.claim(search=search, actor=person(request), stage=stage)
        messages.success(request, "You are the owner of this permission now.")
        return redirect(grant)
    grant = search.grant
    context = {
        "search": search,
        "grant": grant,
        "sentence": grant.kind_entry.permission_sentence(grant),
        "rows": [
            {"label": label, "lines": lines, "is_code": True}
            for label, lines in grant.kind_entry.permission_rows(grant)
        ],
    }
    return render(request, "ownership/claim.html", context)
