"""Campaign requests and their answers, campaign permissions, and what is recorded after an approval."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from portal.grants.models import Grant
from portal.workflow.details import Detail
from portal.workflow.models import AddressConsent, ServiceRequest

USER = settings.AUTH_USER_MODEL


class CampaignKind(models.TextChoices):
    """The kind of mail (MKT-4, MKT-5)."""

    MARKETING = "marketing", "Marketing to people outside"
    NOTICE = "notice", "A notice to many people"
    SURVEY = "survey", "A survey of faculty, staff or students"
    EXTERNAL_SURVEY = "external_survey", "A survey of people outside"


SURVEYS = (CampaignKind.SURVEY, CampaignKind.EXTERNAL_SURVEY)


class Runner(models.TextChoices):
    """Who sends it."""

    INTERNAL = "internal", "We send it ourselves"
    THIRD_PARTY = "third_party", "A third party sends it for us"


class Platform(models.TextChoices):
    """The platform that sends it. Anything else is not authorized (MKT-4, AUT-3)."""

    LIST_SERVER = "list_server", "The list server"
    AUTHORIZED = "authorized", "A service with a sender authorization in force"


class Consent(models.TextChoices):
    """Why the recipients may be emailed."""

    AFFIRMATIVE = "affirmative", "They agreed to get such mail"
    DUTY = "duty", "They study or work here, and the mail is part of that"
    RELATION = "relation", "They are customers, donors, applicants or alumni"
    NONE = "none", "None of these"


class Anonymity(models.TextChoices):
    """What a survey learns about who answered (S-4)."""

    ANONYMOUS = "anonymous", "Anonymous: nobody can find out who answered"
    CONFIDENTIAL = "confidential", "Confidential: we could find out, but do not disclose it"
    IDENTIFIED = "identified", "By name"


class Irb(models.TextChoices):
    """The determination of the Institutional Review Board (S-2)."""

    NOT_RESEARCH = "not_research", "It is not human-subjects research"
    EXEMPT = "exempt", "Exempt"
    APPROVED = "approved", "Approved"
    RECRUITMENT = "recruitment", "It recruits people for a research study"


class CampaignMessage(models.Model):
    """One message as uploaded; never changed. A new message is a new row, so that both can be compared."""

    service_request = models.ForeignKey(
        ServiceRequest, on_delete=models.CASCADE, related_name="campaign_messages"
    )
    raw = models.BinaryField()
    """The message as RFC 5322 octets: the .eml, or the one composed from the parts below."""
    canonical_sha256 = models.CharField(max_length=64, db_index=True)
    """SHA-256 of the canonical message (docs/message-checks.md), in lower-case hexadecimal."""
    subject = models.CharField(max_length=998, blank=True)
    """The decoded subject, for lists."""
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    """The HTML and text of a composed message; empty for an .eml."""
    file_name = models.CharField(max_length=150, blank=True)
    """The file name of an .eml; empty for a composed message."""
    added_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.canonical_sha256[:12]}"


class CampaignRequest(Detail, AddressConsent):
    """The answers of one campaign request; department, purpose and people are on the request itself."""

    joined = ("message", "sender_grant", "stopper")
    # The page asks for a file or for its parts, and people who were asked answer on a page of their own.
    unasked = ("message", "asked_of", "consent_asked_at", "consent_given_at", "consent_refused_at")

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="campaign"
    )
    kind = models.CharField(max_length=16, choices=CampaignKind.choices, blank=True)
    runner = models.CharField(max_length=12, choices=Runner.choices, blank=True)
    vendor = models.CharField(max_length=150, blank=True)
    """The third party, if one sends it."""

    # Commercial, transactional or mixed: the five questions of 16 CFR 316.3; None is "not answered".
    promotes = models.BooleanField(null=True, blank=True)
    """It advertises or promotes a product or service (316.3(a)(1))."""
    has_transactional = models.BooleanField(null=True, blank=True)
    """It also carries transactional or relationship content (316.3(c))."""
    subject_reads_commercial = models.BooleanField(null=True, blank=True)
    """The subject by itself reads like an advertisement (316.3(a)(2)(i), (a)(3)(i))."""
    transactional_first = models.BooleanField(null=True, blank=True)
    """The transactional content is at the beginning (316.3(a)(2)(ii))."""
    body_reads_commercial = models.BooleanField(null=True, blank=True)
    """The body as a whole reads like an advertisement (316.3(a)(3)(ii))."""

    sender_of_record = models.CharField(max_length=150, blank=True)
    """The one unit that is responsible for the mail (CS-12)."""
    platform = models.CharField(max_length=12, choices=Platform.choices, blank=True)
    sender_grant = models.ForeignKey(
        Grant, on_delete=models.PROTECT, related_name="campaign_requests", null=True, blank=True
    )
    """The sender authorization, if the platform is a service."""
    from_name = models.CharField(max_length=150, blank=True)
    from_address = models.EmailField(blank=True)

    audience_source = models.TextField(max_length=1000, blank=True)
    consent = models.CharField(max_length=12, choices=Consent.choices, blank=True)
    is_list_clean = models.BooleanField(default=False)
    """The statement that the list was not bought, harvested or guessed (CS-10), without those who opted out (CS-6)."""

    message = models.ForeignKey(
        CampaignMessage, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )

    first_send_on = models.DateField(null=True, blank=True)
    last_send_on = models.DateField(null=True, blank=True)
    messages_each = models.PositiveSmallIntegerField(null=True, blank=True)
    """How many messages one person gets, reminders included."""
    hourly_rate = models.PositiveIntegerField(null=True, blank=True)
    """Most messages an hour."""

    survey_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    anonymity = models.CharField(max_length=12, choices=Anonymity.choices, blank=True)
    incentive = models.CharField(max_length=300, blank=True)
    data_kept = models.TextField(max_length=1000, blank=True)
    irb = models.CharField(max_length=12, choices=Irb.choices, blank=True)
    irb_number = models.CharField(max_length=60, blank=True)
    irb_expires_on = models.DateField(null=True, blank=True)
    research_office_contact = models.CharField(max_length=200, blank=True)
    """Who at Institutional Research knows about it (S-6)."""

    stop_complaint_percent = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    stop_bounce_percent = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    stopper = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    """The person who can stop the mailing at any hour."""
    stopper_phone = models.CharField(max_length=60, blank=True)
    is_attested = models.BooleanField(default=False)

    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.kind}"

    @property
    def asked_address(self) -> str:
        """The address in From."""
        return self.from_address

    @property
    def asked_for(self) -> ServiceRequest:
        """The request itself."""
        return self.service_request

    @property
    def consent_path(self) -> str:
        """The page on which the address's person answers."""
        return reverse("campaign_consent", args=[self.pk])

    @property
    def is_survey(self) -> bool:
        """Whether it is a survey."""
        return self.kind in SURVEYS


