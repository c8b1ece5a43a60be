"""The sign-in form in the portal's words: labels above, no placeholders, and the way to a lost password below."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.forms import LoginForm
from django import forms
from django.http import HttpRequest

from portal.lib import dispatch


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth ships no types
    """E-mail address, password, and whether this device is remembered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, forms.Field] = self.fields
        fields["login"].label = "E-mail address"
        fields["password"].help_text = ""
        if "remember" in fields:
            fields["remember"].label = "Stay signed in on this device"


class ResetPasswordForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]  # allauth ships no types
    """An address; whether it has an account is found out by a worker, so that the answer is the same in every case."""

    def clean_email(self) -> str:
        """The address, in lower case; nothing is looked up."""
        return str(self.cleaned_data["email"]).lower()

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Ask a worker to send the link; it tries again while the mail server is away."""
        address: str = self.cleaned_data["email"]
        dispatch.start(
            "portal.accounts.tasks.send_reset_link", address, otherwise="the person asks for a link again"
        )
        return address
