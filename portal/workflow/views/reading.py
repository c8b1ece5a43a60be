"""Home, my requests, the queue, search, and the page of one request."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal.accounts.models import User
from portal.accounts.signed_in import person
from portal.lib.problems import NotAllowed
from portal.lib.throttle import TooOften
from portal.standards.clauses import clause
from portal.ui.panels import filled
from portal.ui.parts import RouteStop
from portal.workflow import owner_rule, panels, registry, selectors
from portal.workflow.evidence import evidence_of
from portal.workflow.filters import queue_filters, stage_choices
from portal.workflow.forms import (
    ApproveForm,
    AskForm,
    CommentForm,
    DenyForm,
    ReasonForm,
    UploadForm,
    WaiveForm,
)
from portal.workflow.kinds import Kind, Stage
from portal.workflow.models import Attachment, Event, ServiceRequest
from portal.workflow.policies import (
    available_actions,
    bar_of,
    is_decider,
    is_party_to,
    load_parts,
    may_accept_part,
    may_read_internal,
    may_recheck,
    people_who_may_decide,
    sits_at_stage,
)
from portal.workflow.selectors import QueueFilters
from portal.workflow.services.attaching import may_attach
from portal.workflow.states import LIVE_STATES, Action, State
from portal.workflow.views.loading import load

_PASSING = (Action.ADVANCE, Action.APPROVE, Action.DENY)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What waits for this person; for a visitor, what the portal is."""
    if not request.user.is_authenticated:
        return render(request, "workflow/welcome.html", {"kinds": registry.kinds()})
    actor = person(request)
    own = selectors.my_requests(actor)
    context: dict[str, Any] = {
        "kinds": registry.kinds(),
        "panels": filled(panels.HOME_PANELS, actor),
        "questions": own.filter(state=State.NEEDS_INFORMATION)[:5],
        "recent": own.exclude(state=State.NEEDS_INFORMATION)[:5],
    }
    if actor.is_decider:
        context |= {"counts": selectors.tab_counts(actor), "next_due": selectors.oldest_waiting(actor)}
    return render(request, "workflow/home.html", context)


