"""What people change about themselves."""

from django import forms

from portal.accounts.models import Theme, User
from portal.ui.parts import Hinted

_NOTICES = User._meta.get_field("wants_progress_notices")


class SettingsForm(forms.Form):
    """Color scheme and notices. Name and department come from the directory."""

    theme = forms.ChoiceField(
        label="Colours",
        choices=[
            (Theme.SYSTEM.value, Hinted(Theme.SYSTEM.label, "Light or dark, as your device is set.")),
            (Theme.LIGHT.value, Theme.LIGHT.label),
            (Theme.DARK.value, Theme.DARK.label),
        ],
        widget=forms.RadioSelect,
    )
    wants_progress_notices = forms.BooleanField(
        label=_NOTICES.verbose_name, help_text=_NOTICES.help_text, required=False
    )
