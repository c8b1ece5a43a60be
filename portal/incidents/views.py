"""The pages of incidents: the list, opening one with a preview of what it suspends, and one with its permissions."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.signed_in import person
from portal.incidents import selectors, services
from portal.incidents.forms import CloseForm, IncidentForm, subject_of
from portal.incidents.models import About, Incident
from portal.incidents.policies import check_may_handle, may_handle
from portal.incidents.search import Matches, permissions_about
from portal.lib.problems import NotAllowed, Stale, WrongState


@login_required
@require_safe
def incidents(request: HttpRequest) -> HttpResponse:
    """Open and closed incidents."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("Incidents are for reviewers, the CIO office and auditors.")
    context = {"incidents": selectors.recent_incidents(actor), "may_handle": may_handle(actor)}
    return render(request, "incidents/incidents.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Enter the subject, review the permissions that it concerns, confirm. Only the confirmation changes anything."""
    actor = person(request)
    check_may_handle(actor)
    form = IncidentForm(request.POST if request.method == "POST" else None)
    if not (form.is_bound and form.is_valid()):
        return render(request, "incidents/new.html", {"form": form}, status=422 if form.errors else 200)
    about, subject = About(form.cleaned_data["about"]), form.cleaned_data["subject"]
    found = permissions_about(subject_of(about, subject))
    if not found.everything:
        return _nothing(request, form, found)
    notice, status = "", 200
    if "confirm" in request.POST:
        try:
            incident = services.open_incident(
                actor=actor,
                about=about,
                subject=subject,
                reason=form.cleaned_data["reason"],
                seen=request.POST.get("seen", ""),
                chosen=_chosen(request, found),
            )
        except ValidationError as error:
            notice, status = " ".join(error.messages), 422
        except Stale as problem:
            notice, status = str(problem), 409
        else:
            messages.success(
                request, "The incident is open. The people concerned are told of each suspension."
            )
            return redirect(incident)
    kept = {name: form.cleaned_data[name] for name in ("about", "subject", "reason")}
    return _choose(request, found, kept=kept, notice=notice, status=status)


def _nothing(request: HttpRequest, form: IncidentForm, found: Matches) -> HttpResponse:
    """Show that there is nothing to suspend, and the requests in review, so that they are not approved in the
    meantime.
    """
    subject = form.cleaned_data["subject"]
    form.add_error("subject", f"No permission in force or waiting allows {subject}. Check the spelling.")
    context = {"form": form, "pending": selectors.pending_rows(found.pending), "subject": subject}
    return render(request, "incidents/new.html", context, status=422)


def _choose(
    request: HttpRequest,
    found: Matches,
    *,
    kept: Mapping[str, str],
    incident: Incident | None = None,
    notice: str = "",
    status: int = 200,
) -> HttpResponse:
    """Show one page of what would be suspended; the form keeps what was chosen on other pages."""
    chosen = _chosen(request, found)
    page = selectors.match_page(found, actor=person(request), chosen=chosen, number=_number(request.POST))
    context = {
        "kept": kept,
        "incident": incident,
        "subject": incident.subject if incident else kept["subject"],
        "reason": incident.reason if incident else kept["reason"],
        "page": page,
        "seen": found.fingerprint,
        "left_out": _joined(found.direct.keys() - chosen),
        "included": _joined(found.dependent.keys() & chosen),
        "dependent": len(found.dependent),
        "pending": selectors.pending_rows(found.pending),
        "notice": notice,
    }
    return render(request, "incidents/confirm.html", context, status=status)


def _chosen(request: HttpRequest, found: Matches) -> set[int]:
    """The selected ids: at first everything that allows it, then what the form says, for all pages."""
    posted = request.POST
    select = posted.get("select", "")
    if select in ("all", "direct", "none"):
        return set({"all": found.everything, "direct": found.direct, "none": {}}[select])
    chosen = (found.direct.keys() - _ids(posted.get("left_out", ""))) | (
        found.dependent.keys() & _ids(posted.get("included", ""))
    )
    shown = _ids(",".join(posted.getlist("shown")))
    marked = _ids(",".join(posted.getlist("grant")))
    return (chosen - shown) | (marked & found.everything.keys())


def _ids(text: str) -> set[int]:
    return {int(part) for part in text.split(",") if part.isascii() and part.isdecimal() and len(part) < 19}


def _joined(keys: set[int]) -> str:
    return ",".join(str(key) for key in sorted(keys))


def _number(values: Mapping[str, Any]) -> int:
    """The number of the page asked for; the first one where it is none."""
    text = str(values.get("page", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 1


def _load(request: HttpRequest, pk: int) -> Incident:
    visible = Incident.objects.visible_to(person(request)).select_related("opened_by", "closed_by")
    found = visible.filter(pk=pk).first()
    if found is None:
        raise Http404("No such incident.")
    return found


def _show(request: HttpRequest, incident: Incident, form: CloseForm, status: int = 200) -> HttpResponse:
    handles = incident.is_open and may_handle(person(request))
    context = {
        "incident": incident,
        "page": selectors.incident_rows(incident, _number(request.GET)),
        "pending": selectors.requests_about(incident),
        "since": len(selectors.matches_since(incident).direct) if incident.is_open else 0,
        "may_handle": handles,
        "form": form if handles else None,
    }
    return render(request, "incidents/incident.html", context, status=status)


@login_required
@require_safe
def incident_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one incident: its reason, the current state of each permission, related requests, who was notified,
    and its outcome.
    """
    return _show(request, _load(request, pk), CloseForm())


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, pk: int) -> HttpResponse:
    """Add to an open incident the permissions that its subject concerns now, such as later approvals."""
    incident = _load(request, pk)
    check_may_handle(person(request))
    if not incident.is_open:
        raise WrongState("This incident is closed. Open a new one.")
    found = selectors.matches_since(incident)
    if not found.everything:
        messages.info(request, f"Nothing else allows {incident.subject} now.")
        return redirect(incident)
    notice, status = "", 200
    if "confirm" in request.POST:
        try:
            count = services.extend_incident(
                incident=incident,
                actor=person(request),
                seen=request.POST.get("seen", ""),
                chosen=_chosen(request, found),
            )
        except ValidationError as error:
            notice, status = " ".join(error.messages), 422
        except Stale as problem:
            notice, status = str(problem), 409
        else:
            messages.success(request, f"Added to the incident: {count}.")
            return redirect(incident)
    return _choose(request, found, kept={}, incident=incident, notice=notice, status=status)


@login_required
@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Close an incident with its outcome."""
    incident = _load(request, pk)
    check_may_handle(person(request))
    form = CloseForm(request.POST)
    if not form.is_valid():
        return _show(request, incident, form, status=422)
    services.close_incident(incident=incident, actor=person(request), outcome=form.cleaned_data["outcome"])
    messages.success(request, "The incident is closed. Resume or revoke each permission on its page.")
    return redirect(incident)
