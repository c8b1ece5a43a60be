"""The page of samples of one request, or of the grant it led to."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.models import User
from portal.accounts.signed_in import person
from portal.grants.models import Grant
from portal.grants.selectors import grant_of
from portal.institution import institution
from portal.lib.problems import NotAllowed
from portal.lib.throttle import Rate, seconds_to_wait
from portal.samples import selectors, services
from portal.samples.forms import SampleForm
from portal.samples.kinds import SampledKind, sampled_kind
from portal.samples.models import SignedSample
from portal.samples.policies import check_may_add, may_add_samples
from portal.samples.probe import probe_address
from portal.samples.selectors import takes_samples
from portal.workflow import registry
from portal.workflow.models import ServiceRequest

JUDGEMENTS = Rate(1, 20)
"""Limit on repeated checks of a request's samples, since they query other people's name servers."""
UPLOADS = Rate(10, 60)
"""Limit on messages that one person adds."""


def _load(request: HttpRequest, reference: str) -> ServiceRequest:
    found = selectors.sampled_request(person(request), reference)
    if found is None:
        raise Http404("No such request.")
    return found


@login_required
@require_safe
def unproven(request: HttpRequest) -> HttpResponse:
    """List the permissions whose proof is missing, longest waiting first, for people who run the mail system."""
    actor = person(request)
    if not actor.sees_everything:
        raise NotAllowed("This page is for people who run the mail system, and for auditors.")
    chosen, limit = request.GET.get("kind", ""), institution().unproven_after_days
    kinds = [kind for kind in registry.kinds() if isinstance(kind, SampledKind)]
    shows_all = request.GET.get("all") == "1"
    page = selectors.unproven_page(
        timezone.localdate(),
        days=0 if shows_all else limit,
        kind=chosen if chosen in {kind.key for kind in kinds} else "",
        number=_number(request.GET.get("page", "")),
    )
    context = {"page": page, "kinds": kinds, "kind": chosen, "shows_all": shows_all, "limit": limit}
    return render(request, "samples/unproven.html", context)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 1


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def samples_page(request: HttpRequest, reference: str) -> HttpResponse:
    """Show the probe address and the samples; a POST adds a message."""
    service_request = _load(request, reference)
    form = SampleForm()
    if request.method == "POST":
        check_may_add(service_request, person(request))
        form = SampleForm(request.POST, request.FILES)
        if form.is_valid() and _take_in(form, service_request, person(request)):
            messages.success(
                request,
                "The message is added. It is being judged, and this page shows its verdict in a moment.",
            )
            return redirect("samples", reference)
    return _show(request, service_request, form)


def _take_in(form: SampleForm, service_request: ServiceRequest, actor: User) -> bool:
    upload = form.cleaned_data["upload"]
    if wait := seconds_to_wait(f"sample-uploads:{actor.pk}", UPLOADS):
        form.add_error(
            "upload", f"You added {UPLOADS.times} messages within a minute. Add this one in {wait} seconds."
        )
        return False
    try:
        sample = services.receive_sample(
            service_request=service_request,
            raw=upload.read(),
            source=SignedSample.Source.UPLOAD,
            came_from=actor.email,
            name=upload.name or "",
        )
    except services.SampleRefused as error:
        form.add_error("upload", str(error))
        return False
    services.judge_soon(sample=sample)
    return True


def _show(request: HttpRequest, service_request: ServiceRequest, form: SampleForm) -> HttpResponse:
    kind = sampled_kind(service_request.kind)
    assert kind is not None
    grant, live = grant_of(service_request), takes_samples(service_request)
    shown = list(selectors.samples_for(service_request))
    version = _version(shown, grant)
    if request.GET.get("seen") == version and request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204)
    context: dict[str, Any] = {
        "service_request": service_request,
        "kind": kind,
        "grant": grant,
        "note": kind.state_note(grant) if grant else "",
        "samples": shown,
        "version": version,
        "wanted": kind.wanted(service_request, grant),
        "live": live,
        "probe": probe_address(service_request) if live and hasattr(service_request, "probe_token") else "",
        "may_add": live and may_add_samples(service_request, grant, person(request)),
        "proof": selectors.proof_panel(grant) if grant else None,
        "form": form,
        "show_evidence": True,
        **kind.samples_context(service_request, grant),
    }
    return render(request, "samples/page.html", context, status=422 if form.errors else 200)


def _version(samples: Sequence[SignedSample], grant: Grant | None) -> str:
    """Changes whenever the list changes, so that a polling page is only redrawn then."""
    facts = [(sample.pk, sample.outcome, sample.reason) for sample in samples]
    words = repr((facts, grant.state if grant else ""))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


@login_required
@require_POST
def judge(request: HttpRequest, reference: str) -> HttpResponse:
    """Have the newest samples checked again, and the request's .eml files stored."""
    service_request = _load(request, reference)
    check_may_add(service_request, person(request))
    if wait := seconds_to_wait(f"samples-judge:{service_request.pk}", JUDGEMENTS):
        messages.info(request, f"They were judged a moment ago. Try again in {wait} seconds.")
        return redirect("samples", reference)
    if services.judge_newest_soon(service_request=service_request):
        messages.success(
            request,
            "The newest samples are being judged again. This page shows the result in a moment.",
        )
    else:
        messages.error(request, "They cannot be judged just now. Try again in a minute.")
    return redirect("samples", reference)


@login_required
@require_safe
def download(request: HttpRequest, reference: str, pk: int) -> FileResponse:
    """The raw message, as a download and never inline."""
    service_request = _load(request, reference)
    sample = get_object_or_404(selectors.samples_for(service_request), pk=pk)
    response = FileResponse(
        sample.file.open("rb"),
        as_attachment=True,
        filename=f"{service_request.reference}-{sample.pk}.eml",
        content_type="application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response
