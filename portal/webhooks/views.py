"""The pages of webhooks: the list, a new endpoint, and one endpoint with what was sent to it."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.signed_in import person
from portal.webhooks import keys, selectors, services
from portal.webhooks.forms import EndpointForm, WantedForm, wanted_form
from portal.webhooks.models import Delivery, Endpoint, EndpointState
from portal.webhooks.policies import check_may_handle, check_may_read, may_handle

SHOWN = 50
_SHOW_ONCE = "webhook_secret_to_show"


def _load(pk: int) -> Endpoint:
    return get_object_or_404(Endpoint.objects.exclude(state=EndpointState.REMOVED), pk=pk)


@login_required
@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """Every endpoint, and those that were removed."""
    check_may_read(person(request))
    context = {
        "endpoints": selectors.present_endpoints(),
        "removed": selectors.removed_endpoints()[:SHOWN],
        "may_handle": may_handle(person(request)),
    }
    return render(request, "webhooks/webhooks.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Register an endpoint; its page then shows the secret once."""
    actor = person(request)
    check_may_handle(actor)
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if not (form.is_bound and form.is_valid()):
        return render(request, "webhooks/new.html", {"form": form}, status=422 if form.is_bound else 200)
    endpoint = services.register_endpoint(actor=actor, **form.cleaned_data)
    request.session[_SHOW_ONCE] = endpoint.pk
    messages.success(request, "The endpoint is registered.")
    return redirect(endpoint)


@login_required
@require_safe
@never_cache
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """One endpoint and its last deliveries."""
    check_may_read(person(request))
    return _show(request, _load(pk))


def _show(
    request: HttpRequest, endpoint: Endpoint, form: WantedForm | None = None, status: int = 200
) -> HttpResponse:
    deliveries = list(selectors.newest_deliveries(endpoint)[: SHOWN + 1])
    context = {
        "endpoint": endpoint,
        "secret": _secret_to_show(request, endpoint),
        "is_intact": keys.is_intact(endpoint),
        "deliveries": deliveries[:SHOWN],
        "has_more": len(deliveries) > SHOWN,
        "shown": SHOWN,
        "may_handle": may_handle(person(request)),
        "form": form or wanted_form(endpoint),
    }
    return render(request, "webhooks/webhook.html", context, status=status)


def _secret_to_show(request: HttpRequest, endpoint: Endpoint) -> str:
    """The secret, on the one page after it was made. The session holds which endpoint's, never the secret."""
    if request.method != "GET" or request.session.get(_SHOW_ONCE) != endpoint.pk:
        return ""
    del request.session[_SHOW_ONCE]
    return keys.shown_secret(endpoint) if may_handle(person(request)) else ""


@login_required
@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what an endpoint is called and what it hears."""
    actor = person(request)
    check_may_handle(actor)
    endpoint = _load(pk)
    form = wanted_form(endpoint, request.POST)
    if not form.is_valid():
        return _show(request, endpoint, form, status=422)
    services.change_endpoint(actor=actor, endpoint=endpoint, **form.cleaned_data)
    messages.success(request, "Changed. Events from now on follow it.")
    return redirect(endpoint)


_ACTIONS: dict[str, tuple[Callable[..., object], str]] = {
    "test": (services.send_test, "A test event is sent. Its row below shows the result."),
    "pause": (services.pause_endpoint, "Paused. What happens meanwhile waits here."),
    "resume": (services.resume_endpoint, "Resumed. What waited goes out now."),
    "rotate": (services.rotate_secret, "There is a new secret. For 24 hours both sign."),
    "remove": (services.remove_endpoint, "The endpoint is removed. Nothing is sent there any more."),
}


@login_required
@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Carry out one action on an endpoint."""
    actor = person(request)
    check_may_handle(actor)
    if action not in _ACTIONS:
        raise Http404("No such action.")
    endpoint = _load(pk)
    service, sentence = _ACTIONS[action]
    service(actor=actor, endpoint=endpoint)
    messages.success(request, sentence)
    if action == "rotate":
        request.session[_SHOW_ONCE] = endpoint.pk
    return redirect("webhooks") if action == "remove" else redirect(endpoint)


@login_required
@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a delivery that was given up again."""
    actor = person(request)
    check_may_handle(actor)
    delivery = get_object_or_404(Delivery.objects.select_related("endpoint"), pk=pk)
    services.retry_delivery(actor=actor, delivery=delivery)
    messages.success(request, "The delivery is queued again.")
    return redirect(delivery.endpoint)
