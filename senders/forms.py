"""The pages of the Intended Use form. Each refusal names its clause and the next step."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from portal.institution import institution
from portal.lib.addresses import parse_mailbox
from portal.lib.dns_names import is_within
from portal.mailauth.names import DomainRefused, parse_domain
from portal.mailauth.spf_simulation import TermRefused, parse_spf_term
from portal.workflow.answers import Rows, declare, field_for
from portal.workflow.fields import RowsField
from portal.workflow.findings import Finding
from portal.workflow.forms import SponsoredStep, StepForm, sponsor_field
from portal.workflow.mailbox_rules import can_wait
from senders import rules, services
from senders.models import Agreement, FromAddress, Identity, RequestedSelector, SenderRequest
from senders.plan import LONGEST_ROW, KeyPlan, parse_key_plan

MOST_ADDRESSES = 10
MOST_SELECTORS = 5


def parse_from(text: str) -> str:
    """One exact address. Raises MailboxRefused with a sentence."""
    return str(parse_mailbox(text))


def typed_domain(text: str) -> str:
    """A domain in its ASCII form; ValidationError with a sentence for anything else."""
    try:
        return str(parse_domain(text))
    except DomainRefused as error:
        raise ValidationError(str(error)) from None


class ServiceStep(StepForm):
    """Which service, and who runs it (AUT-0)."""

    service_name = field_for(
        SenderRequest.service_name,
        "Service",
        answer="Service",
        is_searched=True,
        help_text="The product’s name, as people here know it.",
    )
    vendor = field_for(
        SenderRequest.vendor,
        "Vendor",
        answer="Vendor",
        is_searched=True,
        help_text="The company or body behind it.",
    )
    service_model = field_for(SenderRequest.service_model, "Who runs it?", answer="Who runs it")


class AgreementStep(SponsoredStep):
    """The relationship and the agreement (AUT-1, AUT-2)."""

    agreement = field_for(
        SenderRequest.agreement,
        "How far is the agreement with the vendor?",
        answer="Agreement",
        help_text="AUT-2: mail is reviewed before anything is signed. If it is signed already, say so.",
    )
    agreement_number = field_for(
        SenderRequest.agreement_number,
        "Reference number",
        answer="Reference number",
        is_searched=True,
        required=False,
        help_text="The purchase order, the contract or the memorandum; needed once there is one.",
    )
    sponsor = sponsor_field("AUT-1")
    contract_starts_on = field_for(
        SenderRequest.contract_starts_on, "The contract begins on", answer="Begins on"
    )
    contract_ends_on = field_for(
        SenderRequest.contract_ends_on,
        "The contract ends on",
        answer="Ends on",
        help_text="The authorization ends with it. If no day is agreed yet, enter the one you expect.",
    )

    def clean_contract_ends_on(self) -> Any:
        """A day that is still to come."""
        day = self.cleaned_data["contract_ends_on"]
        if day <= timezone.localdate():
            raise ValidationError("AUT-1: this contract is over. Enter the end of the present one.")
        return day

    def clean(self) -> dict[str, Any]:
        """The end lies after the beginning; an agreement that exists has its number."""
        data = super().clean() or self.cleaned_data
        starts, ends = data.get("contract_starts_on"), data.get("contract_ends_on")
        if starts and ends and ends <= starts:
            self.add_error("contract_ends_on", "The contract ends before it begins. Check both days.")
        signed = data.get("agreement") in (Agreement.SIGNED, Agreement.CLICK_THROUGH)
        if signed and not data.get("agreement_number"):
            self.add_error("agreement_number", "AUT-1: enter the number of the agreement that there is.")
        return data


class IdentityStep(StepForm):
    """As whom the service sends, the least first (OVR-5)."""

    identity = field_for(
        SenderRequest.identity,
        "What should people see in From?",
        answer="What people see in From",
        help_text="The first that will do is the best.",
    )
    identity_reason = field_for(
        SenderRequest.identity_reason,
        "Why will the vendor’s domain and a subdomain not do?",
        answer="Why the others will not do",
        required=False,
        shown_when=("identity", (Identity.MAIL_DOMAIN.value,)),
    )
    sending_domain = field_for(
        SenderRequest.sending_domain,
        "Subdomain",
        answer="Domain in From",
        is_code=True,
        is_searched=True,
        is_shown_empty=True,
        required=False,
        max_length=260,
        help_text="A name that no other service uses.",
        shown_when=("identity", (Identity.SUBDOMAIN.value,)),
    )
    addresses = declare(
        RowsField(
            label="From addresses",
            row_label="From address",
            parse=parse_from,
            max_rows=MOST_ADDRESSES,
            add_label="Add an address",
            help_text="Every address that people will see in From, in full. One in each row.",
        ),
        Rows.of(FromAddress, "address", keeps_known=True),  # with the consent that was given
        "From addresses",
        is_code=True,
        is_searched=True,
    )
    envelope_domain = field_for(
        SenderRequest.envelope_domain,
        "Envelope domain",
        answer="Envelope domain",
        is_code=True,
        is_searched=True,
        max_length=260,
        help_text="The domain to which bounces go (Return-Path): the vendor’s, or a subdomain. Ask the vendor.",
    )

    def clean_identity(self) -> str:
        """Everything but the vendor's own domain, which needs no authorization (AUT-0)."""
        value: str = self.cleaned_data["identity"]
        if value == Identity.REPLY_TO:
            raise ValidationError(
                "AUT-0: no authorization is needed for this. The vendor sends from its own domain, and sets Reply-To "
                f"to your @{institution().mail_domain} address. You may withdraw this request."
            )
        return value

    def clean_envelope_domain(self) -> str:
        """Never the bare mail domain, whose bounces and SPF record are everybody's."""
        domain = typed_domain(self.cleaned_data["envelope_domain"])
        if domain == institution().mail_domain:
            raise ValidationError(
                f"AUT-3: bounces of a service never go to {domain} itself. Use the vendor’s own domain, or a "
                f"subdomain such as bounce.service.{domain}."
            )
        return domain

    def clean(self) -> dict[str, Any]:
        """The identity's own answers, and addresses under its domain."""
        data = super().clean() or self.cleaned_data
        identity, ours = data.get("identity"), institution().mail_domain
        if identity == Identity.MAIL_DOMAIN:
            data["sending_domain"] = ours
            if not data.get("identity_reason"):
                self.add_error("identity_reason", f"OVR-5: say why nothing less than {ours} itself will do.")
        elif identity == Identity.SUBDOMAIN:
            data |= {"sending_domain": self._subdomain(ours), "identity_reason": ""}
        self._check_addresses(data)
        return data

    def _subdomain(self, ours: str) -> str:
        try:
            domain = typed_domain(self.cleaned_data.get("sending_domain", ""))
        except ValidationError as error:
            self.add_error("sending_domain", error)
            return ""
        if domain == ours or not is_within(domain, ours):
            self.add_error("sending_domain", f"OVR-5: enter a name below {ours}, such as service.{ours}.")
            return ""
        return domain

    def _check_addresses(self, data: dict[str, Any]) -> None:
        domain = data.get("sending_domain")
        if not domain or "addresses" not in data:
            return
        for finding in rules.address_findings(self.service_request, data["addresses"], domain):
            if finding.blocks and not can_wait(finding):
                self.add_error("addresses", finding.sentence)


