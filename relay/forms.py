"""The pages of the relay form. Each refusal names its clause and the next step."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.hostnames import HostnameRefused, is_within, parse_hostname
from portal.lib.networks import Network, parse_network
from portal.workflow.fields import RowsField
from portal.workflow.findings import Finding
from portal.workflow.forms import StepForm
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering
from relay import rules, services
from relay.models import Capability, Contents, Recipients, RelayRequest, SystemKind, Tls

MOST_ADDRESSES = 10
MOST_DOMAINS = 50
MOST_SENDERS = 10


def parse_domains(text: str) -> list[str]:
    """The domains in `text`, one a line, each once. Raises ValidationError."""
    names = []
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            names.append(parse_hostname(line))
        except HostnameRefused as error:
            raise ValidationError(f"“{line.strip()[:60]}”: {error}") from None
    found = list(dict.fromkeys(names))
    if len(found) > MOST_DOMAINS:
        raise ValidationError(f"Name at most {MOST_DOMAINS} domains; these are {len(found)}.")
    return found


class RelayStep(StepForm):
    """A page that reads and writes columns of the detail row."""

    columns: tuple[str, ...] = ()

    @property
    def detail(self) -> RelayRequest:
        """The request's own row."""
        return RelayRequest.of(self.service_request)

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """The columns of this page."""
        detail = RelayRequest.of(service_request)
        return {name: getattr(detail, name) for name in self.columns}

    def save(self) -> None:
        """Write the columns of this page."""
        answering.write_columns(
            detail=self.detail, columns={name: self.cleaned_data[name] for name in self.columns}
        )


