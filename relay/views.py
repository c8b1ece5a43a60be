"""The page on which a person agrees, or not, that a system sends as their own address or their shared mailbox."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from portal.accounts.signed_in import person
from relay import services
from relay.models import RelaySender


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is asked; a signed-in POST answers. 404 for everybody who was not asked."""
    actor = person(request)
    sender = (
        RelaySender.objects.select_related("relay_request__service_request__requester")
        .filter(pk=pk, asked_of=actor.email)
        .first()
    )
    if sender is None:
        raise Http404("Nobody asks for this address of yours.")
    if request.method == "POST":
        agree = request.POST.get("answer") == "agree"
        services.answer_consent(sender=sender, actor=actor, agree=agree)
        messages.success(request, "Thank you. Your answer is with the request.")
        return redirect("relay_consent", pk)
    service_request = sender.relay_request.service_request
    context = {
        "sender": sender,
        "service_request": service_request,
        "is_own": sender.address == sender.asked_of,
        "would_allow": service_request.kind_entry.would_allow(service_request),
    }
    return render(request, "relay/consent.html", context)
