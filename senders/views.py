"""The page of samples and DNS records of one request, or of the authorization it led to."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.models import User
from portal.enforcement.targets import LintError
from portal.grants.models import Grant
from portal.grants.policies import is_holder, is_manager
from portal.grants.selectors import grant_of
from portal.lib.problems import NotAllowed, WrongState
from portal.mailauth.message_intake import LARGEST_BYTES
from portal.workflow.models import ServiceRequest
from portal.workflow.policies import is_decider, is_requester
from portal.workflow.views.loading import person
from senders import dns_text, samples, services
from senders.models import SignedSample
from senders.probe import probe_address, takes_samples

JUDGE_SECONDS = 20
"""Between two judgements of a request's samples that somebody asks for: the DNS is others' as well."""


class SampleForm(forms.Form):
    """One message as a file."""

    upload = forms.FileField(
        label="Add a message",
        help_text="An .eml file: the message as it was received, saved whole. At most 10 MB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".eml,message/rfc822"}),
    )

    def clean_upload(self) -> Any:
        """Not too large, not empty."""
        upload = self.cleaned_data["upload"]
        if upload.size > LARGEST_BYTES:
            raise forms.ValidationError(
                f"The file has {upload.size / 1_048_576:.0f} MB; at most 10 MB are judged."
            )
        return upload


def _load(request: HttpRequest, reference: str) -> ServiceRequest:
    """The request, for those who may see it, or who hold the grant it led to."""
    actor = person(request)
    of_kind = ServiceRequest.objects.filter(kind="senders", reference=reference)
    found = of_kind.select_related("requester", "co_owner", "sponsor", "senders").first()
    if found is None:
        raise Http404("No such request.")
    grant = grant_of(found)
    sees = ServiceRequest.objects.visible_to(actor).filter(pk=found.pk).exists()
    if not sees and (grant is None or not Grant.objects.visible_to(actor).filter(pk=grant.pk).exists()):
        raise Http404("No such request.")
    return found


def may_add_samples(service_request: ServiceRequest, grant: Grant | None, actor: User) -> bool:
    """The requester, the co-owner, the grant's holders, and those who judge it."""
    if is_requester(service_request, actor) or is_decider(service_request, actor):
        return True
    return grant is not None and (is_holder(grant, actor) or is_manager(grant, actor))


def _check_may_add(service_request: ServiceRequest, actor: User) -> None:
    if not may_add_samples(service_request, grant_of(service_request), actor):
        raise NotAllowed(
            "Samples are added by the requester, the co-owner and the people who judge the request."
        )
    if not takes_samples(service_request):
        raise WrongState(f"{service_request.reference} is over; its samples stay as they are.")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def samples_page(request: HttpRequest, reference: str) -> HttpResponse:
    """Show samples, the probe address and the DNS records; a POST adds a message."""
    service_request = _load(request, reference)
    form = SampleForm()
    if request.method == "POST":
        _check_may_add(service_request, person(request))
        form = SampleForm(request.POST, request.FILES)
        if form.is_valid() and _take_in(form, service_request, person(request)):
            messages.success(request, "The message is added and judged.")
            return redirect("sender_samples", reference)
    return _show(request, service_request, form)


def _take_in(form: SampleForm, service_request: ServiceRequest, actor: User) -> bool:
    upload = form.cleaned_data["upload"]
    try:
        sample = samples.receive_sample(
            service_request=service_request, raw=upload.read(), source=SignedSample.Source.UPLOAD,
            came_from=actor.email,
        )  # fmt: skip
    except samples.SampleRefused as error:
        form.add_error("upload", str(error))
        return False
    samples.judge_sample(sample=sample)
    return True


def _show(request: HttpRequest, service_request: ServiceRequest, form: SampleForm) -> HttpResponse:
    grant = grant_of(service_request)
    plan = services.authorized_plan(grant) if grant else services.plan_of(service_request)
    try:
        added, removed = dns_text.change_set(plan), dns_text.removal_set(plan)
    except LintError:
        added, removed = [], []  # a draft whose pages are not all answered
    live = takes_samples(service_request)
    context = {
        "service_request": service_request,
        "grant": grant,
        "note": grant.kind_entry.state_note(grant) if grant else "",
        "samples": list(samples.samples_for(service_request)),
        "plan": plan,
        "probe": probe_address(service_request) if live else "",
        "may_add": live and may_add_samples(service_request, grant, person(request)),
        "form": form,
        "additions": "\n".join(added),
        "removals": "\n".join(removed),
        "show_evidence": True,
    }
    return render(request, "senders/samples.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def judge(request: HttpRequest, reference: str) -> HttpResponse:
    """Judge the newest samples again, and take in the request's .eml files."""
    service_request = _load(request, reference)
    _check_may_add(service_request, person(request))
    if not cache.add(f"senders-judge-{service_request.pk}", 1, JUDGE_SECONDS):
        messages.info(request, f"They were judged a moment ago. Try again in {JUDGE_SECONDS} seconds.")
        return redirect("sender_samples", reference)
    samples.adopt_attachments(service_request=service_request)
    for sample in samples.samples_for(service_request)[: samples.REJUDGED]:
        samples.judge_sample(sample=sample)
    messages.success(request, "The newest samples were judged again.")
    return redirect("sender_samples", reference)


@login_required
@require_safe
def download(request: HttpRequest, reference: str, pk: int) -> FileResponse:
    """The raw message, as a download and never inline."""
    service_request = _load(request, reference)
    sample = get_object_or_404(samples.samples_for(service_request), pk=pk)
    response = FileResponse(
        sample.file.open("rb"), as_attachment=True, filename=f"{service_request.reference}-{sample.pk}.eml",
        content_type="application/octet-stream",
    )  # fmt: skip
    response["X-Content-Type-Options"] = "nosniff"
    return response