class SystemStep(RelayStep):
    """What the system is, and whether it needs relay at all (REL-0, WKS-1)."""

    columns = ("system_kind", "capability", "capability_reason")
    system_kind = forms.ChoiceField(
        label="What kind of system is it?", choices=SystemKind.choices, widget=forms.RadioSelect
    )
    capability = forms.ChoiceField(
        label="Can it sign in to a mail server?",
        choices=Capability.choices,
        widget=forms.RadioSelect,
        help_text="A system that can sign in with OAuth 2 needs no relay permission.",
    )
    capability_reason = forms.CharField(
        label="If it can sign in with OAuth 2: why does it need relay?",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    capability_reason.shown_when = ("capability", ("oauth",))  # type: ignore[attr-defined] # read by portal.ui.fields

    def clean_system_kind(self) -> str:
        """Everything but a workstation, which has its own way (WKS-1)."""
        value: str = self.cleaned_data["system_kind"]
        if value == SystemKind.WORKSTATION:
            host = institution().authenticated_smtp_host
            raise ValidationError(
                f"WKS-1: a workstation does not relay. Set its mail program to {host} and sign in there; "
                "the guide under “Ask” says how."
            )
        return value

    def clean(self) -> dict[str, Any]:
        """A system that can do OAuth says why it does not."""
        data = super().clean() or self.cleaned_data
        if data.get("capability") == Capability.OAUTH and not data.get("capability_reason"):
            host = institution().authenticated_smtp_host
            self.add_error(
                "capability_reason",
                f"REL-0: a system that can sign in should use {host}. If it cannot in this case, say why.",
            )
        return data


class NetworkStep(RelayStep):
    """Where the system is: its addresses and its name (REL-2, WKS-1)."""

    columns = ("hostname", "range_reason")
    live_fields = ("addresses", "hostname")
    addresses = RowsField(
        label="IP address",
        row_label="IP address",
        parse=parse_network,
        max_rows=MOST_ADDRESSES,
        add_label="Add an address",
        help_text="The address from which the system sends, IPv4 or IPv6, as in 192.0.2.25. "
        "One in each row. It must be fixed and on campus.",
    )
    range_reason = forms.CharField(
        label="If you named a range: why are single addresses not enough?",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    hostname = forms.CharField(
        label="Host name", max_length=260, help_text="The name that the DNS has for this address."
    )

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Columns and addresses."""
        return super().answers_now(service_request) | {"addresses": services.addresses_of(service_request)}

    def clean_addresses(self) -> list[Network]:
        """On campus, outside the closed networks, a host's own, and nobody else's."""
        networks: list[Network] = self.cleaned_data["addresses"]
        problems = [
            found.sentence for found in rules.address_findings(self.service_request, networks) if found.blocks
        ]
        if problems:
            raise ValidationError(problems)
        return networks

    def clean_hostname(self) -> str:
        """A host name under an allowed zone."""
        try:
            name = parse_hostname(self.cleaned_data["hostname"])
        except HostnameRefused as error:
            raise ValidationError(str(error)) from None
        zones = institution().host_zones
        if not any(is_within(name, zone) for zone in zones):
            raise ValidationError(f"REL-2: the name must end in {' or '.join(zones)}. {name} is elsewhere.")
        return name

    def clean(self) -> dict[str, Any]:
        """A range has its reason."""
        data = super().clean() or self.cleaned_data
        ranges = [network for network in data.get("addresses", []) if network.num_addresses > 1]
        if ranges and not data.get("range_reason"):
            self.add_error("range_reason", "Say why a range is needed, or name the single addresses.")
        return data

    def live_findings(self, field: str) -> list[Finding]:
        """Addresses against the campus networks; the host name against the DNS."""
        if field == "addresses":
            return rules.address_findings(self.service_request, self.cleaned_data["addresses"])
        networks = self.cleaned_data.get("addresses", [])
        return rules.hostname_findings(self.cleaned_data["hostname"], networks)

    def save(self) -> None:
        """Columns and addresses."""
        super().save()
        services.write_addresses(detail=self.detail, networks=self.cleaned_data["addresses"])


class SendersStep(RelayStep):
    """As whom it sends (REL-3, OVR-5)."""

    columns = ("bounce_address",)
    live_fields = ("senders",)
    senders = RowsField(
        label="Sender address",
        row_label="Sender address",
        parse=lambda text: str(parse_mailbox(text, domain=institution().mail_domain)),
        max_rows=MOST_SENDERS,
        add_label="Add a sender",
        help_text="The exact address that the system puts in From. It must exist.",
    )
    bounce_address = forms.CharField(
        label="Bounce address",
        required=False,
        max_length=254,
        help_text="Where reports of undeliverable mail go. Leave it empty to use the sender.",
    )

    def answers_now(self, service_request: ServiceRequest) -> dict[str, Any]:
        """Columns and senders."""
        return super().answers_now(service_request) | {"senders": services.senders_of(service_request)}

    def clean_senders(self) -> list[str]:
        """Neither privileged nor unknown to the directory."""
        addresses: list[str] = self.cleaned_data["senders"]
        found = rules.sender_findings(self.service_request, addresses)
        problems = [finding.sentence for finding in found if finding.blocks and not rules.can_wait(finding)]
        if problems:
            raise ValidationError(problems)
        return addresses

    def clean_bounce_address(self) -> str:
        """An address on the mail domain that the directory knows, or nothing."""
        text = self.cleaned_data["bounce_address"]
        if not text:
            return ""
        try:
            address = str(parse_mailbox(text, domain=institution().mail_domain))
        except MailboxRefused as error:
            raise ValidationError(f"REL-3: {error}") from None
        found = rules.bounce_findings(self.service_request, address, self.cleaned_data.get("senders", []))
        problems = [finding.sentence for finding in found if finding.blocks and not rules.can_wait(finding)]
        if problems:
            raise ValidationError(problems)
        return address

    def live_findings(self, field: str) -> list[Finding]:
        """Senders against the directory."""
        return rules.sender_findings(self.service_request, self.cleaned_data["senders"])

    def save(self) -> None:
        """Columns and senders."""
        super().save()
        services.write_senders(detail=self.detail, addresses=self.cleaned_data["senders"])


class MailStep(RelayStep):
    """How much, to whom, and what is in it."""

    columns = (
        "recipients",
        "recipient_domains",
        "typical_per_day",
        "most_per_day",
        "external_per_day",
        "peak_per_hour",
        "recipients_per_message",
        "is_fed_by_web_form",
        "contents",
        "tls",
    )
    live_fields = ("typical_per_day", "most_per_day", "external_per_day", "tls")
    recipients = forms.ChoiceField(
        label="Who receives its mail?", choices=Recipients.choices, widget=forms.RadioSelect
    )
    recipient_domains = forms.CharField(
        label="Which other domains?",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One domain in each line.",
    )
    recipient_domains.shown_when = ("recipients", ("domains",))  # type: ignore[attr-defined] # read by portal.ui.fields
    typical_per_day = forms.IntegerField(
        label="Messages on a typical day",
        min_value=1,
        max_value=10_000_000,
        help_text="A message to three people counts as three.",
    )
    most_per_day = forms.IntegerField(
        label="Most on one day",
        min_value=1,
        max_value=10_000_000,
        required=False,
        help_text="Counted by recipients as well. The relay lets no more through; the rest waits until the next day. "
        "Leave it empty for twice a typical day.",
    )
    external_per_day = forms.IntegerField(
        label="Of these, to outside addresses on a day", min_value=0, max_value=10_000_000, required=False
    )
    external_per_day.note = "needed where mail goes outside"  # type: ignore[attr-defined] # read by portal.ui.fields
    external_per_day.shown_when = ("recipients", ("domains", "anyone"))  # type: ignore[attr-defined] # read by portal.ui.fields
    peak_per_hour = forms.IntegerField(
        label="Most messages in one hour",
        min_value=1,
        max_value=10_000_000,
        help_text="Here a message counts once, however many people get it.",
    )
    recipients_per_message = forms.IntegerField(
        label="Most recipients of one message", min_value=1, max_value=100_000, initial=1
    )
    is_fed_by_web_form = forms.BooleanField(
        label="A public web form can cause it to send",
        required=False,
        help_text="Then anybody on the Internet can. Say under “purpose” how abuse is prevented.",
    )
    contents = forms.ChoiceField(
        label="The most sensitive thing a message may hold",
        choices=Contents.choices,
        widget=forms.RadioSelect,
    )
    tls = forms.ChoiceField(
        label="Does it encrypt the connection to the relay (TLS)?",
        choices=Tls.choices,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        place = institution()
        self.fields["external_per_day"].help_text = (
            f"Recipients outside {place.mail_domain}. The relay lets no more through. MKT-4: for more than "
            f"{place.daily_external_limit:,} of them, or {place.daily_volume_limit:,} in all, the {place.cio_office} "
            "decides as well."
        )
        self.fields[
            "most_per_day"
        ].help_text += (
            f" MKT-4: for more than {place.daily_volume_limit:,} the {place.cio_office} decides as well."
        )

    def clean_recipient_domains(self) -> str:
        """Domains, one a line, each a domain."""
        return "\n".join(parse_domains(self.cleaned_data["recipient_domains"]))

    def clean(self) -> dict[str, Any]:
        """The domains and outside figures where they are asked for; the most is no less than its parts."""
        data = super().clean() or self.cleaned_data
        if data.get("recipients") == Recipients.DOMAINS and not data.get("recipient_domains"):
            self.add_error("recipient_domains", "Name the domains, one in each line.")
        if data.get("recipients") == Recipients.INTERNAL:
            data["external_per_day"] = None
        elif "external_per_day" not in self.errors and not data.get("external_per_day"):
            self.add_error(
                "external_per_day",
                "MKT-4: say how many a day go outside at most. If none do, choose "
                "“Addresses of our own mail domain only” above.",
            )
        self._compare(data)
        return data

    def _compare(self, data: dict[str, Any]) -> None:
        most = data.get("most_per_day")
        if most is None:
            return
        for name, words in (
            ("typical_per_day", "a typical day"),
            ("recipients_per_message", "one message"),
            ("external_per_day", "the figure for outside addresses"),
        ):
            if (data.get(name) or 0) > most:
                self.add_error(
                    "most_per_day", f"The most on one day cannot be less than {words} ({data[name]:,})."
                )

    def live_findings(self, field: str) -> list[Finding]:
        """Whether it is large-volume mail, and sensitive contents without encryption."""
        if field == "tls":
            return rules.tls_findings(self.as_typed())
        return rules.size_findings(self.as_typed())

    def as_typed(self) -> RelayRequest:
        """The row as it would be with what is typed so far; it is not saved."""
        known = {name: self.cleaned_data[name] for name in self.columns if name in self.cleaned_data}
        return RelayRequest(**known)


class AttestStep(RelayStep):
    """Who answers for the system after hours, and what the requester states."""

    columns = ("asset_tag", "after_hours_contact", "is_attested")
    asset_tag = forms.CharField(label="Asset tag or inventory number", required=False, max_length=60)
    after_hours_contact = forms.CharField(
        label="Who can be reached outside office hours?",
        max_length=150,
        help_text="A name with a phone number or a mailbox.",
    )
    is_attested = forms.BooleanField(
        label="I administer this system, its mail is wanted by those who get it, and I will say when it is "
        "no longer needed.",
        help_text="REL-0, REL-1, MKT-2. Your name stands with this statement.",
        error_messages={"required": "REL-0: without this statement the request cannot be judged."},
    )
