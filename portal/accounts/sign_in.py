"""The sign-in form in the portal's words: labels above, no placeholders, and the way to a lost password below."""

from typing import Any

from allauth.account.forms import LoginForm
from django import forms


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth ships no types
    """E-mail address, password, and whether this device is remembered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, forms.Field] = self.fields
        fields["login"].label = "E-mail address"
        fields["password"].help_text = ""
        if "remember" in fields:
            fields["remember"].label = "Stay signed in on this device"
