"""The table of emails, each to one address, with the state of its delivery."""

from django.db import models
from django.utils import timezone


class Delivery(models.TextChoices):
    """The state of a delivery."""

    QUEUED = "queued", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    DEAD = "dead", "Given up"
    DISCARDED = "discarded", "Discarded"


class Notification(models.Model):
    """An email to one address. Its text and HTML are fixed when the change that it reports is made."""

    recipient = models.EmailField()
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField()
    thread = models.CharField(max_length=40, blank=True)
    message_id = models.CharField(max_length=200, unique=True)
    unique_key = models.CharField(max_length=200, unique=True, null=True, blank=True)

    state = models.CharField(max_length=10, choices=Delivery.choices, default=Delivery.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        db_table = "outbox_outboxmessage"
        ordering = ("id",)
        indexes = (
            models.Index(fields=("state", "next_attempt_at", "id"), name="outbox_due"),
            models.Index(fields=("state", "-id"), name="outbox_by_state"),
        )

    def __str__(self) -> str:
        return f"{self.subject} -> {self.recipient}"