class DkimStep(StepForm):
    """The DKIM plan, and the SPF term where one is wanted (AUT-3, OVR-4)."""

    live_fields = ("keys", "spf_term")
    signing_domain = field_for(
        SenderRequest.signing_domain,
        "Signing domain",
        answer="Signing domain",
        is_code=True,
        is_searched=True,
        is_shown_empty=True,
        required=False,
        max_length=260,
        help_text="What the signature says in d=. Leave it empty for the domain in From, which is best.",
    )
    keys = declare(
        RowsField(
            label="DKIM keys",
            row_label="Selector, and target or key",
            parse=parse_key_plan,
            max_rows=MOST_SELECTORS,
            add_label="Add a selector",
            help_text="One in each row: the selector, a blank, and the vendor’s name for it, such as "
            "s1 s1.dkim.vendor.example. Or the key itself: s1 v=DKIM1; k=rsa; p=…",
        ),
        Rows(RequestedSelector, services.key_of, asdict),
        "DKIM keys",
        is_code=True,
    )
    spf_term = field_for(
        SenderRequest.spf_term,
        "SPF term",
        answer="SPF term",
        is_code=True,
        required=False,
        help_text="Only if the envelope domain is ours: such as include:spf.vendor.example. SPF is recommended; "
        "DKIM is what counts.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Rows are long enough for a key."""
        super().__init__(*args, **kwargs)
        rows = self.fields["keys"]
        assert isinstance(rows, RowsField)
        rows.widget.row_length = LONGEST_ROW

    def clean_signing_domain(self) -> str:
        """Aligned with From; for a subdomain exactly it, since its DMARC record will ask for that (adkim=s)."""
        typed, ours = self.cleaned_data["signing_domain"], institution().mail_domain
        detail = SenderRequest.of(self.service_request)
        domain = typed_domain(typed) if typed else detail.sending_domain
        if not is_within(domain, ours):
            raise ValidationError(
                f"OVR-4: a signature of {domain} does not speak for {ours}. Ask the vendor to sign as "
                f"{detail.sending_domain or ours}; vendors call that domain authentication."
            )
        if detail.identity == Identity.SUBDOMAIN and domain != detail.sending_domain:
            raise ValidationError(
                f"OVR-4: mail from {detail.sending_domain} is signed as {detail.sending_domain}, and as no other name."
            )
        return domain

    def clean_keys(self) -> list[KeyPlan]:
        """Each selector once."""
        keys: list[KeyPlan] = self.cleaned_data["keys"]
        names = [key.selector for key in keys]
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled:
            raise ValidationError(f"The selector {doubled} is there twice. Keep one.")
        return keys

    def clean_spf_term(self) -> str:
        """One mechanism, and only where the envelope domain is ours to change."""
        typed, envelope = (
            self.cleaned_data["spf_term"],
            SenderRequest.of(self.service_request).envelope_domain,
        )
        if not typed:
            return ""
        if envelope and not is_within(envelope, institution().mail_domain):
            raise ValidationError(
                f"AUT-3: the envelope domain {envelope} is not ours, so its SPF record is the vendor’s. Leave this empty."
            )
        try:
            return parse_spf_term(typed)
        except TermRefused as error:
            raise ValidationError(str(error)) from None

    def live_findings(self, field: str) -> list[Finding]:
        """The keys, or the record with the term, against the DNS as it is."""
        if field == "spf_term":
            term = self.cleaned_data["spf_term"]
            return (
                rules.spf_findings(SenderRequest.of(self.service_request).envelope_domain, term)
                if term
                else []
            )
        domain = (
            self.cleaned_data.get("signing_domain") or SenderRequest.of(self.service_request).sending_domain
        )
        return rules.key_findings(domain, self.cleaned_data["keys"]) if domain else []


class HandlingStep(StepForm):
    """What the mail holds, what the vendor can show, and how it all ends (AUT-2)."""

    is_bulk = field_for(
        SenderRequest.is_bulk,
        "It sends bulk mail: the same message to many people.",
        answer="Bulk mail",
        required=False,
        help_text="MKT-4. Each such mailing needs the approval of the CIO’s office as well.",
    )
    classification = field_for(
        SenderRequest.classification,
        "What is the most sensitive data in its mail?",
        answer="Most sensitive data",
    )
    tx_ramp = field_for(
        SenderRequest.tx_ramp,
        "TX-RAMP certificate",
        answer="TX-RAMP",
        required=False,
        help_text="Its number or level. Cloud services that hold more than public data need one.",
    )
    accessibility = field_for(
        SenderRequest.accessibility,
        "Accessibility report",
        answer="Accessibility report",
        required=False,
        help_text="Where the vendor’s VPAT is, or add it to this request as a file.",
    )
    security_review = field_for(
        SenderRequest.security_review,
        "Security questionnaire",
        answer="Security review",
        required=False,
        help_text="Where the HECVAT or our own questionnaire is, or add it as a file.",
    )
    exit_plan = field_for(
        SenderRequest.exit_plan,
        "How does it end?",
        answer="At the end",
        help_text="Who tells us when the service is given up, so that its DNS records are removed?",
    )


class StatementStep(StepForm):
    """What an authorization is, and is not (OVR-4, OVR-5)."""

    is_attested = field_for(
        SenderRequest.is_attested,
        "I understand: this service may send only as the addresses named here, signed with DKIM. It must not begin "
        "before a signed sample has proved it, and it ends with the contract.",
        answer="Statement",
        help_text="OVR-4, OVR-5. Mail that fails DMARC is refused or junked like any forgery. Your name stands with this "
        "statement.",
        error_messages={"required": "OVR-4: without this statement the request cannot be judged."},
    )


class ConfirmTargetForm(forms.Form):
    """How somebody knows that the vendor holds the domain that a record points at."""

    reason = forms.CharField(
        label="How do you know that the vendor holds this domain?",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Whom you asked, and when. It is kept in the permission’s history.",
    )
