"""How allauth signs people in: there is no sign-up form, and single sign-on joins an account by its verified address.

Failed passwords are counted by account and client address together, so that nobody is locked out by somebody
else's attempts. Attempts from many addresses are also counted by account, but never block a network from which
the person signed in before.
"""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.shortcuts import render

from portal.accounts.announcements import AccountNotice, account_notice
from portal.accounts.models import User
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.client_address import client_address, client_network
from portal.lib.throttle import Rate, is_spent, seconds_to_wait
from portal.lib.tokens import digest_of

logger = logging.getLogger(__name__)
GUESSES_AT_ONE_ACCOUNT = Rate(times=50, seconds=3600)
"""Limit on wrong passwords for one account from networks that the person never signed in from."""
USUAL_PLACE_SECONDS = 180 * 86_400
NOTICES = {
    "account/email/password_changed": "Your password was changed.",
    "account/email/password_reset": "Your password was reset by a link that was sent to you.",
    "account/email/password_set": "A password was set for your account.",
    "mfa/email/totp_activated": "An authenticator app was added to your sign-in.",
    "mfa/email/totp_deactivated": "The authenticator app was removed from your sign-in.",
    "mfa/email/recovery_codes_generated": "New recovery codes were made; the old ones no longer work.",
    "mfa/email/webauthn_added": "A security key was added to your sign-in.",
    "mfa/email/webauthn_removed": "A security key was removed from your sign-in.",
    "socialaccount/email/account_connected": "Single sign-on was joined to your account.",
    "socialaccount/email/account_disconnected": "Single sign-on was taken off your account.",
}


class PortalAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Accounts come from single sign-on or an administrator."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No sign-up form."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address behind the proxies that are ours; allauth counts by its /64 where it is IPv6."""
        return client_address(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return f"{client_network(request)}:{_login(credentials)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse the attempt if this client address, or all unknown networks together for this account, made
        too many.
        """
        super().pre_authenticate(request, **credentials)
        login = _login(credentials)
        if is_spent(_guesses(login), GUESSES_AT_ONE_ACCOUNT) and not _is_usual(request, login):
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a wrong password against the account, unless it came from a network that the person signed in
        from before.
        """
        login = _login(credentials)
        if not _is_usual(request, login):
            seconds_to_wait(_guesses(login), GUESSES_AT_ONE_ACCOUNT)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return the person whose password this is, or None; remember the network of a successful sign-in."""
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            cache.set(_place(request, user.email), True, USUAL_PLACE_SECONDS)
        return user

    def send_notification_mail(
        self, template_prefix: str, user: User, context: Any = None, email: str | None = None
    ) -> None:
        """Queue a notice to the person about a change of their account."""
        sentence = NOTICES.get(template_prefix)
        if sentence is None:
            logger.warning("No words for the notice %s.", template_prefix)
            return
        account_notice.tell(AccountNotice(user.email, sentence, f"From {self.get_client_ip(self.request)}."))


def _login(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email", credentials.get("username", ""))).strip().lower()


def _guesses(login: str) -> str:
    return f"guesses:{digest_of(login)}"


def _place(request: HttpRequest, login: str) -> str:
    return f"usual-place:{digest_of(f'{login} {client_network(request)}')}"


def _is_usual(request: HttpRequest, login: str) -> bool:
    return bool(cache.get(_place(request, login)))


# ---------------------------------------------------------------- single sign-on
NONE, UNVERIFIED, ELSEWHERE, TAKEN, JOINING = "none", "unverified", "elsewhere", "taken", "joining"


class PortalSocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth has no types
    """A first single sign-on joins the account with the address that the provider verified, or creates it.

    Nobody is asked for an address: without a usable one a page says whom to contact.
    """

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Join or check a first sign-on. Raises ImmediateHttpResponse with a page if it is refused."""
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            _refuse(request, sociallogin, JOINING)
        if sociallogin.is_existing:
            return
        address = _verified_address(request, sociallogin)
        person = User.objects.filter(email=address).first()
        sociallogin.user.email = address
        sociallogin.email_addresses = [
            entry for entry in sociallogin.email_addresses if entry.email.lower() == address
        ]
        for entry in sociallogin.email_addresses:
            entry.verified = True
        if EmailAddress.objects.filter(email__iexact=address).exclude(user=person).exists():
            _refuse(request, sociallogin, TAKEN, address)
        if person is None:
            sociallogin.is_vetted = True
            return
        if SocialAccount.objects.filter(user=person, provider=sociallogin.account.provider).exists():
            # The provider assigned an address to another person than before.
            _refuse(request, sociallogin, TAKEN, address)
        if person.is_active:
            sociallogin.connect(request, person)
        else:
            sociallogin.user = person  # allauth answers that the account is closed

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Only a sign-on whose address was vetted in this very request makes an account."""
        return bool(getattr(sociallogin, "is_vetted", False))

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Always: the alternative is a form that asks for an address."""
        return True

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Fill name and address from the provider's claims; the address is kept in lower case."""
        user = super().populate_user(request, sociallogin, data)
        user.email = (user.email or "").lower()
        parts = (data.get("first_name"), data.get("last_name"))
        user.name = (data.get("name") or " ".join(part for part in parts if part) or user.email)[:150]
        return user


def _verified_address(request: HttpRequest, sociallogin: Any) -> str:
    """The address by which a first sign-on is known here: verified by the provider, on a domain that is ours."""
    entries = [entry for entry in sociallogin.email_addresses if entry.email]
    if not entries:
        _refuse(request, sociallogin, NONE)
    verified = [entry for entry in entries if _is_true(entry.verified)]
    if not verified:
        _refuse(request, sociallogin, UNVERIFIED, entries[0].email)
    for entry in sorted(verified, key=lambda one: not one.primary):
        domain = entry.email.rpartition("@")[2].lower()
        if domain not in settings.SSO_DOMAINS:
            continue
        try:
            return str(parse_mailbox(entry.email, domain=domain))
        except MailboxRefused:
            continue
    _refuse(request, sociallogin, ELSEWHERE, verified[0].email)
    raise AssertionError("A refusal raises.")


def _is_true(claim: object) -> bool:
    # OpenID Connect Core 1.0, section 5.1: a JSON boolean; some providers write it as text, "false" as well.
    return claim is True or (isinstance(claim, str) and claim.lower() == "true")


def _refuse(request: HttpRequest, sociallogin: Any, why: str, address: str = "") -> None:
    logger.warning("A sign-on of provider %s was refused: %s.", sociallogin.account.provider, why)
    raise ImmediateHttpResponse(
        render(
            request,
            "socialaccount/refused.html",
            {"why": why, "address": address, "domains": settings.SSO_DOMAINS},
            status=403,
        )
    )
