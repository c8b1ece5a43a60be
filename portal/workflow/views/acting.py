"""Actions on a request: each is one POST, one form, one service call."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.signed_in import person
from portal.lib.throttle import TooOften
from portal.workflow.forms import AskForm, CommentForm, ReasonForm, RevisionForm, UploadForm, WaiveForm
from portal.workflow.models import Attachment, ServiceRequest, Visibility
from portal.workflow.policies import check_action, may_read_internal
from portal.workflow.services import attaching, checking, commenting, requesting, reviewing, taking_part
from portal.workflow.states import Action
from portal.workflow.views.loading import load
from portal.workflow.views.reading import approve_form, deny_form, show_request

Handler = Callable[[HttpRequest, ServiceRequest], HttpResponse]


def _carry_out(  # noqa: PLR0917 - six facts of one action
    request: HttpRequest,
    service_request: ServiceRequest,
    name: str,
    form: Any,
    call: Callable[[dict[str, Any]], Any],
    done: str,
) -> HttpResponse:
    """Validate, call the service, say what happened; on an error show the page with the text still there."""
    if form.is_valid():
        try:
            call(form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        except TooOften as problem:
            form.add_error(None, str(problem))
            return too_often(request, service_request, problem, bound={name: form})
        else:
            messages.success(request, done)
            return redirect(service_request)
    service_request.refresh_from_db()
    return show_request(request, service_request, bound={name: form}, status=422)


def too_often(
    request: HttpRequest, service_request: ServiceRequest, problem: TooOften, **context: Any
) -> HttpResponse:
    """The request's page with what was typed, and when it can be done again (429)."""
    service_request.refresh_from_db()
    response = show_request(request, service_request, status=problem.status, **context)
    response["Retry-After"] = str(problem.wait)
    return response


def _common(request: HttpRequest, service_request: ServiceRequest) -> dict[str, Any]:
    return {"service_request": service_request, "actor": person(request)}


def _take(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    form = RevisionForm(request.POST)
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "take",
        form,
        lambda data: reviewing.take(**who, revision=data["revision"]),
        "You took the request. It stays in your queue until you decide it or return it.",
    )


def _release(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    form = RevisionForm(request.POST)
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "release",
        form,
        lambda data: reviewing.release(**who, revision=data["revision"]),
        "The request is back in the queue.",
    )


def _ask(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    groups = service_request.kind_entry.answer_groups(service_request)
    fields = [(a.field, f"{group.title}: {a.label}") for group in groups for a in group.answers]
    form = AskForm(request.POST, fields=fields, prefix="ask")
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "ask",
        form,
        lambda data: reviewing.ask(
            **who, revision=data["revision"], questions=[(data["field"], data["question"])]
        ),
        "The question is sent. The review is paused until it is answered.",
    )


def _advance(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    form = ReasonForm(request.POST, prefix="advance")
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "advance",
        form,
        lambda data: reviewing.advance(**who, revision=data["revision"], comment=data["comment"]),
        "The request went on to its next stage.",
    )


def _approve(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    form = approve_form(service_request, request.POST)
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "approve",
        form,
        lambda data: reviewing.approve(
            **who,
            revision=data["revision"],
            comment=data["comment"],
            terms=form.granted(),
            clauses=data.get("clauses", ()),
        ),
        f"{service_request.reference} is approved.",
    )


def _deny(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    form = deny_form(service_request.kind_entry, request.POST)
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "deny",
        form,
        lambda data: reviewing.deny(
            **who, revision=data["revision"], comment=data["comment"], clauses=data["clauses"]
        ),
        f"{service_request.reference} is denied.",
    )


def _withdraw(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    form = ReasonForm(request.POST, prefix="withdraw")
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "withdraw",
        form,
        lambda data: requesting.withdraw(**who, revision=data["revision"], comment=data["comment"]),
        f"{service_request.reference} is withdrawn.",
    )


