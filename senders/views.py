"""The DNS team's list of records, its files, the confirmation of a target's holder; consent to a From address."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.models import User
from portal.accounts.signed_in import person
from portal.enforcement.publishing import SERIAL
from portal.enforcement.releasing import latest_release
from portal.lib.problems import NotAllowed
from portal.workflow.views.consenting import consent_page
from senders import instructions
from senders.dns_lists import AT_FIRST, LABELS, Asked, asked_of, narrowed, page_of
from senders.dns_records import Listed, Lists, lists_for
from senders.exports import ADD, REMOVE, DnsRecords
from senders.forms import ConfirmTargetForm
from senders.models import FromAddress, PlannedRecord
from senders.watching import CONFIRMERS, confirm_target, may_confirm


def _reader(request: HttpRequest) -> User:
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("This page is for those who look after DNS and the mail system, and for auditors.")
    return actor


@login_required
@require_safe
def dns_records(request: HttpRequest) -> HttpResponse:
    """Every planned record: what stops, what dangles, what to add and to remove, and what is in place."""
    actor = _reader(request)
    whole = lists_for(actor, timezone.localdate())
    asked = asked_of(request.GET)
    lists = narrowed(whole, asked.query)
    context: dict[str, Any] = {
        **{name: _section(request, lists, name, asked) for name in LABELS},
        "asked": asked,
        "labels": LABELS,
        "is_empty": whole.is_empty,
        "nothing_fits": lists.is_empty and not whole.is_empty,
        "files": (ADD, REMOVE),
        "looked_at": _last_look(
            [*whole.stops, *whole.to_add, *whole.to_remove, *whole.in_place, *whole.gone, *whole.alarms]
        ),
        "may_confirm": actor.has_role(*CONFIRMERS),
    }
    return render(request, "senders/dns_page.html", context)


def _section(request: HttpRequest, lists: Lists, name: str, asked: Asked) -> dict[str, Any]:
    """One list as the page shows it: the first of all of them, or a page of the one that is asked for."""
    if asked.chosen and asked.chosen != name:
        return {"rows": [], "is_hidden": True}
    keys = {key: request.GET.get(key, "") for key in ("after", "before")} if asked.chosen else {}
    page = page_of(lists, name, **keys)
    entries = page.entries if asked.chosen else page.entries[:AT_FIRST]
    return {
        "name": name,
        "rows": [instructions.shown(entry) for entry in entries],
        "count": page.count,
        "page": page if asked.chosen else None,
        "is_cut": len(entries) < page.count and not asked.chosen,
    }


def _last_look(entries: list[Listed]) -> Any:
    return max((entry.row.asked_at for entry in entries if entry.row.asked_at is not None), default=None)


@login_required
@require_safe
def dns_file(request: HttpRequest, name: str) -> HttpResponse:
    """One of the export's files as it would be released now."""
    _reader(request)
    target = DnsRecords()
    if name not in (ADD, REMOVE):
        raise Http404("There is no such file.")
    newest = latest_release(target.key)
    text = target.render(day=timezone.localdate(), install_path="").files[name]
    text = text.replace(SERIAL, f"after-{newest.serial}" if newest else "none")
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that the vendor holds the domain of a record's target again; a GET asks how that is known."""
    actor = _reader(request)
    if not actor.has_role(*CONFIRMERS):
        raise NotAllowed("Only IT reviewers confirm who holds a domain.")
    record = get_object_or_404(PlannedRecord.objects.select_related("authorization__grant"), pk=pk)
    if not may_confirm(record.authorization.grant, actor):
        raise NotAllowed(
            "Whoever holds the permission does not confirm who holds the domain. Ask another reviewer."
        )
    form = ConfirmTargetForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        confirm_target(record=record, actor=actor, reason=form.cleaned_data["reason"])
        messages.success(
            request, f"Confirmed. The DNS team’s list has {record.name} again among the records to stand."
        )
        return redirect("dns_records")
    context = {"record": record, "grant": record.authorization.grant, "form": form}
    return render(request, "senders/dns_confirm.html", context, status=422 if form.is_bound else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether a service may show the signed-in person's address in From. 404 for everybody who was not asked."""
    rows = FromAddress.objects.select_related("sender_request__service_request__requester")
    return consent_page(request, rows, pk)
