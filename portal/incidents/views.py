"""The pages of incidents: the list, opening one with a look at what it would suspend, and one with its permissions."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.signed_in import person
from portal.incidents import selectors, services
from portal.incidents.forms import CloseForm, IncidentForm
from portal.incidents.models import About, Incident
from portal.incidents.policies import check_may_handle, may_handle
from portal.lib.problems import NotAllowed, Stale


@login_required
@require_safe
def incidents(request: HttpRequest) -> HttpResponse:
    """What is open, and what was."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("Incidents are for reviewers, the CIO office and auditors.")
    context = {"incidents": selectors.recent_incidents(actor), "may_handle": may_handle(actor)}
    return render(request, "incidents/incidents.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Say what it is about, see which permissions that names, confirm. Only the confirmation changes anything."""
    actor = person(request)
    check_may_handle(actor)
    form = IncidentForm(request.POST if request.method == "POST" else None)
    if not (form.is_bound and form.is_valid()):
        return render(request, "incidents/new.html", {"form": form}, status=422 if form.errors else 200)
    about, subject = About(form.cleaned_data["about"]), form.cleaned_data["subject"]
    notice = ""
    if "confirm" in request.POST:
        try:
            incident = services.open_incident(
                actor=actor, about=about, subject=subject, reason=form.cleaned_data["reason"],
                expected=[int(pk) for pk in request.POST.getlist("grant") if pk.isdecimal() and len(pk) < 12],
            )  # fmt: skip
        except ValidationError as error:
            form.add_error(None, error)
            return render(request, "incidents/new.html", {"form": form}, status=422)
        except Stale as problem:
            notice = str(problem)
        else:
            messages.success(request, "The permissions are suspended, and the people concerned are told.")
            return redirect(incident)
    found = list(selectors.grants_about(about, subject)[: selectors.MOST_GRANTS])
    if not found:
        form.add_error("subject", "No permission in force or waiting names this.")
        return render(request, "incidents/new.html", {"form": form}, status=422)
    context = {"form": form, "grants": found, "notice": notice, "subject": subject}
    return render(request, "incidents/confirm.html", context, status=409 if notice else 200)


def _load(request: HttpRequest, pk: int) -> Incident:
    visible = Incident.objects.visible_to(person(request)).select_related("opened_by", "closed_by")
    found = visible.filter(pk=pk).first()
    if found is None:
        raise Http404("No such incident.")
    return found


def _show(request: HttpRequest, incident: Incident, form: CloseForm, status: int = 200) -> HttpResponse:
    rows = selectors.rows_of(incident)
    context = {
        "incident": incident,
        "rows": rows,
        "suspended": sum(1 for row in rows if row.grant.state == "suspended"),
        "form": form if incident.is_open and may_handle(person(request)) else None,
    }
    return render(request, "incidents/incident.html", context, status=status)


@login_required
@require_safe
def incident_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One incident: why, each permission as it stands now, who was told, and what came of it."""
    return _show(request, _load(request, pk), CloseForm())


@login_required
@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Close an incident, with what came of it."""
    incident = _load(request, pk)
    check_may_handle(person(request))
    form = CloseForm(request.POST)
    if not form.is_valid():
        return _show(request, incident, form, status=422)
    services.close_incident(incident=incident, actor=person(request), outcome=form.cleaned_data["outcome"])
    messages.success(request, "The incident is closed. Resume or revoke each permission on its page.")
    return redirect(incident)
