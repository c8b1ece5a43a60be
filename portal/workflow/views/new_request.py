"""From the guide to the receipt: beginning a request and answering its pages."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.signed_in import person
from portal.lib.client_address import client_network
from portal.lib.problems import Stale
from portal.lib.throttle import Rate, TooOften, seconds_to_wait
from portal.workflow import guide_tree, registry, selectors
from portal.workflow.forms import RevisionForm, StepForm
from portal.workflow.guide import Answer, Question
from portal.workflow.kinds import Step
from portal.workflow.models import ServiceRequest
from portal.workflow.policies import available_actions
from portal.workflow.services import checking, requesting
from portal.workflow.states import Action, State
from portal.workflow.views.loading import load

UNSENT = "unsent_answers"
LARGEST_UNSENT = 64 * 1024
UNSENT_OF_ONE_CLIENT = Rate(times=60, seconds=600)
"""Each is a session of somebody who is not signed in: a campus behind one address sends a few, a program thousands."""
_NOT_ANSWERS = frozenset({"csrfmiddlewaretoken", "revision", "row_add", "next"})


@login_required
@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """One question of the guide, or its answer."""
    key = request.GET.get("at", guide_tree.ROOT)
    nodes = guide_tree.nodes()
    node = nodes.get(key)
    if node is None:
        raise Http404("The guide has no such question.")
    is_question = isinstance(node, Question)
    template = "workflow/guide_question.html" if is_question else "workflow/guide_answer.html"
    goes_on = isinstance(node, Answer) and node.go_on in nodes
    return render(request, template, {"node": node, "goes_on": goes_on, "at_start": key == guide_tree.ROOT})


@login_required
@require_POST
def start(request: HttpRequest, kind_key: str) -> HttpResponse:
    """Begin a draft and go to its first page."""
    try:
        kind = registry.get(kind_key)
    except registry.UnknownKind:
        raise Http404("There is no such form.") from None
    draft = requesting.create_draft(
        kind=kind, requester=person(request), prefill=request.POST.get("prefill", "")[:100]
    )
    return redirect("request_step", draft.reference, kind.steps_for(draft)[0].key)


def _typed(request: HttpRequest) -> dict[str, list[str]]:
    return {
        name: [value for value in values if isinstance(value, str)]
        for name, values in request.POST.lists()
        if name not in _NOT_ANSWERS
    }


def _step(service_request: ServiceRequest, key: str) -> Step:
    step = next((s for s in service_request.kind_entry.steps_for(service_request) if s.key == key), None)
    if step is None:
        raise Http404("This form has no such page.")
    return step


@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, reference: str, key: str) -> HttpResponse:
    """One page of the form: show it, or take its answers."""
    if not request.user.is_authenticated:
        return _keep_for_after_sign_in(request)
    service_request = load(request, reference)
    entry = _step(service_request, key)
    requesting.check_editable(service_request, person(request))
    if request.method == "POST":
        return _take_answers(request, service_request, entry)
    unsent = request.session.pop(UNSENT, None)
    draft = service_request.draft_steps.filter(step=key).first()
    typed = unsent["typed"] if unsent and unsent["path"] == request.path else draft.typed if draft else None
    form = entry.form_class(service_request, typed=typed)
    return _show_step(request, service_request, entry, form, restored=bool(unsent))


def _keep_for_after_sign_in(request: HttpRequest) -> HttpResponse:
    # The session ended in the middle of the form: what was typed waits in the new one until sign-in.
    typed = _typed(request)
    if request.method == "POST" and len(str(typed)) <= LARGEST_UNSENT:
        wait = seconds_to_wait(f"unsent:{client_network(request)}", UNSENT_OF_ONE_CLIENT)
        if wait:
            raise TooOften(
                "Your session ended, and too much was sent from your network since. Sign in in another window, then "
                f"go back here and send it again, in {wait} seconds at the latest.",
                wait,
            )
        request.session[UNSENT] = {"path": request.path, "typed": typed}
    return redirect_to_login(request.path)


def _take_answers(request: HttpRequest, service_request: ServiceRequest, entry: Step) -> HttpResponse:
    actor = person(request)
    try:
        requesting.save_typed(
            service_request=service_request, actor=actor, step=entry.key, typed=_typed(request)
        )
    except (TooOften, ValidationError) as problem:
        form = entry.form_class(service_request, request.POST, request.FILES)
        form.add_error(None, problem if isinstance(problem, ValidationError) else str(problem))
        status = problem.status if isinstance(problem, TooOften) else 422
        return _show_step(request, service_request, entry, form, status=status)
    if row := request.POST.get("row_add"):
        form = entry.form_class(service_request, typed=_typed(request))
        form.add_row(row)
        return _show_step(request, service_request, entry, form)
    form = entry.form_class(service_request, request.POST, request.FILES)
    if not form.is_valid():
        return _show_step(request, service_request, entry, form, status=422)
    try:
        requesting.save_step(
            service_request=service_request,
            actor=actor,
            step=entry.key,
            form=form,
            revision=_revision(request),
        )
    except Stale as problem:
        form.add_error(None, str(problem))
        service_request.refresh_from_db(fields=["revision"])
        return _show_step(request, service_request, entry, form, status=409)
    return _next_page(request, service_request, entry)


def _revision(request: HttpRequest) -> int:
    form = RevisionForm(request.POST)
    return form.cleaned_data["revision"] if form.is_valid() else -1


def _next_page(request: HttpRequest, service_request: ServiceRequest, entry: Step) -> HttpResponse:
    steps = service_request.kind_entry.steps_for(service_request)
    missing = requesting.missing_steps(service_request)
    keys = [s.key for s in steps]
    later = keys[keys.index(entry.key) + 1 :] if entry.key in keys else keys
    following = next((key for key in later if key in missing), missing[0] if missing else None)
    if following is None or request.GET.get("then") == "answers":
        return redirect("request_answers", service_request.reference)
    return redirect("request_step", service_request.reference, following)


def _show_step(
    request: HttpRequest,
    service_request: ServiceRequest,
    entry: Step,
    form: StepForm,
    *,
    restored: bool = False,
    status: int = 200,
) -> HttpResponse:
    steps = service_request.kind_entry.steps_for(service_request)
    number = [s.key for s in steps].index(entry.key) + 1
    own = reverse("request_step", args=[service_request.reference, entry.key])
    form.enable_live(f"{own}check/")
    context = {
        "service_request": service_request,
        "kind": service_request.kind_entry,
        "step": entry,
        "steps": steps,
        "number": number,
        "previous": steps[number - 2] if number > 1 else None,
        "form": form,
        "live_url": f"{own}check/",
        "live_fields": form.live_fields,
        "restored": restored,
        "questions": service_request.questions.filter(answered_at__isnull=True, field__in=list(form.fields)),
    }
    return render(request, "workflow/step.html", context, status=status)


@login_required
@require_POST
def autosave(request: HttpRequest, reference: str, key: str) -> HttpResponse:
    """Keep what is typed so far; answers with a word for the page, or with nothing where the page is an old one."""
    service_request = load(request, reference)
    entry = _step(service_request, key)
    is_kept = requesting.save_late(
        service_request=service_request,
        actor=person(request),
        step=entry.key,
        typed=_typed(request),
        revision=_revision(request),
    )
    return HttpResponse("Draft saved" if is_kept else "", content_type="text/plain")


@login_required
@require_POST
def check_field(request: HttpRequest, reference: str, key: str, field: str) -> HttpResponse:
    """What the checks say of one field as typed so far: an HTML fragment for the place under it."""
    service_request = load(request, reference)
    entry = _step(service_request, key)
    requesting.check_editable(service_request, person(request))
    form = entry.form_class(service_request, request.POST)
    if field not in form.live_fields:
        raise Http404("This field has no live check.")
    try:
        checking.refuse_live_check(service_request=service_request, actor=person(request))
    except TooOften as problem:
        context = {"errors": [str(problem)], "findings": []}
        response = render(request, "workflow/live.html", context, status=problem.status)
        response["Retry-After"] = str(problem.wait)
        return response
    form.is_valid()
    errors: list[str] = [str(error) for error in form.errors.get(field, [])]
    value = form.cleaned_data.get(field)
    findings = form.live_findings(field) if not errors and value else []
    return render(
        request, "workflow/live.html", {"errors": errors if form[field].data else [], "findings": findings}
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def answers(request: HttpRequest, reference: str) -> HttpResponse:
    """Check your answers, then submit (or send the answers to a question)."""
    service_request = load(request, reference)
    actor = person(request)
    problems: dict[str, list[str]] = {}
    status = 200
    if request.method == "POST":
        try:
            _send(request, service_request)
        except ValidationError as error:
            problems = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
            status = 422
        else:
            return redirect("request_receipt", reference)
    else:
        requesting.check_editable(service_request, actor)
    context = _answers_context(request, service_request) | {"problems": problems}
    return render(request, "workflow/answers.html", context, status=status)


def _send(request: HttpRequest, service_request: ServiceRequest) -> None:
    actor, revision = person(request), _revision(request)
    if service_request.state == State.NEEDS_INFORMATION:
        names = {
            question.pk: f"answer_{question.pk}"
            for question in service_request.questions.filter(answered_at__isnull=True)
        }
        typed = {key: request.POST.get(name, "") for key, name in names.items()}
        requesting.resubmit(
            service_request=service_request,
            actor=actor,
            revision=revision,
            answers={key: value[:4000] for key, value in typed.items()},
            comment=request.POST.get("comment", "")[:4000],
        )
    else:
        requesting.submit(service_request=service_request, actor=actor, revision=revision)


def _answers_context(request: HttpRequest, service_request: ServiceRequest) -> dict[str, Any]:
    kind = service_request.kind_entry
    missing = requesting.missing_steps(service_request)
    questions = [
        {"entry": question, "typed": request.POST.get(f"answer_{question.pk}", "")}
        for question in service_request.questions.filter(answered_at__isnull=True)
    ]
    return {
        "service_request": service_request,
        "kind": kind,
        "groups": kind.answer_groups(service_request),
        "missing": [step for step in kind.steps_for(service_request) if step.key in missing],
        "route": [(stage, stage.reason(service_request)) for stage in kind.route(service_request)],
        "would_allow": "" if missing else kind.would_allow(service_request),
        "questions": questions,
        "is_answering": service_request.state == State.NEEDS_INFORMATION,
        "attachments": service_request.attachments.all(),
        "may_send": not missing
        and any(
            action in (Action.SUBMIT, Action.RESUBMIT)
            for action in available_actions(service_request, person(request))
        ),
    }


@login_required
@require_safe
def receipt(request: HttpRequest, reference: str) -> HttpResponse:
    """The reference, who has the request, by when, and what comes next."""
    service_request = load(request, reference)
    context = {
        "service_request": service_request,
        "kind": service_request.kind_entry,
        "stage": service_request.current_stage,
        "findings": [
            f for f in selectors.newest_findings(service_request) if f.outcome in ("fail", "unknown")
        ],
    }
    return render(request, "workflow/receipt.html", context)
