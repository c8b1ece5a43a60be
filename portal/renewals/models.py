"""Tables of renewals: classifications, confirmations, and decisions on many at once."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest

USER = settings.AUTH_USER_MODEL


class Route(models.TextChoices):
    """The route of a renewal, from its facts."""

    SHORT = "short", "Unchanged, in use and green"
    FULL = "full", "Every review that applies"
    EARLIER = "earlier", "Filed before renewals were judged by their facts"
    """Routed by its answers alone: it stays at its stage, and is not in a batch."""


class Judgement(models.Model):
    """The facts of a renewal when it was sent to review, and its route."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="renewal_judgement"
    )
    route = models.CharField(max_length=8, choices=Route.choices, default=Route.FULL)
    facts = models.JSONField(default=list)
    use = models.CharField(max_length=12, blank=True)
    use_sentence = models.CharField(max_length=300, blank=True)
    reasons = models.JSONField(default=list)
    """Why it does not take the short route; empty if it does."""
    would_allow = models.TextField(blank=True)
    ends_on = models.DateField(null=True, blank=True)
    """The last day that was proposed."""
    judged_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("route", "service_request"), name="renewals_by_route"),)

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.route}"


class Confirmation(models.Model):
    """Marks a renewal that the owner filed with one confirmation; it may not be submitted yet."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="renewal_confirmation"
    )
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="confirmations")
    confirmed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.service_request_id} confirmed"


LEASE = timedelta(seconds=90)
"""How long a silent worker keeps a run; one row takes a few seconds of name servers' deadlines at most."""


class BulkRun(models.Model):
    """One reviewer's decision on several renewals, with its progress."""

    key = models.UUIDField(default=uuid.uuid4)
    """From the page: the same form sent twice starts one run."""
    actor = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(max_length=4000)
    started_at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(default=timezone.now)
    """When its last row was finished."""
    finished_at = models.DateTimeField(null=True, blank=True)
    token = models.CharField(max_length=32, blank=True)
    """The worker that carries it out now."""

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("actor", "key"), name="one_bulk_run_per_page"),)
        indexes = (
            models.Index(
                fields=("moved_at",), condition=models.Q(finished_at__isnull=True), name="bulk_runs_under_way"
            ),
        )

    def __str__(self) -> str:
        return f"Renewals approved together {self.pk}"

    def get_absolute_url(self) -> str:
        """The page of its results."""
        return reverse("renewal_run", args=[self.pk])

    @property
    def is_stalled(self) -> bool:
        """Whether it is unfinished and no worker carries it out."""
        return self.finished_at is None and timezone.now() - self.moved_at > LEASE


class Result(models.TextChoices):
    """The result of one row."""

    WAITING = "waiting", "Waiting"
    APPROVED = "approved", "Approved"
    SKIPPED = "skipped", "Skipped"
    FAILED = "failed", "Failed"


class BulkRow(models.Model):
    """One renewal of a run: its revision as shown, and its result."""

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="rows")
    service_request = models.ForeignKey(ServiceRequest, on_delete=models.PROTECT, related_name="+")
    revision = models.PositiveIntegerField()
    """The request's when the list was shown: one that changed since is skipped."""
    result = models.CharField(max_length=8, choices=Result.choices, default=Result.WAITING)
    sentence = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("run", "service_request"), name="one_row_per_renewal_and_run"),
        )

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.result}"
