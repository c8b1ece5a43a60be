"""What was judged of a renewal, who confirmed it, and decisions on many at once."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest

USER = settings.AUTH_USER_MODEL


class Route(models.TextChoices):
    """What the facts made of a renewal's route."""

    SHORT = "short", "Unchanged, in use and green"
    FULL = "full", "Every review that applies"
    EARLIER = "earlier", "Filed before renewals were judged by their facts"
    """Routed by its answers alone: it stays where it is, and is no batch row."""


class Judgement(models.Model):
    """What was known of a renewal when it was sent to review, and the route that follows from it."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="renewal_judgement"
    )
    route = models.CharField(max_length=8, choices=Route.choices, default=Route.FULL)
    facts = models.JSONField(default=list)
    use = models.CharField(max_length=12, blank=True)
    use_sentence = models.CharField(max_length=300, blank=True)
    reasons = models.JSONField(default=list)
    """Why it does not take the short route; empty where it does."""
    would_allow = models.TextField(blank=True)
    ends_on = models.DateField(null=True, blank=True)
    """The last day that was proposed."""
    judged_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=("route", "service_request"), name="renewals_by_route"),)

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.route}"


class Confirmation(models.Model):
    """That a renewal was filed by the owner's one confirmation; the request may still be on its way out."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="renewal_confirmation"
    )
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="confirmations")
    confirmed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.service_request_id} confirmed"
