"""The pages of the Intended Use form. Each refusal names its clause and the next step."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from portal.institution import institution
from portal.lib.addresses import parse_mailbox
from portal.lib.hostnames import is_within
from portal.mailauth.names import DomainRefused, parse_domain
from portal.mailauth.spf_simulation import TermRefused, parse_spf_term
from portal.workflow.fields import PersonField, RowsField
from portal.workflow.findings import Finding
from portal.workflow.forms import StepForm
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering
from senders import rules, services
from senders.models import Agreement, Classification, Identity, SenderRequest, ServiceModel
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


class SendersStep(StepForm):
    """A page that reads and writes columns of the detail row."""

    columns: tuple[str, ...] = ()

    @property
    def detail(self) -> SenderRequest:
        """The request's own row."""
        return SenderRequest.of(self.service_request)

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """The columns of this page."""
        detail = SenderRequest.of(service_request)
        return {name: getattr(detail, name) for name in self.columns}

    def save(self) -> None:
        """Write the columns of this page."""
        answering.write_columns(
            detail=self.detail, columns={name: self.cleaned_data[name] for name in self.columns}
        )


class ServiceStep(SendersStep):
    """Which service, and who runs it (AUT-0)."""

    columns = ("service_name", "vendor", "service_model")
    service_name = forms.CharField(
        label="Service", max_length=120, help_text="The product’s name, as people here know it."
    )
    vendor = forms.CharField(label="Vendor", max_length=150, help_text="The company or body behind it.")
    service_model = forms.ChoiceField(
        label="Who runs it?", choices=ServiceModel.choices, widget=forms.RadioSelect
    )