def _comment(request: HttpRequest, service_request: ServiceRequest) -> HttpResponse:
    internal = may_read_internal(person(request))
    form = CommentForm(request.POST, internal=internal, prefix="comment")
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "comment",
        form,
        lambda data: commenting.comment(
            **who, text=data["comment"], visibility=Visibility(data.get("visibility") or Visibility.PUBLIC)
        ),
        "Your comment is there.",
    )


_HANDLERS: dict[Action, Handler] = {
    Action.TAKE: _take,
    Action.RELEASE: _release,
    Action.ASK: _ask,
    Action.ADVANCE: _advance,
    Action.APPROVE: _approve,
    Action.DENY: _deny,
    Action.WITHDRAW: _withdraw,
    Action.COMMENT: _comment,
}


@login_required
@require_POST
def act(request: HttpRequest, reference: str, action: str) -> HttpResponse:
    """Carry out one action of the table; those of the form's own pages are not here (404)."""
    service_request = load(request, reference)
    handler = _HANDLERS.get(Action(action)) if action in Action.values else None
    if handler is None:
        raise Http404("There is no such action.")
    check_action(Action(action), service_request, person(request))
    return handler(request, service_request)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def accept_part(request: HttpRequest, reference: str) -> HttpResponse:
    """Accept to be the co-owner or sponsor that one was named as; a GET leads to the page with the button."""
    service_request = load(request, reference)
    if request.method != "POST":
        return redirect(service_request)
    taking_part.accept(**_common(request, service_request))
    messages.success(request, "You accepted. From now on you get the email of this request.")
    return redirect(service_request)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def take_over(request: HttpRequest, reference: str) -> HttpResponse:
    """Become the requester in place of one who is gone; a GET leads to the page with the button."""
    service_request = load(request, reference)
    if request.method != "POST":
        return redirect(service_request)
    form = RevisionForm(request.POST)
    revision = form.cleaned_data["revision"] if form.is_valid() else -1
    taking_part.take_over(**_common(request, service_request), revision=revision)
    messages.success(
        request, "The request is yours now. A reviewer runs the checks again before the decision."
    )
    return redirect(service_request)


@login_required
@require_POST
def waive(request: HttpRequest, reference: str) -> HttpResponse:
    """Set aside one waivable clause."""
    service_request = load(request, reference)
    checking.check_waiving(service_request, person(request))
    form = WaiveForm(request.POST, prefix="waive")
    who = _common(request, service_request)
    return _carry_out(
        request,
        service_request,
        "waive",
        form,
        lambda data: checking.waive(**who, **data),
        "The clause is waived.",
    )


# ---------------------------------------------------------------- files
@login_required
@require_POST
def upload(request: HttpRequest, reference: str) -> HttpResponse:
    """Add a file."""
    service_request = load(request, reference)
    form = UploadForm(request.POST, request.FILES)
    who = _common(request, service_request)
    if form.is_valid():
        try:
            attaching.attach(**who, upload=form.cleaned_data["upload"])
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, "The file is added.")
    else:
        messages.error(request, " ".join(map(str, form.errors["upload"])))
    return redirect("request_answers" if request.POST.get("back") == "answers" else "request", reference)


@login_required
@require_safe
def download(request: HttpRequest, reference: str, pk: int) -> FileResponse:
    """Send a file to somebody who may see its request, as a download and never inline."""
    service_request = load(request, reference)
    files = service_request.attachments.all()
    if may_read_internal(person(request)):
        files = Attachment.with_removed.filter(service_request=service_request)
    attachment = get_object_or_404(files, pk=pk)
    response = FileResponse(
        attachment.file.open("rb"),
        as_attachment=True,
        filename=attachment.name,
        content_type="application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


@login_required
@require_POST
def remove_file(request: HttpRequest, reference: str, pk: int) -> HttpResponse:
    """Remove a file."""
    attachment = get_object_or_404(
        load(request, reference).attachments.select_related("service_request"), pk=pk
    )
    attaching.detach(attachment=attachment, actor=person(request))
    messages.success(request, f"“{attachment.name}” is removed.")
    return redirect("request_answers" if request.POST.get("back") == "answers" else "request", reference)
