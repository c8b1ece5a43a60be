"""What an Intended Use request asks, and what an authorization allows."""

from django.db import models
from django.db.models import Q
from django.urls import reverse
from simple_history.models import HistoricalRecords

from portal.grants.models import Grant
from portal.samples.models import (
    SignedSample,
    new_token,  # noqa: F401 - migration 0001 names it here
)
from portal.workflow.details import Detail
from portal.workflow.models import AddressConsent, ServiceRequest


class ServiceModel(models.TextChoices):
    """Who runs the service (AUT-0)."""

    HOSTED = "hosted", "We run it, on the vendor’s software"
    THIRD_PARTY = "third_party", "The vendor runs it for us"


class Agreement(models.TextChoices):
    """How far the agreement with the vendor is (AUT-2)."""

    NONE = "none", "There is none yet"
    DRAFTING = "drafting", "It is being drafted"
    SIGNED = "signed", "It is signed"
    CLICK_THROUGH = "click_through", "Terms were accepted on a web page"


class Identity(models.TextChoices):
    """What people are to see in From, the least first."""

    REPLY_TO = "reply_to", "The vendor’s own domain, with our address for replies"
    SUBDOMAIN = "subdomain", "A subdomain of ours, for this service alone"
    MAIL_DOMAIN = "mail_domain", "Our mail domain itself"


class Classification(models.TextChoices):
    """The most sensitive data in the mail."""

    PUBLIC = "public", "Public"
    INTERNAL = "internal", "For employees or students only"
    FERPA = "ferpa", "Student records (FERPA)"
    REGULATED = "regulated", "Health or payment data (PHI, PCI)"


class KeyKind(models.TextChoices):
    """How the key is published."""

    CNAME = "CNAME", "An alias of the vendor’s name"
    TXT = "TXT", "The key itself"


class SenderRequest(Detail):
    """The answers of one request; the sponsor is on the request itself."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="senders"
    )
    service_name = models.CharField(max_length=120, blank=True)
    vendor = models.CharField(max_length=150, blank=True)
    service_model = models.CharField(max_length=12, choices=ServiceModel.choices, blank=True)

    agreement = models.CharField(max_length=14, choices=Agreement.choices, blank=True)
    agreement_number = models.CharField(max_length=80, blank=True)
    contract_starts_on = models.DateField(null=True, blank=True)
    contract_ends_on = models.DateField(null=True, blank=True)

    identity = models.CharField(max_length=12, choices=Identity.choices, blank=True)
    identity_reason = models.TextField(max_length=1000, blank=True)
    sending_domain = models.CharField(max_length=253, blank=True)
    envelope_domain = models.CharField(max_length=253, blank=True)

    signing_domain = models.CharField(max_length=253, blank=True)
    spf_term = models.CharField(max_length=300, blank=True)

    is_bulk = models.BooleanField(default=False)
    classification = models.CharField(max_length=10, choices=Classification.choices, blank=True)
    tx_ramp = models.CharField(max_length=120, blank=True)
    accessibility = models.CharField(max_length=300, blank=True)
    security_review = models.CharField(max_length=300, blank=True)
    exit_plan = models.TextField(max_length=1000, blank=True)
    is_attested = models.BooleanField(default=False)

    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.service_name}"


class FromAddress(AddressConsent):
    """One address that the service would show in From, exact and in lower case; somebody else's needs consent."""

    sender_request = models.ForeignKey(SenderRequest, on_delete=models.CASCADE, related_name="addresses")
    address = models.EmailField()

    class Meta:
        ordering = ("id",)

    @property
    def asked_address(self) -> str:
        """The address in From."""
        return self.address

    @property
    def asked_for(self) -> ServiceRequest:
        """The request that names it."""
        return self.sender_request.service_request

    @property
    def consent_path(self) -> str:
        """The page on which its person answers."""
        return reverse("senders_consent", args=[self.pk])


class RequestedSelector(models.Model):
    """One DKIM selector of the plan: where its key is, or the key itself."""

    sender_request = models.ForeignKey(SenderRequest, on_delete=models.CASCADE, related_name="selectors")
    selector = models.CharField(max_length=240)
    kind = models.CharField(max_length=5, choices=KeyKind.choices)
    value = models.CharField(max_length=2000)

    class Meta:
        db_table = "senders_selectorwish"
        ordering = ("id",)