@login_required
@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    """The person's own requests, newest first."""
    page = selectors.page_of(
        selectors.my_requests(person(request)),
        sort="newest",
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    panels.mark_rows(page.rows)
    return render(request, "workflow/requests.html", {"page": page})


@login_required
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Find by reference, host, address or person; one exact reference goes straight to its page."""
    query = request.GET.get("q", "").strip()[:255]
    actor = person(request)
    rows = ServiceRequest.objects.visible_to(actor)
    exact = rows.filter(reference__iexact=query).first() if query else None
    if exact is not None:
        return redirect(exact)
    found = rows.filter(pk__in=selectors.found_by(query)).with_people() if query else rows.none()
    page = selectors.page_of(
        found, sort="newest", after=request.GET.get("after", ""), before=request.GET.get("before", "")
    )
    panels.mark_rows(page.rows)
    return render(request, "workflow/search.html", {"page": page, "query": query})


# ---------------------------------------------------------------- the queue
@login_required
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """The one list of all kinds, under tabs and filters that live in the URL."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("The queue is for reviewers, the CIO office and auditors.")
    asked = queue_filters(request.GET)
    filters = asked.filters
    page = selectors.page_of(
        selectors.queue(actor, filters),
        sort=filters.sort,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    deciders = selectors.decider_choices()
    load_parts(page.rows, actor)
    panels.mark_rows(page.rows)
    context = {
        "page": page,
        "filters": filters,
        "filter_problems": asked.problems,
        "older_typed": asked.older_typed,
        "tabs": _tabs(request, filters),
        "kinds": registry.kinds(),
        "stages": stage_choices(),
        "states": [(state.value, state.label) for state in State if state != State.DRAFT],
        "deciders": deciders,
        "chips": _chips(filters, dict(deciders)),
        "cap": selectors.COUNT_CAP,
        "takeable": {row.pk for row in page.rows if is_decider(row, actor) and row.assignee_id != actor.pk},
    }
    partial = request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"
    if partial:
        return render(request, "workflow/queue_list.html", context)
    return render(request, "workflow/queue.html", {**context, "panels": filled(panels.QUEUE_PANELS, actor)})


def _tabs(request: HttpRequest, filters: QueueFilters) -> list[dict[str, Any]]:
    counts = selectors.tab_counts(person(request))
    return [
        {"key": key, "label": label, "count": counts[key], "is_current": key == filters.tab}
        for key, label in selectors.TABS
    ]


def _chips(filters: QueueFilters, people: Mapping[int, str]) -> list[tuple[str, str]]:
    kinds = {kind.key: kind.label for kind in registry.kinds()}
    shown = [
        ("q", f"“{filters.query}”" if filters.query else ""),
        ("kind", kinds.get(filters.kind, filters.kind)),
        ("state", State(filters.state).label if filters.state in State.values else filters.state),
        ("stage", dict(stage_choices()).get(filters.stage, filters.stage)),
        ("department", filters.department),
        ("assignee", people.get(filters.assignee or 0, "somebody") if filters.assignee else ""),
        (
            "older",
            f"older than {filters.older_than_days} days" if filters.older_than_days is not None else "",
        ),
    ]
    return [(name, label) for name, label in shown if label]


# ---------------------------------------------------------------- one request
@login_required
@require_safe
def detail(request: HttpRequest, reference: str) -> HttpResponse:
    """The page of one request."""
    service_request = load(request, reference)
    if service_request.state == State.DRAFT:
        return redirect("request_answers", reference)
    return show_request(request, service_request)


def show_request(
    request: HttpRequest,
    service_request: ServiceRequest,
    *,
    bound: Mapping[str, Any] | None = None,
    notice: str = "",
    status: int = 200,
    template: str = "workflow/request.html",
    extra: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Render the page of a request; `bound` are forms with errors, by action, `notice` is said of the evidence."""
    actor, kind = person(request), service_request.kind_entry
    actions = available_actions(service_request, actor)
    groups = kind.answer_groups(service_request)
    events = selectors.timeline(service_request, actor)
    evidence = evidence_of(service_request, events)
    findings = evidence.findings
    happened = {event.action for event in events}  # says of most requests: no questions, no files
    blocking = [f for f in findings if f.must and f.outcome in ("fail", "unknown")]
    context = {
        "service_request": service_request,
        "kind": kind,
        "groups": groups,
        "evidence": evidence,
        "differences": evidence.differences(with_facts=may_read_internal(actor)),
        "notice": notice,
        "is_refused": status == TooOften.status,
        "waivers": selectors.waived_rules(service_request, findings),
        "blocking": blocking,
        "events": events,
        "questions": selectors.questions(service_request) if Action.ASK in happened else [],
        "attachments": list(service_request.attachments.all()) if "attach" in happened else [],
        "former_files": _former_files(service_request, actor) if "detach" in happened else [],
        "route": _route(kind, service_request, events),
        "actions": actions,
        "forms": _forms(service_request, actions, groups, actor) | dict(bound or {}),
        "may_attach": may_attach(service_request, actor),
        "may_waive": is_decider(service_request, actor) and service_request.state == State.IN_REVIEW,
        "may_recheck": _is_rechecked(service_request) and may_recheck(service_request, actor),
        "is_own": is_party_to(service_request, actor),
        "barred": _barred(service_request, actor),
        "is_stuck": _is_stuck(service_request, actor),
        "may_accept_part": may_accept_part(service_request, actor),
        "may_take_over": actor.pk == service_request.co_owner_id
        and service_request.state in LIVE_STATES
        and any(f.rule == owner_rule.RULE and f.outcome == "fail" for f in findings),
        "reads_internal": may_read_internal(actor),
        "would_allow": kind.would_allow(service_request),
        "changed_fields": {change.field for event in events for change in event.changes.all()},
        "decision": next((e for e in reversed(events) if e.action in (Action.APPROVE, Action.DENY)), None),
        "links": kind.links(service_request),
        "panels": filled(panels.REQUEST_PANELS, service_request),
    }
    return render(request, template, context | dict(extra or {}), status=status)


def _barred(service_request: ServiceRequest, actor: User) -> str:
    """Why somebody of the present stage does not decide, for the page; "" for everybody else."""
    if service_request.state not in LIVE_STATES or not sits_at_stage(service_request, actor):
        return ""
    return bar_of(service_request, actor)


def _is_stuck(service_request: ServiceRequest, actor: User) -> bool:
    """Whether nobody at all may decide the present stage; who may decide it themselves need not ask."""
    if service_request.state not in LIVE_STATES or is_decider(service_request, actor):
        return False
    return not people_who_may_decide(service_request)


def _former_files(service_request: ServiceRequest, actor: User) -> list[Attachment]:
    """The files that were removed after the submission, for those who decide and audit."""
    if not may_read_internal(actor):
        return []
    rows = Attachment.with_removed.filter(service_request=service_request, removed_at__isnull=False)
    return list(rows.select_related("removed_by"))


def _is_rechecked(service_request: ServiceRequest) -> bool:
    if service_request.state in LIVE_STATES:
        return True
    return service_request.state == State.APPROVED and service_request.kind_entry.is_checked_after_decision


def _forms(
    service_request: ServiceRequest, actions: list[Action], groups: list[Any], actor: Any
) -> dict[str, Any]:
    kind, initial = service_request.kind_entry, {"revision": service_request.revision}
    fields = [
        (answer.field, f"{group.title}: {answer.label}") for group in groups for answer in group.answers
    ]
    makers: dict[Action, Callable[[], Any]] = {
        Action.ASK: lambda: AskForm(initial=initial, fields=fields, prefix="ask"),
        Action.ADVANCE: lambda: ReasonForm(initial=initial, prefix="advance"),
        Action.APPROVE: lambda: approve_form(service_request),
        Action.DENY: lambda: deny_form(kind, initial=initial),
        Action.WITHDRAW: lambda: ReasonForm(initial=initial, prefix="withdraw"),
        Action.COMMENT: lambda: CommentForm(internal=may_read_internal(actor), prefix="comment"),
    }
    forms = {str(action): make() for action, make in makers.items() if action in actions}
    return forms | {"upload": UploadForm(), "waive": WaiveForm(prefix="waive")}


def approve_form(service_request: ServiceRequest, data: Any = None) -> ApproveForm:
    """The approval form of a request, with its terms and what may be cut."""
    kind = service_request.kind_entry
    form_class = kind.approve_form_class or ApproveForm
    return form_class(
        data,
        initial={"revision": service_request.revision},
        terms=kind.default_terms(service_request, timezone.localdate()),
        choices=kind.choices(service_request),
        service_request=service_request,
        prefix="approve",
    )


def deny_form(kind: Kind, data: Any = None, initial: Mapping[str, Any] | None = None) -> DenyForm:
    """The denial form of a kind, with its clauses in words."""
    words = [(key, f"{key} {clause(key).title}") for key in kind.clauses]
    return DenyForm(data, initial=initial, clauses=words, prefix="deny")


def _route(kind: Kind, service_request: ServiceRequest, events: list[Event]) -> list[RouteStop]:
    stages: list[Stage] = kind.route(service_request)
    keys = [stage.key for stage in stages]
    at = keys.index(service_request.stage) if service_request.stage in keys else -1
    return [_stop(service_request, stage, position, at, events) for position, stage in enumerate(stages)]


def _stop(
    service_request: ServiceRequest, stage: Stage, position: int, at: int, events: list[Event]
) -> RouteStop:
    passed = next((e for e in reversed(events) if e.stage == stage.key and e.action in _PASSING), None)
    target = f"{stage.target_days} business day{'s' if stage.target_days != 1 else ''}"
    if position == at and service_request.state in LIVE_STATES:
        paused = service_request.state == State.NEEDS_INFORMATION
        return RouteStop(
            label=stage.label,
            status="now",
            who=str(service_request.assignee or ""),
            at=service_request.stage_entered_at,
            due_on=None if paused else service_request.due_on,
            note=" ".join(filter(None, ("Review paused." if paused else "", stage.reason(service_request)))),
        )
    if passed is not None:
        stopped = passed.action == Action.DENY
        return RouteStop(stage.label, "stopped" if stopped else "done", passed.who, passed.at)
    if not service_request.is_open:
        return RouteStop(stage.label, "skipped", target=target)
    return RouteStop(stage.label, "next", target=target, note=stage.reason(service_request))
