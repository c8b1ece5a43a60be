"""Checking again from the page of a request: one POST, with or without JavaScript."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from portal.accounts.signed_in import person
from portal.lib.throttle import TooOften
from portal.workflow.services import checking
from portal.workflow.views.loading import load
from portal.workflow.views.reading import show_request

DONE = "The checks ran again. What they found is below."


@login_required
@require_POST
def recheck(request: HttpRequest, reference: str) -> HttpResponse:
    """Run the checks again. htmx takes the evidence out of the page; too often is the page with a notice (429)."""
    service_request = load(request, reference)
    try:
        checking.recheck(service_request=service_request, actor=person(request))
    except TooOften as problem:
        response = show_request(request, service_request, notice=str(problem), status=problem.status)
        response["Retry-After"] = str(problem.wait)
        return response
    if request.headers.get("HX-Request") == "true":
        return show_request(request, load(request, reference), notice=DONE)
    messages.success(request, DONE)
    return redirect(f"{service_request.get_absolute_url()}#evidence")
