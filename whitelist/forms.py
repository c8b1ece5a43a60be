"""The pages of the whitelist form. Each refusal names its clause and the next step."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.text import one_line
from portal.workflow.fields import PersonField, RowsField
from portal.workflow.findings import Finding
from portal.workflow.forms import StepForm
from portal.workflow.models import ServiceRequest
from whitelist import proof, rules, services
from whitelist.entries import parse_address, parse_domain_entry
from whitelist.models import Affected, Verdict, WhitelistRequest

MOST_ADDRESSES = 10
MOST_DOMAINS = 3
FEW_PEOPLE = 10
"""Below this many people, safe senders are less work than a request (WHT-1)."""


class WhitelistStep(StepForm):
    """A page that reads and writes columns of the detail row."""

    columns: tuple[str, ...] = ()

    @property
    def detail(self) -> WhitelistRequest:
        """The request's own row."""
        return services.detail_of(self.service_request)

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """The columns of this page."""
        detail = services.detail_of(service_request)
        return {name: getattr(detail, name) for name in self.columns}

    def save(self) -> None:
        """Write the columns of this page."""
        services.write_columns(
            detail=self.detail, columns={name: self.cleaned_data[name] for name in self.columns}
        )


class SenderRows(RowsField):
    """The addresses: either they or a domain are needed, which "optional" would not say."""

    note = "or a domain below"


