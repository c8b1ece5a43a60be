"""The sign-in form: labels above the fields, no placeholders, and a link for a lost password."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.forms import LoginForm
from django import forms
from django.http import HttpRequest

from portal.lib import dispatch


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth ships no types
    """Email address, password, and whether this device is remembered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, forms.Field] = self.fields
        fields["login"].label = "Email address"
        fields["password"].help_text = ""
        if "remember" in fields:
            fields["remember"].label = "Stay signed in on this device"


class ResetPasswordForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]  # allauth ships no types
    """The form for a lost password. A worker finds out whether the address has an account, so that the response
    is the same either way.
    """

    def clean_email(self) -> str:
        """The address, in lower case; nothing is looked up."""
        return str(self.cleaned_data["email"]).lower()

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Queue the link; a worker retries while the mail server is unavailable."""
        address: str = self.cleaned_data["email"]
        dispatch.start(
            "portal.accounts.tasks.send_reset_link", address, otherwise="the person asks for a link again"
        )
        return address
