"""The form by which a message is added as a file."""

from typing import Any

from django import forms

from portal.mailauth.message_intake import LARGEST_BYTES


class SampleForm(forms.Form):
    """One message as a file."""

    upload = forms.FileField(
        label="Add a message",
        help_text="An .eml file: the message as it was received, saved whole. At most 10 MB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".eml,message/rfc822"}),
    )

    def clean_upload(self) -> Any:
        """Not too large."""
        upload = self.cleaned_data["upload"]
        if upload.size > LARGEST_BYTES:
            raise forms.ValidationError(
                f"The file has {upload.size / 1_048_576:.0f} MB; at most 10 MB are judged."
            )
        return upload
