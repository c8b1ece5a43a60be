"""The administrators' page of tokens: create, show once, revoke."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.signed_in import person
from portal.enforcement import signing
from portal.enforcement.forms import TokenForm
from portal.enforcement.models import HostToken
from portal.enforcement.tokens import make_token, may_handle_tokens, revoke_token
from portal.lib.problems import NotAllowed


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """List tokens without their secrets; a POST creates one and shows it once."""
    actor = person(request)
    if not may_handle_tokens(actor):
        raise NotAllowed("Only administrators handle the tokens of mail hosts.")
    form, made, token = TokenForm(request.POST if request.method == "POST" else None), None, ""
    if request.method == "POST" and form.is_valid():
        made, token = make_token(actor=actor, **form.cleaned_data)
        form = TokenForm()
    context = {
        "form": form,
        "made": made,
        "token": token,
        "tokens": HostToken.objects.select_related("created_by"),
        "key_id": signing.key_id() if signing.has_key() else "",
        "public_key": signing.public_pem() if signing.has_key() else "",
    }
    return render(request, "enforcement/tokens.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke a token now."""
    actor = person(request)
    if not may_handle_tokens(actor):
        raise NotAllowed("Only administrators handle the tokens of mail hosts.")
    token = get_object_or_404(HostToken, pk=pk)
    revoke_token(actor=actor, token=token)
    messages.success(request, f"The token of {token.host} was revoked. It opens nothing from now on.")
    return redirect("host_tokens")
