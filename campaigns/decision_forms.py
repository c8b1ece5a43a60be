"""The approval form of the CIO office: it may narrow the window and the audience, and cite clauses."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.standards.clauses import clause
from portal.workflow.forms import ApproveForm
from portal.workflow.kinds import Choice, Terms

CITABLE = ("MKT-1", "MKT-2", "MKT-4", "MKT-5", "OVR-4")


class CampaignApproveForm(ApproveForm):
    """An approval with a first and a last day, and the clauses it cites."""

    starts_on = forms.DateField(
        label="First day",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="You may narrow the window; you cannot widen it.",
    )
    clauses = forms.MultipleChoiceField(
        label="Which clauses is it based on?", required=False, widget=forms.CheckboxSelectMultiple
    )
    field_order = ("revision", "comment", "starts_on", "ends_on")

    def __init__(self, *args: Any, terms: Terms, choices: Sequence[Choice], **kwargs: Any) -> None:
        super().__init__(*args, terms=terms, choices=choices, **kwargs)
        self.fields["starts_on"].initial = terms.starts_on
        self.fields["ends_on"].help_text = ""
        cited = self.fields["clauses"]
        assert isinstance(cited, forms.MultipleChoiceField)
        cited.choices = [(key, f"{key} {clause(key).title}") for key in CITABLE]
        self.order_fields([*self.field_order, *(f"keep_{choice.field}" for choice in choices), "clauses"])

    def clean_starts_on(self) -> Any:
        """Return a first day inside the requested window."""
        day = self.cleaned_data["starts_on"]
        if not self.terms.starts_on <= day <= self.terms.ends_on:
            raise ValidationError(
                f"The first day must be between {self.terms.starts_on:%Y-%m-%d} and {self.terms.ends_on:%Y-%m-%d}."
            )
        return day

    def clean(self) -> dict[str, Any]:
        """Check that the first day is not after the last."""
        data = super().clean() or self.cleaned_data
        first, last = data.get("starts_on"), data.get("ends_on")
        if first and last and last < first:
            self.add_error("ends_on", "The last day is before the first.")
        return data

    def granted(self) -> Terms:
        """Return the terms as the office set them."""
        whole = super().granted()
        return Terms(self.cleaned_data["starts_on"], whole.ends_on, whole.keep, whole.at_most)