class Audience(models.Model):
    """One population of a request's audience, and how many people of it."""

    campaign_request = models.ForeignKey(CampaignRequest, on_delete=models.CASCADE, related_name="audiences")
    population = models.CharField(max_length=30, db_index=True)
    """A key of `institution().populations`."""
    people = models.PositiveIntegerField()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("campaign_request", "population"), name="one_audience_per_population"
            ),
        )


class CampaignPermission(models.Model):
    """What a campaign grant allows. Its window is the term of the grant."""

    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, primary_key=True, related_name="campaign")
    kind = models.CharField(max_length=16, choices=CampaignKind.choices)
    sender_of_record = models.CharField(max_length=150)
    platform = models.CharField(max_length=12, choices=Platform.choices)
    sender_grant = models.ForeignKey(
        Grant, on_delete=models.PROTECT, related_name="campaigns_sent", null=True, blank=True
    )
    message = models.ForeignKey(CampaignMessage, on_delete=models.PROTECT, related_name="permissions")
    canonical_sha256 = models.CharField(max_length=64, db_index=True)
    """The SHA-256 of the canonical message: the approval is for this message only."""
    messages_each = models.PositiveSmallIntegerField()
    hourly_rate = models.PositiveIntegerField()
    stop_complaint_percent = models.DecimalField(max_digits=5, decimal_places=2)
    stop_bounce_percent = models.DecimalField(max_digits=5, decimal_places=2)
    stopper = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    stopper_phone = models.CharField(max_length=60)
    results_requested_at = models.DateTimeField(null=True, blank=True)
    """When the owner was asked for the results."""

    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"{self.grant_id} {self.canonical_sha256[:12]}"

    @property
    def is_survey(self) -> bool:
        """Whether it is a survey."""
        return self.kind in SURVEYS


class PermittedAudience(models.Model):
    """One population that may be emailed."""

    permission = models.ForeignKey(CampaignPermission, on_delete=models.CASCADE, related_name="audiences")
    population = models.CharField(max_length=30, db_index=True)
    people = models.PositiveIntegerField()

    class Meta:
        ordering = ("id",)