class SenderAuthorization(models.Model):
    """What a grant allows: the From addresses, the envelope, the signing domain and its keys."""

    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, primary_key=True, related_name="senders")
    service_name = models.CharField(max_length=120)
    vendor = models.CharField(max_length=150)
    identity = models.CharField(max_length=12, choices=Identity.choices)
    sending_domain = models.CharField(max_length=253)
    envelope_domain = models.CharField(max_length=253)
    signing_domain = models.CharField(max_length=253)
    spf_term = models.CharField(max_length=300, blank=True)
    exit_plan = models.TextField(max_length=1000, blank=True)
    proven_by = models.ForeignKey(
        SignedSample, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    """The sample that brought it into force; empty again when what it proved is changed."""

    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"{self.grant_id} {self.sending_domain}"


class AuthorizedAddress(models.Model):
    """One address that may stand in From."""

    authorization = models.ForeignKey(SenderAuthorization, on_delete=models.CASCADE, related_name="addresses")
    address = models.EmailField(db_index=True)

    class Meta:
        ordering = ("address",)


class AuthorizedSelector(models.Model):
    """One DKIM key of the service in our DNS."""

    authorization = models.ForeignKey(SenderAuthorization, on_delete=models.CASCADE, related_name="selectors")
    selector = models.CharField(max_length=240)
    kind = models.CharField(max_length=5, choices=KeyKind.choices)
    value = models.CharField(max_length=2000)

    class Meta:
        ordering = ("selector",)


class Purpose(models.TextChoices):
    """What a planned record is for."""

    KEY = "key", "DKIM key"
    DMARC = "dmarc", "DMARC policy"
    SPF = "spf", "SPF term"


class RecordState(models.TextChoices):
    """What the zone was last seen to hold at the name of a planned record."""

    UNSEEN = "unseen", "Not looked up yet"
    ABSENT = "absent", "Not there"
    PRESENT = "present", "In place"
    DIFFERS = "differs", "Differs"
    """Something else stands there, which the planned record replaces."""
    CONFLICT = "conflict", "Stop"
    """Adding the planned record beside what stands there would break both."""


class Alarm(models.TextChoices):
    """What is wrong with the name that a planned record points at."""

    GONE = "gone", "Its target does not exist"
    REGISTRABLE = "registrable", "Its target’s domain can be registered"


class PlannedRecord(models.Model):
    """One record that an authorization needs in our zones, and what the zone was last seen to hold at its name.

    The export and the list for the DNS team are rendered from these rows, so that both are the same whenever they
    are made. A row stays after the permission, and after a change that plans another record, until it is gone.
    """

    authorization = models.ForeignKey(
        SenderAuthorization, on_delete=models.CASCADE, related_name="dns_records"
    )
    purpose = models.CharField(max_length=5, choices=Purpose.choices)
    name = models.CharField(max_length=600)
    """The owner name without the trailing dot; for SPF the envelope domain."""
    rdtype = models.CharField(max_length=5)
    value = models.CharField(max_length=2000)
    """The target of an alias, the text of a TXT record, or the SPF term."""

    state = models.CharField(max_length=8, choices=RecordState.choices, default=RecordState.UNSEEN)
    state_since = models.DateTimeField(null=True, blank=True)
    """When it was first seen to be so."""
    is_there = models.BooleanField(null=True)
    """Whether the planned record itself was last seen there; None while nobody looked."""
    found = models.JSONField(default=list)
    """What stands at the name, as text."""
    note = models.TextField(blank=True)
    publish = models.TextField(blank=True)
    """The text to publish in place of what was found."""
    lookups = models.PositiveSmallIntegerField(null=True)
    """DNS lookups that `publish` costs receivers (RFC 7208 section 4.6.4)."""
    asked_at = models.DateTimeField(null=True)
    """When the DNS was last asked."""
    seen_at = models.DateTimeField(null=True)
    """When the DNS last answered."""

    dropped_at = models.DateTimeField(null=True)
    """When a change of the permission made it superfluous."""
    gone_at = models.DateTimeField(null=True)
    """When it was first seen to be gone after it was to be removed."""
    reminders = models.PositiveSmallIntegerField(default=0)
    """How often the DNS team was reminded to remove it."""

    alarm = models.CharField(max_length=11, choices=Alarm.choices, blank=True)
    alarm_since = models.DateTimeField(null=True)
    alarm_note = models.TextField(blank=True)
    doubted_at = models.DateTimeField(null=True)
    """When its target's domain could be registered by anybody; a person has to say that the vendor holds it again."""

    class Meta:
        ordering = ("name", "rdtype", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("authorization", "name", "rdtype", "value"), name="one_row_per_planned_record"
            ),
        )
        indexes = (
            models.Index(fields=("name",), name="planned_records_by_name"),
            models.Index(fields=("asked_at",), name="planned_records_to_ask"),
            models.Index(fields=("alarm_since",), condition=~Q(alarm=""), name="planned_records_in_alarm"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.rdtype}"
