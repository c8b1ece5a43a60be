"""The page on which a person agrees, or not, that a system sends as their own address or their shared mailbox."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from portal.workflow.views.consenting import consent_page
from relay.models import RelaySender


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is asked; a signed-in POST answers. 404 for everybody who was not asked."""
    rows = RelaySender.objects.select_related("relay_request__service_request__requester")
    return consent_page(request, rows, pk)
