"""An incident, and its effect on each permission."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.grants.models import Grant

USER = settings.AUTH_USER_MODEL


class About(models.TextChoices):
    """What an incident is about."""

    HOLDER = "holder", "A person: everything they own or share"
    SYSTEM = "system", "A system: a host name, an IP address or range, or a sender"
    VENDOR = "vendor", "A vendor: its domain, with all below it"
    KEY = "key", "A DKIM key: its selector, or its whole name"
    NAME = "name", "A service, platform or vendor by name"


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Incidents, for those who may read them."""

    def visible_to(self, actor: User) -> "IncidentQuerySet":
        """All of them for reviewers, the CIO office, auditors and administrators; none for others."""
        return self.all() if actor.is_active and actor.sees_everything else self.none()


class Incident(models.Model):
    """One incident: its subject, its reason, and whether it is closed."""

    about = models.CharField(max_length=10, choices=About.choices)
    subject = models.CharField(max_length=255)
    """The subject in the canonical form of `portal.grants.subjects`."""
    reason = models.TextField(max_length=2000)
    opened_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(default=timezone.now)
    closed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(max_length=2000, blank=True)
    """The outcome, written when it is closed."""

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("about", "subject"),
                condition=Q(closed_at__isnull=True),
                name="one_open_incident_each",
            ),
        )

    def __str__(self) -> str:
        return f"Incident {self.pk}: {self.subject}"

    def get_absolute_url(self) -> str:
        """The incident's page."""
        return reverse("incident", args=[self.pk])

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it yet."""
        return self.closed_at is None


class Result(models.TextChoices):
    """The result for one permission when the incident was opened."""

    WAITING = "waiting", "Is being suspended"
    SUSPENDED = "suspended", "Suspended"
    ALREADY = "already", "Was suspended already"
    OVER = "over", "Was over meanwhile"
    LEFT = "left", "Left as it is"


class IncidentGrant(models.Model):
    """One permission that an incident concerns, and the result for it."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="rows")
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="incidents")
    result = models.CharField(max_length=10, choices=Result.choices)
    why = models.CharField(max_length=500, blank=True)
    """Why it was found, as words that follow its title."""
    is_dependent = models.BooleanField(default=False)
    """Whether it depends on another one that was found, or shares its vendor."""
    added_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    """Who added it after the incident was opened; None: whoever opened it."""
    sentence = models.CharField(max_length=300, blank=True)
    """Why it was left as it is; "" otherwise."""
    told = models.JSONField(default=list)
    """The addresses that were notified of its suspension."""

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("incident", "grant"), name="one_row_per_incident_and_grant"),
        )
        indexes = (models.Index(fields=("id",), condition=Q(result="waiting"), name="incident_rows_waiting"),)
