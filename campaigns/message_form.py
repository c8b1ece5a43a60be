"""The form page for the exact message: an .eml file, or subject, HTML and text."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from campaigns import message_rules, services
from campaigns.forms import CampaignStep
from campaigns.models import CampaignRequest
from portal.lib import confined
from portal.lib.outcome import Outcome
from portal.lib.text import one_line
from portal.lib.throttle import Rate, seconds_to_wait
from portal.message_checks.composing import compose_message
from portal.message_checks.parsing import UnreadableMessage
from portal.workflow.kinds import Answer
from portal.workflow.models import ServiceRequest

LARGEST = 2 * 1024 * 1024
"""Octets of a message; a message to many people should be much smaller."""
LARGEST_PART = 500_000
CHECKS = Rate(20, 60)
"""How many messages of one requester are checked; each check takes a web worker for a moment."""


class MessageStep(CampaignStep):
    """The exact message. The approval is for its digest."""

    undeclared = ("how", "eml", "subject", "html", "text")
    file_name = "message.eml"
    how = forms.ChoiceField(
        label="How do you add the message?",
        choices=(
            ("eml", "As a file, saved from the program that sends it"),
            ("parts", "As subject and text"),
        ),
        widget=forms.RadioSelect,
        help_text="A file is better because it has the headers for unsubscribing.",
    )
    eml = forms.FileField(
        label="The message as an .eml file",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".eml,message/rfc822"}),
    )
    subject = forms.CharField(label="Subject", max_length=998, required=False)
    html = forms.CharField(
        label="HTML", max_length=LARGEST_PART, required=False, widget=forms.Textarea(attrs={"rows": 8})
    )
    text = forms.CharField(
        label="Plain text",
        max_length=LARGEST_PART,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="For people who read email as text. It must say the same.",
    )
    eml.shown_when = ("how", ("eml",))  # type: ignore[attr-defined] # portal.ui.fields
    for _part in (subject, html, text):
        _part.shown_when = ("how", ("parts",))  # type: ignore[attr-defined] # portal.ui.fields
    del _part

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        present = self.detail.message
        if present is not None and present.file_name:
            self.fields[
                "eml"
            ].help_text = f"“{present.file_name}” is already uploaded. Choose a file only to replace it."

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Return the initial values: the parts of a composed message."""
        message = CampaignRequest.of(service_request).message
        if message is None:
            return {}
        how = "eml" if message.file_name else "parts"
        return {"how": how, "subject": message.subject, "html": message.html, "text": message.text}

    def clean_eml(self) -> Any:
        """Return the octets of a file that is not too large."""
        upload = self.cleaned_data["eml"]
        if not upload:
            return None
        if upload.size > LARGEST:
            raise ValidationError(f"The file has {upload.size / 1_048_576:.1f} MB. The limit is 2 MB.")
        self.file_name = one_line(upload.name or "")[-150:] or "message.eml"
        raw = upload.read()
        self._refuse_what_fails(raw, is_composed=False)
        return raw

    def _refuse_what_fails(self, raw: bytes, *, is_composed: bool) -> None:
        """Raise ValidationError with each failed check that would bar the approval."""
        wait = seconds_to_wait(f"message-checks:{self.service_request.requester_id}", CHECKS)
        if wait:
            raise ValidationError(
                f"{CHECKS.times} messages were checked within a minute. Try again in {wait} seconds."
            )
        people = services.audience_of(self.service_request)
        try:
            found = message_rules.findings_of(self.detail, raw, people=people, is_composed=is_composed)
        except (UnreadableMessage, confined.Busy) as error:
            raise ValidationError(str(error)) from None
        failing = [one for one in found if one.must and one.outcome == Outcome.FAIL and not one.waivable]
        if failing:
            raise ValidationError([one.sentence for one in failing])

    def clean(self) -> dict[str, Any]:
        """Check that one of the two ways is complete, and read the message."""
        data = super().clean() or self.cleaned_data
        if data.get("how") == "eml":
            has_file = self.detail.message is not None and self.detail.message.file_name
            if not has_file:
                self.need("eml", "Choose the .eml file.")
        elif data.get("how") == "parts":
            self.need("subject", "Enter the subject.")
            if not data.get("html"):
                self.need("text", "Enter the message as HTML, as plain text, or better as both.")
            if not self.errors:
                self._check_parts(data)
        return data

    def _check_parts(self, data: dict[str, Any]) -> None:
        parts = (data["subject"], data["html"], data["text"])
        try:
            self._refuse_what_fails(
                compose_message(*parts, services.sender_of(self.detail)), is_composed=True
            )
        except (UnreadableMessage, ValidationError) as error:
            self.add_error(
                "html" if data["html"] else "text",
                str(error) if isinstance(error, UnreadableMessage) else error,
            )

    def clean_subject(self) -> str:
        """Return the subject as one line."""
        return one_line(self.cleaned_data["subject"])

    def save(self) -> None:
        """Save the message, if there is a new one."""
        data, sr = self.cleaned_data, self.service_request
        if data["how"] == "parts":
            parts = {name: data[name] for name in ("subject", "html", "text")}
            services.compose(service_request=sr, added_by=sr.requester, **parts)
        elif data["eml"]:
            services.add_message(
                service_request=sr, added_by=sr.requester, raw=data["eml"], file_name=self.file_name
            )

    @classmethod
    def answers(cls, service_request: ServiceRequest) -> list[Answer]:
        """Which message it is."""
        message = CampaignRequest.of(service_request).message
        if message is None:
            return [Answer("message", "Message", "")]
        name = message.file_name or f"“{message.subject}”, as subject and text"
        return [
            Answer("message", "Message", name),
            Answer("canonical_sha256", "SHA-256 of the message", message.canonical_sha256, is_code=True),
        ]
