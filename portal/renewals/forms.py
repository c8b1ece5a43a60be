"""Forms of renewals."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class ConfirmForm(forms.Form):
    """The owner's confirmation: nothing but the revision of the grant that the page showed."""

    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class ApproveChosenForm(forms.Form):
    """One reason for several renewals. The boxes are in the table: `chosen` is read from the request itself."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Why are they approved?",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Each owner reads it.",
    )

    def clean(self) -> dict[str, Any]:
        """The boxes that were ticked, as (reference, revision)."""
        data = super().clean() or self.cleaned_data
        boxes = self.data.getlist("row") if hasattr(self.data, "getlist") else []
        found = [re.fullmatch(r"(TM-[A-Z]-[0-9]{1,10}):([0-9]{1,9})", box, re.ASCII) for box in boxes]
        if not boxes:
            raise ValidationError("Choose at least one renewal.")
        if None in found:
            raise ValidationError("One of these renewals is not there. Read the list again.")
        return data | {"chosen": [(one[1], int(one[2])) for one in found if one]}
