"""The pages of the relay form. Each refusal names its clause and the next step."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.dns_names import is_within
from portal.lib.hostnames import HostnameRefused, parse_hostname
from portal.lib.networks import Network, parse_network, shown
from portal.workflow.answers import Rows, declare, field_for
from portal.workflow.fields import RowsField
from portal.workflow.findings import Finding
from portal.workflow.forms import StepForm
from portal.workflow.mailbox_rules import can_wait
from relay import rules
from relay.models import Capability, Recipients, RelayAddress, RelayRequest, RelaySender, SystemKind

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


class SystemStep(StepForm):
    """What the system is, and whether it needs relay at all (REL-0, WKS-1)."""

    system_kind = field_for(RelayRequest.system_kind, "What kind of system is it?", answer="Kind of system")
    capability = field_for(
        RelayRequest.capability,
        "Can it sign in to a mail server?",
        answer="Can it sign in?",
        help_text="A system that can sign in with OAuth 2 needs no relay permission.",
    )
    capability_reason = field_for(
        RelayRequest.capability_reason,
        "If it can sign in with OAuth 2: why does it need relay?",
        answer="Why it needs relay",
        required=False,
        shown_when=("capability", (Capability.OAUTH.value,)),
    )

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


class NetworkStep(StepForm):
    """Where the system is: its addresses and its name (REL-2, WKS-1)."""

    live_fields = ("addresses", "hostname")
    addresses = declare(
        RowsField(
            label="IP address",
            row_label="IP address",
            parse=parse_network,
            show=shown,
            max_rows=MOST_ADDRESSES,
            add_label="Add an address",
            help_text="The address from which the system sends, IPv4 or IPv6, as in 192.0.2.25. "
            "One in each row. It must be fixed and on campus.",
        ),
        Rows.of(RelayAddress, "network"),
        "IP address",
        is_code=True,
        is_searched=True,
    )
    range_reason = field_for(
        RelayRequest.range_reason,
        "If you named a range: why are single addresses not enough?",
        answer="Why a range",
        rows=2,
        required=False,
    )
    hostname = field_for(
        RelayRequest.hostname,
        "Host name",
        answer="Host name",
        is_code=True,
        is_searched=True,
        max_length=260,
        help_text="The name that the DNS has for this address.",
    )

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


class SendersStep(StepForm):
    """As whom it sends (REL-3, OVR-5)."""

    live_fields = ("senders",)
    senders = declare(
        RowsField(
            label="Sender address",
            row_label="Sender address",
            parse=lambda text: str(parse_mailbox(text, domain=institution().mail_domain)),
            max_rows=MOST_SENDERS,
            add_label="Add a sender",
            help_text="The exact address that the system puts in From. It must exist.",
        ),
        Rows.of(RelaySender, "address", keeps_known=True),  # with the consent that was given
        "Sender",
        is_code=True,
        is_searched=True,
    )
    bounce_address = field_for(
        RelayRequest.bounce_address,
        "Bounce address",
        answer="Bounce address",
        is_code=True,
        is_shown_empty=True,
        required=False,
        form_class=forms.CharField,
        help_text="Where reports of undeliverable mail go. Leave it empty to use the sender.",
    )

    def clean_senders(self) -> list[str]:
        """Neither privileged nor unknown to the directory."""
        addresses: list[str] = self.cleaned_data["senders"]
        found = rules.sender_findings(self.service_request, addresses)
        problems = [finding.sentence for finding in found if finding.blocks and not can_wait(finding)]
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
        problems = [finding.sentence for finding in found if finding.blocks and not can_wait(finding)]
        if problems:
            raise ValidationError(problems)
        return address

    def live_findings(self, field: str) -> list[Finding]:
        """Senders against the directory."""
        return rules.sender_findings(self.service_request, self.cleaned_data["senders"])


class MailStep(StepForm):
    """How much, to whom, and what is in it."""

    live_fields = ("typical_per_day", "most_per_day", "external_per_day", "tls")
    recipients = field_for(RelayRequest.recipients, "Who receives its mail?", answer="Recipients")
    recipient_domains = field_for(
        RelayRequest.recipient_domains,
        "Which other domains?",
        answer="Other domains",
        is_code=True,
        required=False,
        max_length=2000,
        help_text="One domain in each line.",
        shown_when=("recipients", (Recipients.DOMAINS.value,)),
    )
    typical_per_day = field_for(
        RelayRequest.typical_per_day,
        "Messages on a typical day",
        answer="Messages on a typical day",
        min_value=1,
        max_value=10_000_000,
        help_text="A message to three people counts as three.",
    )
    most_per_day = field_for(
        RelayRequest.most_per_day,
        "Most on one day",
        answer="Most on one day",
        min_value=1,
        max_value=10_000_000,
        required=False,
        help_text="Counted by recipients as well. The relay lets no more through; the rest waits until the next day. "
        "Leave it empty for twice a typical day.",
    )
    external_per_day = field_for(
        RelayRequest.external_per_day,
        "Of these, to outside addresses on a day",
        answer="To the outside, a day",
        min_value=0,
        max_value=10_000_000,
        required=False,
        note="needed where mail goes outside",
        shown_when=("recipients", (Recipients.DOMAINS.value, Recipients.ANYONE.value)),
    )
    peak_per_hour = field_for(
        RelayRequest.peak_per_hour,
        "Most messages in one hour",
        answer="Most in one hour",
        min_value=1,
        max_value=10_000_000,
        help_text="Here a message counts once, however many people get it.",
    )
    recipients_per_message = field_for(
        RelayRequest.recipients_per_message,
        "Most recipients of one message",
        answer="Recipients of one message",
        min_value=1,
        max_value=100_000,
        initial=1,
    )
    is_fed_by_web_form = field_for(
        RelayRequest.is_fed_by_web_form,
        "A public web form can cause it to send",
        answer="Fed by a public web form",
        required=False,
        help_text="Then anybody on the Internet can. Say under “purpose” how abuse is prevented.",
    )
    contents = field_for(
        RelayRequest.contents,
        "The most sensitive thing a message may hold",
        answer="Most sensitive contents",
    )
    tls = field_for(
        RelayRequest.tls, "Does it encrypt the connection to the relay (TLS)?", answer="Encrypts (TLS)"
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
        known = {name: self.cleaned_data[name] for name in self.fields if name in self.cleaned_data}
        return RelayRequest(**known)


class AttestStep(StepForm):
    """Who answers for the system after hours, and what the requester states."""

    asset_tag = field_for(
        RelayRequest.asset_tag,
        "Asset tag or inventory number",
        answer="Asset tag",
        is_shown_empty=True,
        required=False,
    )
    after_hours_contact = field_for(
        RelayRequest.after_hours_contact,
        "Who can be reached outside office hours?",
        answer="Outside office hours",
        help_text="A name with a phone number or a mailbox.",
    )
    is_attested = field_for(
        RelayRequest.is_attested,
        "I administer this system, its mail is wanted by those who get it, and I will say when it is "
        "no longer needed.",
        answer="Statement",
        help_text="REL-0, REL-1, MKT-2. Your name stands with this statement.",
        error_messages={"required": "REL-0: without this statement the request cannot be judged."},
    )
