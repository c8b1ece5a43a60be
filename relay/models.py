"""What a relay request asks, and what a relay permission allows."""

from django.db import models
from django.urls import reverse
from simple_history.models import HistoricalRecords

from portal.grants.models import Grant
from portal.lib.domain_index import DomainIndex
from portal.lib.network_field import NetworkField, NetworkIndex
from portal.workflow.details import Detail
from portal.workflow.models import AddressConsent, ServiceRequest


class SystemKind(models.TextChoices):
    """What relays (REL-0)."""

    APPLICATION = "application", "An application on a server"
    WEB_SITE = "web_site", "A web site"
    PRINTER = "printer", "A printer"
    COPIER = "copier", "A copier or scanner"
    APPLIANCE = "appliance", "An appliance (UPS, camera, building control ...)"
    MAIL_SERVER = "mail_server", "A mail server of our own"
    WORKSTATION = "workstation", "A workstation or a person's mail program"


SHORT_NAMES = {
    SystemKind.APPLICATION: "Application",
    SystemKind.WEB_SITE: "Web site",
    SystemKind.PRINTER: "Printer",
    SystemKind.COPIER: "Copier",
    SystemKind.APPLIANCE: "Appliance",
    SystemKind.MAIL_SERVER: "Mail server",
}


class Capability(models.TextChoices):
    """How the system could sign in instead."""

    OAUTH = "oauth", "It can sign in with OAuth 2"
    BASIC = "basic", "It can sign in with a user name and password"
    NEITHER = "neither", "It cannot sign in"
    UNKNOWN = "unknown", "I do not know"


class Recipients(models.TextChoices):
    """To whom the system sends."""

    INTERNAL = "internal", "Addresses of our own mail domain only"
    DOMAINS = "domains", "These other domains as well"
    ANYONE = "anyone", "Anyone"


class Contents(models.TextChoices):
    """The most sensitive thing a message may hold."""

    PUBLIC = "public", "Nothing confidential"
    FERPA = "ferpa", "Student records (FERPA)"
    PHI = "phi", "Health information (PHI)"
    PCI = "pci", "Card data (PCI)"


class Tls(models.TextChoices):
    """Whether the system encrypts on the way to the relay."""

    YES = "yes", "Yes"
    NO = "no", "No"
    UNKNOWN = "unknown", "I do not know"


class RelayRequest(Detail):
    """The answers of one relay request."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="relay"
    )
    system_kind = models.CharField(max_length=12, choices=SystemKind.choices, blank=True)
    capability = models.CharField(max_length=8, choices=Capability.choices, blank=True)
    capability_reason = models.TextField(max_length=1000, blank=True)
    hostname = models.CharField(max_length=253, blank=True)
    range_reason = models.TextField(max_length=1000, blank=True)
    bounce_address = models.EmailField(blank=True)
    recipients = models.CharField(max_length=8, choices=Recipients.choices, default=Recipients.INTERNAL)
    recipient_domains = models.TextField(blank=True)
    """One domain a line."""
    typical_per_day = models.PositiveIntegerField(null=True, blank=True)
    most_per_day = models.PositiveIntegerField(null=True, blank=True)
    """Recipients; None where it was left to follow from a typical day (relay.volume)."""
    peak_per_hour = models.PositiveIntegerField(null=True, blank=True)
    external_per_day = models.PositiveIntegerField(null=True, blank=True)
    recipients_per_message = models.PositiveIntegerField(null=True, blank=True)
    is_fed_by_web_form = models.BooleanField(default=False)
    contents = models.CharField(max_length=6, choices=Contents.choices, blank=True)
    tls = models.CharField(max_length=8, choices=Tls.choices, blank=True)
    asset_tag = models.CharField(max_length=60, blank=True)
    after_hours_contact = models.CharField(max_length=150, blank=True)
    is_attested = models.BooleanField(default=False)

    history = HistoricalRecords()

    class Meta:
        indexes = (
            models.Index(fields=("hostname",), name="relay_requests_by_host"),
            DomainIndex(fields=("hostname",), name="relay_requests_by_domain"),
        )

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.hostname}"


class RelayAddress(models.Model):
    """One address or range a request names."""

    relay_request = models.ForeignKey(RelayRequest, on_delete=models.CASCADE, related_name="addresses")
    network = NetworkField()

    class Meta:
        ordering = ("id",)
        indexes = (NetworkIndex(fields=("network",), name="relay_requests_by_network"),)


class RelaySender(AddressConsent):
    """One sender a request names; a person's own address, or another department's mailbox, needs consent."""

    relay_request = models.ForeignKey(RelayRequest, on_delete=models.CASCADE, related_name="senders")
    address = models.EmailField()

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("address",), name="relay_wishes_by_sender"),
            DomainIndex(fields=("address",), name="relay_wishes_by_domain"),
        )

    @property
    def asked_address(self) -> str:
        """The sender."""
        return self.address

    @property
    def asked_for(self) -> ServiceRequest:
        """The request that names it."""
        return self.relay_request.service_request

    @property
    def consent_path(self) -> str:
        """The page on which its person answers."""
        return reverse("relay_consent", args=[self.pk])


class RelayPermission(models.Model):
    """What a relay grant allows."""

    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, primary_key=True, related_name="relay")
    hostname = models.CharField(max_length=253)
    department_key = models.CharField(max_length=150, blank=True, db_index=True)
    """The department as it stood on the request, in one spelling, to sum up what belongs together (MKT-4)."""
    recipients = models.CharField(max_length=8, choices=Recipients.choices)
    recipient_domains = models.TextField(blank=True)
    peak_per_hour = models.PositiveIntegerField(null=True, blank=True)
    """Messages."""
    per_day = models.PositiveIntegerField(null=True, blank=True)
    """Recipients; None for no limit, which only permissions from before there was one have."""
    external_per_day = models.PositiveIntegerField(null=True, blank=True)
    """Of these, recipients outside the mail domain; None where the scope lets none through, or as above."""

    history = HistoricalRecords()

    class Meta:
        indexes = (
            models.Index(fields=("hostname",), name="relay_by_host"),
            DomainIndex(fields=("hostname",), name="relay_by_domain"),
        )

    def __str__(self) -> str:
        return f"{self.grant_id} {self.hostname}"


class PermittedAddress(models.Model):
    """One address or range that may relay."""

    permission = models.ForeignKey(RelayPermission, on_delete=models.CASCADE, related_name="addresses")
    network = NetworkField()

    class Meta:
        ordering = ("id",)
        indexes = (NetworkIndex(fields=("network",), name="relay_by_network"),)


class PermittedSender(models.Model):
    """One sender that the system may use."""

    permission = models.ForeignKey(RelayPermission, on_delete=models.CASCADE, related_name="senders")
    address = models.EmailField(db_index=True)

    class Meta:
        ordering = ("address",)
        indexes = (DomainIndex(fields=("address",), name="relay_senders_by_domain"),)
