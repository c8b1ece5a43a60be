"""The reviewers' pages: renewals to approve together, and the results."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.signed_in import person
from portal.lib.problems import NotAllowed
from portal.renewals import queue
from portal.renewals.forms import ApproveChosenForm
from portal.renewals.models import BulkRun
from portal.renewals.services import deciding


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def renewals(request: HttpRequest) -> HttpResponse:
    """List renewals in review: unchanged and green ones with checkboxes, the others with their changes."""
    _check_reader(request)
    if request.method == "POST":
        return _approve(request)
    return _show(request, ApproveChosenForm(initial={"key": uuid.uuid4()}))


def _check_reader(request: HttpRequest) -> None:
    if not person(request).sees_everything:
        raise NotAllowed("This page is for reviewers, the CIO office and auditors.")


def _approve(request: HttpRequest) -> HttpResponse:
    if not person(request).is_decider:
        raise NotAllowed("Renewals are decided by reviewers.")
    form = ApproveChosenForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            run = deciding.approve_chosen(
                actor=person(request), key=data["key"], reason=data["reason"], chosen=data["chosen"]
            )
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        else:
            return redirect(run)
    return _show(request, form, chosen=set(request.POST.getlist("row")), status=422)


def _show(
    request: HttpRequest, form: ApproveChosenForm, chosen: set[str] | None = None, status: int = 200
) -> HttpResponse:
    actor, query = person(request), request.GET
    green, others = queue.renewal_pages(
        actor,
        (query.get("after", ""), query.get("before", "")),
        (query.get("more_after", ""), query.get("more_before", "")),
    )
    mine = {row.value for row in green.rows if row.is_mine}
    context: dict[str, Any] = {
        "form": form,
        "green": green,
        "others": others,
        "mine": mine,
        "chosen": mine if "all" in query and chosen is None else chosen or set(),
        "may_decide": actor.is_decider,
        "runs": queue.recent_runs(actor),
    }
    return render(request, "renewals/renewals.html", context, status=status)


@login_required
@require_safe
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the progress of a run, with a result for each row."""
    _check_reader(request)
    found = get_object_or_404(BulkRun.objects.select_related("actor"), pk=pk)
    return render(request, "renewals/run.html", {"progress": queue.progress_of(found), "run": found})
