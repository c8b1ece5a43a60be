"""The pages of the whitelist form. Each refusal names its clause and the next step."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.text import one_line
from portal.workflow.answers import Rows, declare, field_for
from portal.workflow.fields import RowsField
from portal.workflow.findings import Finding
from portal.workflow.forms import SponsoredStep, StepForm, sponsor_field
from whitelist import proof, rules
from whitelist.entries import parse_address, parse_domain_entry
from whitelist.models import Affected, EntryKind, WhitelistEntry, WhitelistRequest

MOST_ADDRESSES = 10
MOST_DOMAINS = 3
FEW_PEOPLE = 10
"""Below this many people, safe senders are less work than a request (WHT-1)."""


class SenderRows(RowsField):
    """The addresses: either they or a domain are needed, which "optional" would not say."""

    note = "or a domain below"


class SenderStep(StepForm):
    """Whose mail it is (WHT-3, WHT-4, WHT-5)."""

    live_fields = ("addresses", "domains")
    addresses = declare(
        SenderRows(
            label="Sender address",
            row_label="Sender address",
            parse=parse_address,
            max_rows=MOST_ADDRESSES,
            add_label="Add an address",
            required=False,
            help_text="The address that people see in From, such as notices@vendor.example. One in each row.",
        ),
        Rows.of(WhitelistEntry, "value", kind=EntryKind.ADDRESS),
        "Sender address",
        is_code=True,
        is_searched=True,
        is_shown_empty=True,
    )
    domains = declare(
        RowsField(
            label="Whole domain, if addresses will not do",
            row_label="Domain",
            parse=parse_domain_entry,
            max_rows=MOST_DOMAINS,
            add_label="Add a domain",
            required=False,
            help_text="Lets in every address of exactly this domain. Leave it empty if you can name the addresses.",
        ),
        Rows.of(WhitelistEntry, "value", kind=EntryKind.DOMAIN),
        "Whole domain",
        is_code=True,
        is_searched=True,
    )
    domain_reason = field_for(
        WhitelistRequest.domain_reason,
        "If you named a domain: why will single addresses not do?",
        answer="Why a whole domain",
        required=False,
    )

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


class AffectedStep(StepForm):
    """Who misses the mail, and why safe senders will not do (WHT-1)."""

    affected = field_for(WhitelistRequest.affected, "Who misses this mail?", answer="Who misses it")
    affected_count = field_for(
        WhitelistRequest.affected_count,
        "About how many people?",
        answer="People",
        required=False,
        min_value=1,
        max_value=1_000_000,
    )
    affected_who = field_for(
        WhitelistRequest.affected_who,
        "Which ones?",
        answer="Which ones",
        help_text="For example: students of PHYS 1408, or advisers.",
    )
    safelist_reason = field_for(
        WhitelistRequest.safelist_reason,
        "Why will safe senders not do?",
        answer="Why safe senders will not do",
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


class ObservedStep(StepForm):
    """What became of the mail."""

    observed_on = field_for(
        WhitelistRequest.observed_on, "On which day was a message last caught?", answer="Last caught on"
    )
    observed_recipient = field_for(
        WhitelistRequest.observed_recipient,
        "To which address was it sent?",
        answer="Sent to",
        is_code=True,
        form_class=forms.CharField,
    )
    observed_verdict = field_for(
        WhitelistRequest.observed_verdict, "What became of it?", answer="What became of it"
    )
    message_id = field_for(
        WhitelistRequest.message_id,
        "Message-ID",
        answer="Message-ID",
        is_code=True,
        required=False,
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


class VendorStep(SponsoredStep):
    """Who sends it, and who here stands for them (WHT-2)."""

    vendor = field_for(
        WhitelistRequest.vendor,
        "Vendor",
        answer="Vendor",
        is_searched=True,
        help_text="The company or body that sends this mail.",
    )
    relationship = field_for(
        WhitelistRequest.relationship, "What does it do for us?", answer="What it does for us"
    )
    sponsor = sponsor_field("WHT-2")
    evidence = field_for(
        WhitelistRequest.evidence,
        "How can we see that?",
        answer="Evidence",
        rows=2,
        help_text="A contract or purchase order number, or the page of ours that names the vendor.",
    )


class ControlStep(StepForm):
    """That the sender is the vendor's own, and for us alone (WHT-5, WHT-6)."""

    is_controlled = field_for(
        WhitelistRequest.is_controlled,
        "The vendor controls this address or domain, and nobody else sends from it.",
        answer="The vendor’s own",
        help_text="WHT-5. Ask the vendor if you are not sure.",
        error_messages={"required": "WHT-5: without this the address cannot be whitelisted."},
    )
    is_dedicated = field_for(
        WhitelistRequest.is_dedicated,
        "The vendor uses it for mail to us only.",
        answer="For us only",
        help_text="WHT-5. An address that also writes to other customers lets their mail in as well.",
        error_messages={"required": "WHT-5: ask the vendor for an address that it uses for us only."},
    )
    hosted_services = field_for(
        WhitelistRequest.hosted_services,
        "Through which services of others does the vendor send?",
        answer="Services of others",
        required=False,
        rows=2,
        help_text="Mailing platforms or cloud services. Leave it empty if there are none.",
    )
    is_hosted_controlled = field_for(
        WhitelistRequest.is_hosted_controlled,
        "Such services are under the vendor’s control and used for it only.",
        answer="Under its control",
        help_text="WHT-6. State it as well if there are none.",
        error_messages={"required": "WHT-6: without this the request cannot be judged."},
    )


class StatementStep(StepForm):
    """What approval does and does not do (WHT-0)."""

    is_attested = field_for(
        WhitelistRequest.is_attested,
        "I understand: mail from this sender skips the server’s content filter and nothing else. It adds risk, "
        "and delivery is never promised.",
        answer="Statement",
        help_text="WHT-0. Mail that fails DMARC, or carries malware, is still stopped. An entry is for one year, and is "
        "taken out at once if it is abused. Your name stands with this statement.",
        error_messages={"required": "WHT-0: without this statement the request cannot be judged."},
    )
