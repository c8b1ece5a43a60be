"""How allauth treats our people: nobody signs up by a form, and single sign-on joins by verified address."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest


class PortalAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Accounts come from single sign-on or an administrator."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No sign-up form."""
        return False


class PortalSocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth has no types
    """A first single sign-on makes the account; the identity provider vouches for the address."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """The identity provider decides who is a member of the institution."""
        return True

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """Fill name and address from the provider's claims; the address is kept in lower case."""
        user = super().populate_user(request, sociallogin, data)
        user.email = (user.email or "").lower()
        parts = (data.get("first_name"), data.get("last_name"))
        user.name = data.get("name") or " ".join(part for part in parts if part) or user.email
        return user
