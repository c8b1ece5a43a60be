"""My permissions, the page of one grant, and its actions."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.signed_in import person
from portal.grants import dating, publication, selectors
from portal.grants.compliance import broken_grants, recent_runs, suspension_due_on
from portal.grants.forms import GrantReasonForm, HandOverForm
from portal.grants.models import Grant
from portal.grants.notices import next_at_hosts
from portal.grants.panels import GRANT_PANELS, STATUS_PANELS
from portal.grants.policies import available_grant_actions, check_grant_action, open_handover
from portal.grants.registry import standings_of
from portal.grants.schedule import renewal_opens_on
from portal.grants.services import issuing, managing
from portal.grants.states import GrantAction
from portal.institution import institution
from portal.lib.problems import NotAllowed
from portal.lib.throttle import TooOften
from portal.ui.panels import filled
from portal.workflow.models import Intention
from portal.workflow.selectors import cuts_of

SHOWN = 200
_DONE = {
    GrantAction.SUSPEND: "is suspended",
    GrantAction.RESUME: "is active again",
    GrantAction.REVOKE: "is revoked",
    GrantAction.END: "is ended",
}
_REASONED = (GrantAction.SUSPEND, GrantAction.RESUME, GrantAction.REVOKE, GrantAction.END)


def _load(request: HttpRequest, reference: str) -> Grant:
    grants = Grant.objects.visible_to(person(request)).select_related(
        "owner", "co_owner", "held_open_by", "latest_request", "compliance"
    )
    grant = grants.filter(reference=reference).first()
    if grant is None:
        raise Http404("There is no permission with this reference, or you may not see it.")
    return grant


@login_required
@require_safe
def grants(request: HttpRequest) -> HttpResponse:
    """List the person's own grants, those that need action first."""
    today = timezone.localdate()
    rows = selectors.with_notes(list(selectors.my_grants(person(request), today)[:SHOWN]))
    return render(request, "grants/grants.html", {"grants": rows, "today": today})


@login_required
@require_safe
def detail(request: HttpRequest, reference: str) -> HttpResponse:
    """The page of one grant."""
    return _show(request, _load(request, reference))


def _show(
    request: HttpRequest, grant: Grant, *, bound: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    handover = open_handover(grant)
    actions = available_grant_actions(grant, person(request), handover)
    forms: dict[str, Any] = {
        str(action): GrantReasonForm(initial={"revision": grant.revision}, prefix=str(action))
        for action in _REASONED
        if action in actions
    }
    if GrantAction.HAND_OVER in actions:
        forms["hand_over"] = HandOverForm(prefix="hand_over")
    later = grant.later_requests.select_related("service_request").order_by("-pk")
    standing = standings_of([grant]).get(grant.pk)
    status_now = publication.status_of(grant)
    context = {
        "grant": grant,
        "kind": grant.kind_entry,
        "in_force": standing.is_in_force if standing else dating.today().is_in_force(grant),
        "status": status_now,
        "sentence": grant.kind_entry.permission_sentence(grant),
        "rows": [
            {"label": label, "lines": lines, "is_code": True}
            for label, lines in grant.kind_entry.permission_rows(grant)
        ],
        "cuts": cuts_of(grant.latest_request_id),
        "connect_rows": [
            {"label": label, "lines": lines, "is_code": False}
            for label, lines in grant.kind_entry.connect_rows(grant)
        ],
        "note": grant.kind_entry.state_note(grant),
        "links": grant.kind_entry.grant_links(grant),
        "compliance": getattr(grant, "compliance", None),
        "panels": filled(STATUS_PANELS, status_now) + filled(GRANT_PANELS, grant),
        "suspension_due_on": suspension_due_on(grant),
        "events": selectors.grant_timeline(grant),
        "later": list(later),
        "handover": handover,
        "actions": actions,
        "forms": forms | dict(bound or {}),
        "renewal_opens_on": renewal_opens_on(grant.ends_on, institution().renewal_opens_days),
    }
    return render(request, "grants/grant.html", context, status=status)


@login_required
@require_safe
def rechecks(request: HttpRequest) -> HttpResponse:
    """Show the progress of the daily checks, and the grants out of compliance."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("This page is for people who run the mail system, and for auditors.")
    runs = recent_runs()
    context = {
        "runs": runs,
        "running": bool(runs and runs[0].is_running),
        "broken": broken_grants(actor)[:SHOWN],
    }
    return render(request, "grants/rechecks.html", context)


@login_required
@require_POST
def act(request: HttpRequest, reference: str, action: str) -> HttpResponse:
    """Carry out one action of the grants' table."""
    grant = _load(request, reference)
    if action not in GrantAction.values:
        raise Http404("There is no such action.")
    chosen = GrantAction(action)
    check_grant_action(chosen, grant, person(request))
    if chosen in (GrantAction.RENEW, GrantAction.CHANGE):
        return _begin(request, grant, chosen)
    if chosen in (GrantAction.ACCEPT, GrantAction.DECLINE):
        managing.answer_offer(grant=grant, actor=person(request), accept=chosen == GrantAction.ACCEPT)
        messages.success(
            request,
            "You are the owner of this permission now."
            if chosen == GrantAction.ACCEPT
            else "You declined. The permission stays with its owner.",
        )
        return redirect("grants" if chosen == GrantAction.DECLINE else grant)
    if chosen == GrantAction.HAND_OVER:
        return _hand_over(request, grant)
    if chosen == GrantAction.WITHDRAW_OFFER:
        offer = managing.withdraw_offer(grant=grant, actor=person(request))
        messages.success(
            request, f"The offer to {offer.offered_to} is withdrawn. The permission stays with its owner."
        )
        return redirect(grant)
    return _change_state(request, grant, chosen)


def _begin(request: HttpRequest, grant: Grant, action: GrantAction) -> HttpResponse:
    intention = Intention.RENEWAL if action == GrantAction.RENEW else Intention.CHANGE
    draft = issuing.begin_renewal(grant=grant, actor=person(request), intention=intention)
    return redirect("request_answers", draft.reference)


def _hand_over(request: HttpRequest, grant: Grant) -> HttpResponse:
    form = HandOverForm(request.POST, prefix="hand_over")
    if form.is_valid():
        data = form.cleaned_data
        try:
            managing.hand_over(grant=grant, actor=person(request), to=data["to"], note=data["note"])
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        except TooOften as problem:
            form.add_error(None, str(problem))
            response = _show(request, grant, bound={"hand_over": form}, status=problem.status)
            response["Retry-After"] = str(problem.wait)
            return response
        else:
            messages.success(
                request, f"You offered the permission to {data['to']}. It stays yours until they accept."
            )
            return redirect(grant)
    return _show(request, grant, bound={"hand_over": form}, status=422)


def _change_state(request: HttpRequest, grant: Grant, action: GrantAction) -> HttpResponse:
    form = GrantReasonForm(request.POST, prefix=str(action))
    if form.is_valid():
        managing.change_state(
            grant=grant,
            action=action,
            actor=person(request),
            reason=form.cleaned_data["reason"],
            revision=form.cleaned_data["revision"],
        )
        done = f"Permission {grant.reference} {_DONE[action]}. {next_at_hosts(grant, action)}"
        messages.success(request, done.strip())
        return redirect(grant)
    return _show(request, grant, bound={str(action): form}, status=422)