class SenderStep(WhitelistStep):
    """Whose mail it is (WHT-3, WHT-4, WHT-5)."""

    columns = ("domain_reason",)
    live_fields = ("addresses", "domains")
    addresses = SenderRows(
        label="Sender address",
        row_label="Sender address",
        parse=parse_address,
        max_rows=MOST_ADDRESSES,
        add_label="Add an address",
        required=False,
        help_text="The address that people see in From, such as notices@vendor.example. One in each row.",
    )
    domains = RowsField(
        label="Whole domain, if addresses will not do",
        row_label="Domain",
        parse=parse_domain_entry,
        max_rows=MOST_DOMAINS,
        add_label="Add a domain",
        required=False,
        help_text="Lets in every address of exactly this domain. Leave it empty if you can name the addresses.",
    )
    domain_reason = forms.CharField(
        label="If you named a domain: why will single addresses not do?",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Columns and entries."""
        return super().answers_now(service_request) | {
            "addresses": services.addresses_of(service_request),
            "domains": services.domains_of(service_request),
        }

    def clean_addresses(self) -> list[str]:
        """Addresses that no other grant covers."""
        return self._checked("addresses")

    def clean_domains(self) -> list[str]:
        """Domains that no other grant covers."""
        return self._checked("domains")

    def _checked(self, field: str) -> list[str]:
        values: list[str] = self.cleaned_data[field]
        found = rules.entry_findings(self.service_request, values, field=field)
        problems = [finding.sentence for finding in found if finding.blocks]
        if problems:
            raise ValidationError(problems)
        return values

    def clean(self) -> dict[str, Any]:
        """At least one entry; a domain has its reason and does not repeat an address."""
        data = super().clean() or self.cleaned_data
        addresses, domains = data.get("addresses"), data.get("domains")
        if addresses == [] and domains == []:
            self.add_error("addresses", "Enter at least one address.")
        if domains and not data.get("domain_reason"):
            self.add_error(
                "domain_reason", "WHT-4: say why single addresses will not do, or name them instead."
            )
        covered = [value for value in addresses or () if value.rpartition("@")[2] in (domains or ())]
        if covered:
            self.add_error(
                "addresses", f"{covered[0]} lies in a domain you named. Keep the address, drop the domain."
            )
        return data

    def live_findings(self, field: str) -> list[Finding]:
        """The entries against the lists, and their domains against the DNS."""
        values = self.cleaned_data[field]
        return [
            *rules.entry_findings(self.service_request, values, field=field),
            *proof.domain_findings(values, field=field),
        ]

    def save(self) -> None:
        """Columns and entries."""
        super().save()
        services.write_entries(
            service_request=self.service_request,
            addresses=self.cleaned_data["addresses"],
            domains=self.cleaned_data["domains"],
        )


class AffectedStep(WhitelistStep):
    """Who misses the mail, and why safe senders will not do (WHT-1)."""

    columns = ("affected", "affected_count", "affected_who", "safelist_reason")
    affected = forms.ChoiceField(
        label="Who misses this mail?", choices=Affected.choices, widget=forms.RadioSelect
    )
    affected_count = forms.IntegerField(
        label="About how many people?", min_value=1, max_value=1_000_000, required=False
    )
    affected_who = forms.CharField(
        label="Which ones?", max_length=300, help_text="For example: students of PHYS 1408, or advisers."
    )
    safelist_reason = forms.CharField(
        label="Why will safe senders not do?",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Everybody can add a sender to their own safe senders, at once and without a request.",
    )

    def clean_affected(self) -> str:
        """Everything but a handful of people, who have their own way (WHT-1)."""
        value: str = self.cleaned_data["affected"]
        if value == Affected.FEW:
            raise ValidationError(_safe_senders_will_do())
        return value

    def clean(self) -> dict[str, Any]:
        """A group is counted, and is more than a handful."""
        data = super().clean() or self.cleaned_data
        count = data.get("affected_count")
        if data.get("affected") in (Affected.GROUP, Affected.MANY):
            if count is None and "affected_count" not in self.errors:
                self.add_error("affected_count", "Estimate the number of people.")
            elif count is not None and count < FEW_PEOPLE:
                self.add_error("affected_count", _safe_senders_will_do())
        return data


def _safe_senders_will_do() -> str:
    return (
        "WHT-1: for a handful of people no request is needed. Each adds the sender to their own safe senders; that "
        f"works at once: {institution().safe_senders_url}"
    )


class ObservedStep(WhitelistStep):
    """What became of the mail."""

    columns = ("observed_on", "observed_recipient", "observed_verdict", "message_id")
    observed_on = forms.DateField(
        label="On which day was a message last caught?", widget=forms.DateInput(attrs={"type": "date"})
    )
    observed_recipient = forms.CharField(label="To which address was it sent?", max_length=254)
    observed_verdict = forms.ChoiceField(
        label="What became of it?", choices=Verdict.choices, widget=forms.RadioSelect
    )
    message_id = forms.CharField(
        label="Message-ID",
        required=False,
        max_length=998,
        help_text="From the message’s header, if you have it. Better still: save the message as an .eml file and add "
        "it to this request, or let the vendor send one to the address that the request gets once it is filed.",
    )

    def clean_observed_on(self) -> Any:
        """Not in the future, and not so long ago that no log has it."""
        day = self.cleaned_data["observed_on"]
        today = timezone.localdate()
        if day > today:
            raise ValidationError("This day is still to come. Enter the day on which a message was caught.")
        if (today - day).days > 365 and self.service_request.intention == "new":
            raise ValidationError("That is more than a year ago. Name a message of this year.")
        return day

    def clean_observed_recipient(self) -> str:
        """An address on the mail domain."""
        try:
            return str(
                parse_mailbox(self.cleaned_data["observed_recipient"], domain=institution().mail_domain)
            )
        except MailboxRefused as error:
            raise ValidationError(str(error)) from None

    def clean_message_id(self) -> str:
        """One line, printable."""
        return one_line(self.cleaned_data["message_id"])


class VendorStep(WhitelistStep):
    """Who sends it, and who here stands for them (WHT-2)."""

    columns = ("vendor", "relationship", "evidence")
    vendor = forms.CharField(
        label="Vendor", max_length=150, help_text="The company or body that sends this mail."
    )
    relationship = forms.CharField(
        label="What does it do for us?", max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )
    sponsor = PersonField(
        label="Sponsor",
        help_text="A colleague who answers for the relationship. Not you; their e-mail address.",
        error_messages={"required": "WHT-2: name a sponsor, who is another person than you."},
    )
    evidence = forms.CharField(
        label="How can we see that?",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="A contract or purchase order number, or the page of ours that names the vendor.",
    )

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Columns and the sponsor."""
        sponsor = service_request.sponsor
        return super().answers_now(service_request) | {"sponsor": sponsor.email if sponsor else ""}

    def clean_sponsor(self) -> Any:
        """Neither the requester nor the co-owner: four eyes (WHT-2)."""
        person = self.cleaned_data["sponsor"]
        if person is not None and person.pk in (
            self.service_request.requester_id,
            self.service_request.co_owner_id,
        ):
            raise ValidationError(
                "WHT-2: the sponsor is somebody else than you and the co-owner. Name a colleague."
            )
        return person

    def save(self) -> None:
        """Columns, and the request's sponsor, which the service writes."""
        super().save()
        self.service_request.sponsor = self.cleaned_data["sponsor"]


class ControlStep(WhitelistStep):
    """That the sender is the vendor's own, and for us alone (WHT-5, WHT-6)."""

    columns = ("is_controlled", "is_dedicated", "hosted_services", "is_hosted_controlled")
    is_controlled = forms.BooleanField(
        label="The vendor controls this address or domain, and nobody else sends from it.",
        help_text="WHT-5. Ask the vendor if you are not sure.",
        error_messages={"required": "WHT-5: without this the address cannot be whitelisted."},
    )
    is_dedicated = forms.BooleanField(
        label="The vendor uses it for mail to us only.",
        help_text="WHT-5. An address that also writes to other customers lets their mail in as well.",
        error_messages={"required": "WHT-5: ask the vendor for an address that it uses for us only."},
    )
    hosted_services = forms.CharField(
        label="Through which services of others does the vendor send?",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Mailing platforms or cloud services. Leave it empty if there are none.",
    )
    is_hosted_controlled = forms.BooleanField(
        label="Such services are under the vendor’s control and used for it only.",
        help_text="WHT-6. State it as well if there are none.",
        error_messages={"required": "WHT-6: without this the request cannot be judged."},
    )


class StatementStep(WhitelistStep):
    """What approval does and does not do (WHT-0)."""

    columns = ("is_attested",)
    is_attested = forms.BooleanField(
        label="I understand: mail from this sender skips the server’s content filter and nothing else. It adds risk, "
        "and delivery is never promised.",
        help_text="WHT-0. Mail that fails DMARC, or carries malware, is still stopped. An entry is for one year, and is "
        "taken out at once if it is abused. Your name stands with this statement.",
        error_messages={"required": "WHT-0: without this statement the request cannot be judged."},
    )
