"""The preview of a campaign's message, in sandboxed frames that load and send nothing."""

from csp.constants import NONE, SELF
from csp.decorators import csp, csp_update
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import escape
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from campaigns.models import CampaignRequest
from portal.accounts.signed_in import person
from portal.institution import institution
from portal.message_checks.can_spam import is_ours
from portal.message_checks.findings import MailingFacts
from portal.message_checks.parsing import ParsedMessage, UnreadableMessage, parse_message
from portal.message_checks.postal import is_shortened
from portal.message_checks.preview import sanitized_html
from portal.workflow.models import ServiceRequest

MOST_LINKS = 100
FRAME_POLICY = {
    "default-src": [NONE],
    "style-src": [
        "'unsafe-inline'"
    ],  # For the message's own style attributes; what they link to is not loaded.
    "img-src": [NONE],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
    "sandbox": [""],
}
"""The content policy of the frame: no scripts, loads, forms or navigation, and an origin of its own."""


def _message_of(request: HttpRequest, reference: str) -> ParsedMessage:
    visible = ServiceRequest.objects.visible_to(person(request)).filter(kind="campaign")
    found = visible.filter(reference=reference).first()
    message = CampaignRequest.of(found).message if found is not None else None
    if message is None:
        raise Http404("There is no such message.")
    try:
        return parse_message(bytes(message.raw))
    except UnreadableMessage:
        raise Http404("There is no such message.") from None


@login_required
@require_safe
@never_cache
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]  # typed for views without arguments
def preview(request: HttpRequest, reference: str) -> HttpResponse:
    """Show desktop, phone, dark mode and plain text side by side, and the real destination of every link."""
    message = _message_of(request, reference)
    facts = MailingFacts(own_domain=institution().mail_domain)
    links = [
        {
            "text": link.text or "(no text)",
            "url": link.url,
            "host": link.host or "no web address",
            "is_ours": is_ours(f"x@{link.host}", facts),
            "is_shortened": is_shortened(link),
            "is_hidden": link.is_hidden,
        }
        for link in message.markup.links[:MOST_LINKS]
    ]
    context = {
        "reference": reference,
        "message": message,
        "sender": ", ".join(message.senders) or "no sender",
        "links": links,
        "more_links": max(0, len(message.markup.links) - MOST_LINKS),
        "pictures": [picture for picture in message.markup.pictures if not picture.is_tiny],
        "pixels": [picture for picture in message.markup.pictures if picture.is_tiny],
    }
    return render(request, "campaigns/preview.html", context)


@login_required
@require_safe
@never_cache
@xframe_options_sameorigin
@csp(FRAME_POLICY)  # type: ignore[arg-type]  # the same
def frame(request: HttpRequest, reference: str) -> HttpResponse:
    """Return the sanitized message for a sandboxed frame; it is as safe when opened directly."""
    message = _message_of(request, reference)
    scheme = "dark" if request.GET.get("scheme") == "dark" else "light"
    answer = HttpResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(message.subject)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE[scheme]}</style></head>'
        f"<body>{sanitized_html(message)}</body></html>"
    )
    answer["Referrer-Policy"] = "no-referrer"
    return answer


_COMMON = (
    "body{margin:16px;font:16px/1.5 sans-serif;overflow-wrap:anywhere}img{display:inline-block;min-width:24px;min-height:24px;"
    "border:1px dashed;max-width:100%}pre{white-space:pre-wrap;font:inherit}a{text-decoration:underline}table{max-width:100%}"
)
_STYLE = {
    "light": f":root{{color-scheme:light}}body{{background:#fff;color:#1a1a1a}}a{{color:#0b57d0}}{_COMMON}",
    "dark": f":root{{color-scheme:dark}}body{{background:#121212;color:#e8e8e8}}a{{color:#8ab4f8}}{_COMMON}",
}

urlpatterns: list[URLPattern] = [
    path("campaigns/<str:reference>/preview/", preview, name="campaign_preview"),
    path("campaigns/<str:reference>/preview/frame/", frame, name="campaign_preview_frame"),
]
