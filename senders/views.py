"""The DNS team's list of records, its files, and the confirmation of a target's holder."""

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
from senders import instructions
from senders.dns_records import Listed, lists_for
from senders.exports import ADD, REMOVE, DnsRecords
from senders.forms import ConfirmTargetForm
from senders.models import PlannedRecord
from senders.watching import CONFIRMERS, confirm_target, may_confirm

SHOWN = 100
"""Records shown of each list; the files have all of them."""


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
    lists = lists_for(actor, timezone.localdate())
    sections = {
        name: {"rows": [instructions.shown(entry) for entry in entries[:SHOWN]], "count": len(entries)}
        for name, entries in (
            ("stops", lists.stops),
            ("alarms", lists.alarms),
            ("to_add", lists.to_add),
            ("to_remove", lists.to_remove),
            ("in_place", lists.in_place),
            ("gone", lists.gone),
        )
    }
    context: dict[str, Any] = {
        **sections,
        "is_empty": lists.is_empty,
        "shown": SHOWN,
        "files": (ADD, REMOVE),
        "looked_at": _last_look(
            [*lists.stops, *lists.to_add, *lists.to_remove, *lists.in_place, *lists.gone, *lists.alarms]
        ),
        "may_confirm": actor.has_role(*CONFIRMERS),
    }
    return render(request, "senders/dns_page.html", context)


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