class AgreementStep(SendersStep):
    """The relationship and the agreement (AUT-1, AUT-2)."""

    columns = ("agreement", "agreement_number", "contract_starts_on", "contract_ends_on")
    agreement = forms.ChoiceField(
        label="How far is the agreement with the vendor?",
        choices=Agreement.choices,
        widget=forms.RadioSelect,
        help_text="AUT-2: mail is reviewed before anything is signed. If it is signed already, say so.",
    )
    agreement_number = forms.CharField(
        label="Reference number",
        max_length=80,
        required=False,
        help_text="The purchase order, the contract or the memorandum; needed once there is one.",
    )
    sponsor = PersonField(
        label="Sponsor",
        help_text="A colleague who answers for the relationship. Not you; their e-mail address.",
        error_messages={"required": "AUT-1: name a sponsor, who is another person than you."},
    )
    contract_starts_on = forms.DateField(
        label="The contract begins on", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    contract_ends_on = forms.DateField(
        label="The contract ends on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The authorization ends with it. If no day is agreed yet, enter the one you expect.",
    )

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Columns and the sponsor."""
        sponsor = service_request.sponsor
        return super().answers_now(service_request) | {"sponsor": sponsor.email if sponsor else ""}

    def clean_sponsor(self) -> Any:
        """Neither the requester nor the co-owner: four eyes (AUT-1)."""
        person = self.cleaned_data["sponsor"]
        if person is not None and person.pk in (
            self.service_request.requester_id,
            self.service_request.co_owner_id,
        ):
            raise ValidationError(
                "AUT-1: the sponsor is somebody else than you and the co-owner. Name a colleague."
            )
        return person

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

    def save(self) -> None:
        """Columns, and the request's sponsor, which the service writes."""
        super().save()
        self.service_request.sponsor = self.cleaned_data["sponsor"]


class IdentityStep(SendersStep):
    """As whom the service sends, the least first (OVR-5)."""

    columns = ("identity", "identity_reason", "sending_domain", "envelope_domain")
    identity = forms.ChoiceField(
        label="What should people see in From?",
        choices=Identity.choices,
        widget=forms.RadioSelect,
        help_text="The first that will do is the best.",
    )
    identity_reason = forms.CharField(
        label="Why will the vendor’s domain and a subdomain not do?",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    sending_domain = forms.CharField(
        label="Subdomain", required=False, max_length=260, help_text="A name that no other service uses."
    )
    addresses = RowsField(
        label="From addresses",
        row_label="From address",
        parse=parse_from,
        max_rows=MOST_ADDRESSES,
        add_label="Add an address",
        help_text="Every address that people will see in From, in full. One in each row.",
    )
    envelope_domain = forms.CharField(
        label="Envelope domain",
        max_length=260,
        help_text="The domain to which bounces go (Return-Path): the vendor’s, or a subdomain. Ask the vendor.",
    )
    identity_reason.shown_when = ("identity", (Identity.MAIL_DOMAIN.value,))  # type: ignore[attr-defined] # portal.ui.fields
    sending_domain.shown_when = ("identity", (Identity.SUBDOMAIN.value,))  # type: ignore[attr-defined] # portal.ui.fields

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Columns and addresses."""
        return super().answers_now(service_request) | {"addresses": services.addresses_of(service_request)}

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
        found = rules.address_findings(data["addresses"], domain, self.service_request.requester.email)
        for finding in found:
            if finding.blocks and not finding.waivable:
                self.add_error("addresses", finding.sentence)

    def save(self) -> None:
        """Columns and addresses."""
        super().save()
        services.write_addresses(
            service_request=self.service_request, addresses=self.cleaned_data["addresses"]
        )


class DkimStep(SendersStep):
    """The DKIM plan, and the SPF term where one is wanted (AUT-3, OVR-4)."""

    columns = ("signing_domain", "spf_term")
    live_fields = ("keys", "spf_term")
    signing_domain = forms.CharField(
        label="Signing domain",
        required=False,
        max_length=260,
        help_text="What the signature says in d=. Leave it empty for the domain in From, which is best.",
    )
    keys = RowsField(
        label="DKIM keys",
        row_label="Selector, and target or key",
        parse=parse_key_plan,
        max_rows=MOST_SELECTORS,
        add_label="Add a selector",
        help_text="One in each row: the selector, a blank, and the vendor’s name for it, such as "
        "s1 s1.dkim.vendor.example. Or the key itself: s1 v=DKIM1; k=rsa; p=…",
    )
    spf_term = forms.CharField(
        label="SPF term",
        required=False,
        max_length=300,
        help_text="Only if the envelope domain is ours: such as include:spf.vendor.example. SPF is recommended; "
        "DKIM is what counts.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Rows are long enough for a key."""
        super().__init__(*args, **kwargs)
        rows = self.fields["keys"]
        assert isinstance(rows, RowsField)
        rows.widget.row_length = LONGEST_ROW

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Columns and keys."""
        keys = [str(key) for key in services.keys_of(service_request)]
        return super().answers_now(service_request) | {"keys": keys}

    def clean_signing_domain(self) -> str:
        """Aligned with From; for a subdomain exactly it, since its DMARC record will ask for that (adkim=s)."""
        typed, detail, ours = self.cleaned_data["signing_domain"], self.detail, institution().mail_domain
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
        typed, envelope = self.cleaned_data["spf_term"], self.detail.envelope_domain
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
            return rules.spf_findings(self.detail.envelope_domain, term) if term else []
        domain = self.cleaned_data.get("signing_domain") or self.detail.sending_domain
        return rules.key_findings(domain, self.cleaned_data["keys"]) if domain else []

    def save(self) -> None:
        """Columns and keys."""
        super().save()
        services.write_keys(service_request=self.service_request, keys=self.cleaned_data["keys"])


class HandlingStep(SendersStep):
    """What the mail holds, what the vendor can show, and how it all ends (AUT-2)."""

    columns = ("is_bulk", "classification", "tx_ramp", "accessibility", "security_review", "exit_plan")
    is_bulk = forms.BooleanField(
        label="It sends bulk mail: the same message to many people.",
        required=False,
        help_text="MKT-4. Each such mailing needs the approval of the CIO’s office as well.",
    )
    classification = forms.ChoiceField(
        label="What is the most sensitive data in its mail?",
        choices=Classification.choices,
        widget=forms.RadioSelect,
    )
    tx_ramp = forms.CharField(
        label="TX-RAMP certificate",
        required=False,
        max_length=120,
        help_text="Its number or level. Cloud services that hold more than public data need one.",
    )
    accessibility = forms.CharField(
        label="Accessibility report",
        required=False,
        max_length=300,
        help_text="Where the vendor’s VPAT is, or add it to this request as a file.",
    )
    security_review = forms.CharField(
        label="Security questionnaire",
        required=False,
        max_length=300,
        help_text="Where the HECVAT or our own questionnaire is, or add it as a file.",
    )
    exit_plan = forms.CharField(
        label="How does it end?",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who tells us when the service is given up, so that its DNS records are removed?",
    )


class StatementStep(SendersStep):
    """What an authorization is, and is not (OVR-4, OVR-5)."""

    columns = ("is_attested",)
    is_attested = forms.BooleanField(
        label="I understand: this service may send only as the addresses named here, signed with DKIM. It must not begin "
        "before a signed sample has proved it, and it ends with the contract.",
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
