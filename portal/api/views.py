"""The administrators' page of service accounts, and the documentation of the API."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.signed_in import person
from portal.api import accounts
from portal.api.documentation import described
from portal.api.forms import TokenForm
from portal.api.models import ApiToken


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """List tokens without their secrets; a POST creates one and shows it once."""
    actor = person(request)
    accounts.check_may_handle(actor)
    form = TokenForm(request.POST if request.method == "POST" else None)
    made: tuple[ApiToken, str] | None = None
    if request.method == "POST" and form.is_valid():
        try:
            made = accounts.make_token(actor=actor, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            form = TokenForm()
    context: dict[str, Any] = {
        "form": form,
        "made": made[0] if made else None,
        "token": made[1] if made else "",
        "tokens": ApiToken.objects.select_related("account__owner", "created_by"),
    }
    return render(request, "api/tokens.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke a token now."""
    actor = person(request)
    accounts.check_may_handle(actor)
    token = get_object_or_404(ApiToken.objects.select_related("account"), pk=pk)
    accounts.revoke_token(actor=actor, token=token)
    messages.success(request, f"A token of {token.account} was revoked. It opens nothing from now on.")
    return redirect("api_tokens")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Every operation of the API, from the document that programs read."""
    return render(request, "api/docs.html", {"api": described(), "may_handle": _may_handle(request)})


def _may_handle(request: HttpRequest) -> bool:
    return request.user.is_authenticated and accounts.may_handle_accounts(person(request))
