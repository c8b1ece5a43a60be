"""The page on which a person agrees, or not, that mail is sent as their own address or their shared mailbox."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.accounts.signed_in import person
from portal.workflow.services import consenting


def consent_page(request: HttpRequest, rows: QuerySet[Any], pk: int) -> HttpResponse:
    """Show what is asked; a signed-in POST answers. 404 for everybody who was not asked."""
    actor = person(request)
    row = rows.filter(pk=pk, asked_of=actor.email).first()
    if row is None:
        raise Http404("Nobody asks for this address of yours.")
    if request.method == "POST":
        consenting.answer(row=row, actor=actor, agree=request.POST.get("answer") == "agree")
        messages.success(request, "Thank you. Your answer is with the request.")
        return redirect(row.consent_path)
    service_request = row.asked_for
    context = {
        "row": row,
        "service_request": service_request,
        "is_own": row.asked_address == row.asked_of,
        "would_allow": service_request.kind_entry.would_allow(service_request),
    }
    return render(request, "workflow/consent.html", context)
