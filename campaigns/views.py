"""The whole request on one page, the decision letter, and the comparison of a message with the approved one."""

from typing import Any, cast

from csp.constants import SELF
from csp.decorators import csp_update
from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import binding, calendar_rules, selectors, services
from campaigns.answers import audience_lines, from_of
from campaigns.letter import Letter, letter_of
from campaigns.message_form import LARGEST
from campaigns.models import CampaignRequest
from campaigns.selectors import KEY
from campaigns.standing import CampaignStanding
from portal.accounts.signed_in import person
from portal.grants.models import Grant
from portal.grants.selectors import grant_of
from portal.message_checks.parsing import UnreadableMessage
from portal.sending_calendar.labels import window_label
from portal.workflow.models import ServiceRequest
from portal.workflow.states import State
from portal.workflow.views.consenting import consent_page
from portal.workflow.views.loading import load
from portal.workflow.views.reading import show_request


def _load_campaign(request: HttpRequest, reference: str) -> ServiceRequest:
    service_request = load(request, reference)
    if service_request.kind != KEY or service_request.state == State.DRAFT:
        raise Http404("There is no such request.")
    return service_request


@login_required
@require_safe
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]  # typed for views without arguments
def overview(request: HttpRequest, reference: str) -> HttpResponse:
    """Show the message, audience, window, conflicts and checklist of a campaign, with the actions for this person."""
    service_request = _load_campaign(request, reference)
    detail = CampaignRequest.of(service_request)
    window = calendar_rules.detail_window(detail)
    extra: dict[str, Any] = {
        "campaign": detail,
        "message": detail.message,
        "message_text": services.text_of(detail.message) if detail.message else "",
        "from_line": from_of(detail),
        "audience": audience_lines(services.audience_of(service_request)),
        "total": sum(services.audience_of(service_request).values()),
        "window": window_label(window) if window else "",
        "conflicts": calendar_rules.conflicts_of(service_request) if service_request.is_open else [],
        "letter": letter_of(service_request),
        "standing": _standing(service_request),
    }
    return show_request(request, service_request, template="campaigns/overview.html", extra=extra)


def _standing(service_request: ServiceRequest) -> CampaignStanding | None:
    """Return the standing today of the campaign that was approved; None if none was."""
    grant = grant_of(service_request) if service_request.state == State.APPROVED else None
    return selectors.standings([grant]).get(grant.pk) if grant else None


# ---------------------------------------------------------------- the letter
def _letter(request: HttpRequest, reference: str) -> Letter:
    letter = letter_of(_load_campaign(request, reference))
    if letter is None:
        raise Http404("There is no decision yet.")
    return letter


@login_required
@require_safe
def letter(request: HttpRequest, reference: str) -> HttpResponse:
    """Show the decision letter, to read and to print."""
    return render(request, "campaigns/letter.html", {"letter": _letter(request, reference)})


@login_required
@require_safe
def letter_pdf(request: HttpRequest, reference: str) -> HttpResponse:
    """Return the decision letter as PDF."""
    from campaigns.letter_pdf import as_pdf  # noqa: PLC0415 - fonts and fpdf: a third of a second that few pages need

    made = _letter(request, reference)
    response = HttpResponse(as_pdf(made), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{made.reference}.pdf"'
    return response


# ---------------------------------------------------------------- is this the approved message?
class VerifyForm(forms.Form):
    """A message to compare with the approved one."""

    eml = forms.FileField(
        label="The message as an .eml file",
        widget=forms.FileInput(attrs={"accept": ".eml,message/rfc822"}),
        help_text="As the sending program saves it. It is compared and not kept.",
    )

    def clean_eml(self) -> bytes:
        """Return the octets of the file."""
        upload = self.cleaned_data["eml"]
        if upload.size > LARGEST:
            raise ValidationError("The file is larger than 2 MB. A campaign’s message is smaller.")
        return cast(bytes, upload.read())


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest, reference: str) -> HttpResponse:
    """Compare a message with the approved one and show the differences. Nothing is stored."""
    visible = Grant.objects.visible_to(person(request))
    grant = visible.filter(reference=reference, kind=KEY).first()
    permission = binding.permission_of(reference) if grant is not None else None
    if grant is None or permission is None:
        raise Http404("There is no such permission.")
    form = VerifyForm(request.POST, request.FILES) if request.method == "POST" else VerifyForm()
    comparison = None
    if form.is_bound and form.is_valid():
        try:
            comparison = binding.compare(permission, form.cleaned_data["eml"])
        except UnreadableMessage as error:
            form.add_error("eml", str(error))
    context = {
        "grant": grant,
        "permission": permission,
        "form": form,
        "comparison": comparison,
        "standing": selectors.standing(permission),
    }
    return render(request, "campaigns/verify.html", context, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether a campaign may show the signed-in person's address in From. 404 for everybody who was not asked."""
    return consent_page(request, CampaignRequest.objects.select_related("service_request__requester"), pk)
