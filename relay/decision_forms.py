"""The form of a relay approval: a request to anyone may be narrowed to domains that the reviewer names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms

from portal.institution import institution
from portal.workflow.forms import ApproveForm
from portal.workflow.kinds import Choice, Terms
from portal.workflow.models import ServiceRequest
from relay import volume
from relay.forms import parse_domains
from relay.models import Recipients, RelayRequest


@dataclass(frozen=True)
class Limit:
    """A figure that a reviewer may lower and never raise, such as messages a day; `most` was asked for."""

    field: str
    label: str
    most: int


def limits_of(service_request: ServiceRequest) -> list[Limit]:
    """How much is sent, as far as a limit is asked for."""
    detail = RelayRequest.of(service_request)
    asked = [
        ("per_day", "Most recipients on one day", volume.per_day(detail)),
        (
            "external_per_day",
            f"Of these, outside {institution().mail_domain}",
            volume.external_per_day(detail),
        ),
        ("peak_per_hour", "Most messages in one hour", detail.peak_per_hour),
    ]
    return [Limit(field, label, most) for field, label, most in asked if most]


class RelayApproveForm(ApproveForm):
    """An approval that may lower figures, and name the domains to which mail for anyone is cut."""

    def __init__(self, *args: Any, choices: Sequence[Choice], **kwargs: Any) -> None:
        super().__init__(*args, choices=choices, **kwargs)
        self.limits = limits_of(self.service_request)
        for limit in self.limits:
            self.fields[f"most_{limit.field}"] = forms.IntegerField(
                label=limit.label,
                min_value=1,
                max_value=limit.most,
                initial=limit.most,
                required=False,
                help_text="You may lower it; you cannot raise it. If you leave it empty, the requested limit applies.",
                error_messages={"max_value": f"At most {limit.most:,}, which is what was asked for."},
            )
        asked = next((choice.values for choice in choices if choice.field == "recipients"), ())
        self.names_domains = bool(asked) and asked[0] == Recipients.ANYONE
        if self.names_domains:
            field = forms.CharField(
                label="Which other domains?",
                required=False,
                max_length=2000,
                widget=forms.Textarea(attrs={"rows": 3}),
                help_text="One domain in each line.",
            )
            field.shown_when = ("keep_recipients", (Recipients.DOMAINS.value,))  # type: ignore[attr-defined] # read by portal.ui.fields
            self.fields["domains"] = field
            after = list(self.fields)
            after.remove("domains")
            after.insert(after.index("keep_recipients") + 1, "domains")
            self.order_fields(after)

    def clean_domains(self) -> list[str]:
        """The domains, each a domain."""
        return parse_domains(self.cleaned_data["domains"])

    def clean(self) -> dict[str, Any]:
        """Domains where the recipients are cut to them."""
        data = super().clean() or self.cleaned_data
        if self._is_cut_to_domains(data) and "domains" not in self.errors and not data.get("domains"):
            self.add_error("domains", "Name the domains, one in each line.")
        return data

    def _is_cut_to_domains(self, data: dict[str, Any]) -> bool:
        return self.names_domains and data.get("keep_recipients") == Recipients.DOMAINS

    def granted(self) -> Terms:
        """The terms as the reviewer left them."""
        terms, data = super().granted(), self.cleaned_data
        keep = dict(terms.keep)
        if self._is_cut_to_domains(data):
            keep["recipient_domains"] = data["domains"]
        at_most = {limit.field: data[f"most_{limit.field}"] or limit.most for limit in self.limits}
        return Terms(terms.starts_on, terms.ends_on, keep, at_most)