class ListUse(models.Model):
    """One delivery of the approved message to a gated list. It counts at once, until a reviewer releases it.

    It has the digest and not the message's row, so that uploading the same content again allows no second delivery.
    """

    permission = models.ForeignKey(CampaignPermission, on_delete=models.PROTECT, related_name="list_uses")
    canonical_sha256 = models.CharField(max_length=64)
    list_address = models.EmailField()
    queue_id = models.CharField(max_length=64)
    """The queue ID of the message in the mail server's log."""
    client = models.CharField(max_length=45)
    """The IP address that sent it."""
    envelope_sender = models.CharField(max_length=320)
    passed_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)
    """When a reviewer released it, so that the message may be sent to the list once more."""
    released_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    release_reason = models.TextField(max_length=1500, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("permission", "canonical_sha256", "list_address"),
                condition=Q(released_at__isnull=True),
                name="one_use_per_message_and_list",
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by__isnull=True)
                | (Q(released_at__isnull=False, released_by__isnull=False) & ~Q(release_reason="")),
                name="list_use_released_by_somebody_with_reason",
            ),
        )

    def __str__(self) -> str:
        return f"{self.list_address} {self.queue_id}"


class DelegationScope(models.TextChoices):
    """The requests that a delegate decides."""

    ALL = "all", "Everything that the office decides"
    CAMPAIGNS = "campaigns", "Every campaign and survey"
    SURVEYS = "surveys", "Surveys only"
    MAILINGS = "mailings", "Marketing and notices only"


class Delegation(models.Model):
    """A person who decides for the CIO office on certain days, but not on requests of their own."""

    given_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    given_to = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="campaign_delegations")
    scope = models.CharField(max_length=10, choices=DelegationScope.choices, default=DelegationScope.ALL)
    starts_on = models.DateField()
    ends_on = models.DateField()
    reason = models.TextField(max_length=1000)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    """When it was ended before its last day."""

    class Meta:
        ordering = ("-starts_on", "-id")
        constraints = (
            models.CheckConstraint(
                condition=Q(ends_on__gte=models.F("starts_on")), name="delegation_ends_after_start"
            ),
            models.CheckConstraint(condition=~Q(given_by=models.F("given_to")), name="delegation_to_another"),
        )

    def __str__(self) -> str:
        return f"{self.given_to} for {self.given_by}, {self.starts_on} to {self.ends_on}"


class ComplaintMetrics(models.Model):
    """Sent messages, complaints and hard bounces of a campaign on one day, as the platform or a mailbox provider reports."""

    permission = models.ForeignKey(
        CampaignPermission, on_delete=models.CASCADE, related_name="complaint_metrics"
    )
    day = models.DateField()
    sent = models.PositiveIntegerField()
    complaints = models.PositiveIntegerField(default=0)
    hard_bounces = models.PositiveIntegerField(default=0)
    entered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    """None for what the command imported."""
    entered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("day",)
        constraints = (
            models.UniqueConstraint(
                fields=("permission", "day"), name="one_metrics_row_per_campaign_and_day"
            ),
            models.CheckConstraint(
                condition=Q(complaints__lte=models.F("sent"), hard_bounces__lte=models.F("sent")),
                name="metrics_within_messages_sent",
            ),
        )
        indexes = (models.Index(fields=("day",), name="metrics_by_day"),)


class StopProposal(models.Model):
    """The question to the CIO office whether a campaign over its stop limit continues, with its metrics (MKT-5)."""

    permission = models.ForeignKey(CampaignPermission, on_delete=models.CASCADE, related_name="proposals")
    figures = models.TextField()
    proposed_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    was_revoked = models.BooleanField(null=True, blank=True)
    reason = models.TextField(max_length=2000, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("permission",), condition=Q(answered_at__isnull=True), name="one_open_stop_proposal"
            ),
        )


class CampaignResults(models.Model):
    """The results of a campaign, recorded by its owner after the window."""

    permission = models.OneToOneField(
        CampaignPermission, on_delete=models.CASCADE, primary_key=True, related_name="results"
    )
    sent = models.PositiveIntegerField()
    opened = models.PositiveIntegerField(null=True, blank=True)
    complaints = models.PositiveIntegerField()
    note = models.TextField(max_length=2000, blank=True)
    noted_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    noted_at = models.DateTimeField(default=timezone.now)
