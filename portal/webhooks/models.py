"""Tables of endpoints and deliveries."""

import uuid

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

USER = settings.AUTH_USER_MODEL


class EventType(models.TextChoices):
    """The types of events. Their values are part of the interface: they never change."""

    REQUEST_SUBMITTED = "request.submitted", "A request was submitted"
    REQUEST_DECIDED = "request.decided", "A request was approved or denied"
    REQUEST_WITHDRAWN = "request.withdrawn", "A request was withdrawn"
    GRANT_ISSUED = "grant.issued", "A permission was given"
    GRANT_PROVEN = "grant.proven", "A permission was proven and took effect"
    GRANT_RENEWED = "grant.renewed", "A permission was renewed"
    GRANT_CHANGED = "grant.changed", "A permission was changed"
    GRANT_SUSPENDED = "grant.suspended", "A permission was suspended"
    GRANT_RESUMED = "grant.resumed", "A permission was resumed"
    GRANT_LAPSED = "grant.lapsed", "A permission lapsed without a renewal"
    GRANT_ENDED = "grant.ended", "A permission was ended by its owner, or its term is over"
    GRANT_REVOKED = "grant.revoked", "A permission was revoked"
    EXPORT_DRIFTED = "export.drifted", "A mail host's files were edited by hand"
    TEST = "webhook.test", "A test, sent from the endpoint's page"


class EndpointState(models.TextChoices):
    """Whether an endpoint is sent to."""

    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    REMOVED = "removed", "Removed"


class Endpoint(models.Model):
    """The URL of another program, and its events. Its secret is derived, never stored (`keys.py`)."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    """What the secret is derived over, beside the salt."""
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200)
    events = models.JSONField(default=list)
    """Values of EventType."""
    state = models.CharField(max_length=10, choices=EndpointState.choices, default=EndpointState.ACTIVE)
    state_changed_at = models.DateTimeField(default=timezone.now)
    state_changed_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    """None for an action of the portal itself."""
    paused_because = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    salt = models.CharField(max_length=32)
    secret_check = models.CharField(max_length=8)
    """The beginning of a digest of the secret, which tells whether SECRET_KEY is still the one it came from."""
    secret_made_at = models.DateTimeField(default=timezone.now)
    old_salt = models.CharField(max_length=32, blank=True)
    old_until = models.DateTimeField(null=True, blank=True)
    """Until when the secret before this one signs as well."""

    failing_since = models.DateTimeField(null=True, blank=True)
    """When the first of the present row of failures happened; empty after a success."""
    last_delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.description

    def get_absolute_url(self) -> str:
        """The endpoint's page."""
        return reverse("webhook", args=[self.pk])

    @property
    def is_active(self) -> bool:
        """Whether events are sent."""
        return self.state == EndpointState.ACTIVE

    @property
    def has_old_secret(self) -> bool:
        """Whether the secret before this one still signs."""
        return bool(self.old_salt) and self.old_until is not None and timezone.now() < self.old_until

    @property
    def event_labels(self) -> list[str]:
        """The events in words, in the order of the vocabulary."""
        return [kind.label for kind in EventType if kind.value in self.events]


class DeliveryState(models.TextChoices):
    """The state of a delivery."""

    QUEUED = "queued", "Waiting"
    SENDING = "sending", "Being sent"
    DELIVERED = "delivered", "Delivered"
    DEAD = "dead", "Given up"


class Delivery(models.Model):
    """One event for one endpoint. The body is fixed when the change is made."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField()
    """The same for every endpoint and every try: by it a receiver knows what it has already."""
    event_type = models.CharField(max_length=40, choices=EventType.choices)
    reference = models.CharField(max_length=150, blank=True)
    """What the event is about, for our own pages."""
    body = models.TextField()
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    """The HTTP status of the last try; empty where none came."""
    answer = models.CharField(max_length=500, blank=True)
    """What came back, or why nothing did: the beginning, on one line."""

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        constraints = (
            models.UniqueConstraint(fields=("endpoint", "event_id"), name="one_delivery_per_event"),
        )
        indexes = (
            models.Index(fields=("state", "next_attempt_at", "id"), name="webhooks_due"),
            models.Index(fields=("endpoint", "-id"), name="webhooks_of_endpoint"),
            models.Index(fields=("created_at",), name="webhooks_by_age"),
        )

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"

    @property
    def is_dead(self) -> bool:
        """Whether it was given up, and may be tried again by hand."""
        return self.state == DeliveryState.DEAD

    @property
    def is_waiting(self) -> bool:
        """Whether it will be tried."""
        return self.state in (DeliveryState.QUEUED, DeliveryState.SENDING)
