"""Deciders sign in with a second factor, or by the institution's single sign-on, which has its own."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from portal.accounts.models import User
from portal.accounts.roles import DECIDERS, Role

BOUND: tuple[Role, ...] = (*DECIDERS, Role.ADMINISTRATOR)
"""The roles that decide; auditors read, requesters file requests."""
STRONG = frozenset({"mfa", "socialaccount"})
SENTENCE = (
    "Your role decides on requests, so your sign-in needs a second factor. "
    "Set up an authenticator app or a security key here; then everything is open to you."
)


def is_weak(request: HttpRequest) -> bool:
    """Whether a decider or administrator signed in with a password alone. True without a record."""
    user = request.user
    if not isinstance(user, User) or not user.is_authenticated:
        return False
    if _is_strong(get_authentication_records(request, user)):
        return False
    return user.has_role(*BOUND)


def _is_strong(records: Iterable[Any]) -> bool:
    return any(isinstance(record, dict) and record.get("method") in STRONG for record in records)


class SecondFactorMiddleware:
    """Redirect deciders to their second factor, or to its set-up, before any other page. Off with
    `MFA_FOR_DECIDERS=false`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: object, *_: object) -> HttpResponse | None:
        """Redirect a page, refuse a form (403). Sign-in, sign-out, the set-up and public pages are exempt."""
        if not settings.MFA_FOR_DECIDERS or _is_open(request, view) or not is_weak(request):
            return None
        if request.method not in ("GET", "HEAD"):
            return render(request, "403.html", {"reason": SENTENCE}, status=403)
        if is_mfa_enabled(request.user):
            return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': request.get_full_path()})}")
        messages.warning(request, SENTENCE)
        return redirect("mfa_index")


def _is_open(request: HttpRequest, view: object) -> bool:
    # All of allauth's pages are under one path; views without sign-in show nothing to protect.
    accounts = reverse("account_login").removesuffix("login/")
    return request.path.startswith((accounts, settings.STATIC_URL)) or not getattr(
        view, "login_required", True
    )
