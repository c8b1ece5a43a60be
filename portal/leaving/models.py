"""A grant whose owner is gone, and who was asked to take it over."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from portal.grants.models import Grant
from portal.grants.states import OPEN_STATES
from portal.leaving.stages import Stage

if TYPE_CHECKING:
    from portal.accounts.models import User

USER = settings.AUTH_USER_MODEL


class Outcome(models.TextChoices):
    """How the search for an owner ended."""

    CLAIMED = "claimed", "Somebody took it over"
    RETURNED = "returned", "The owner is back"
    OVER = "over", "The permission is over"


class ChaseQuerySet(models.QuerySet["Chase"]):
    """Searches, narrowed."""

    def running(self) -> "ChaseQuerySet":
        """Those whose grant still has the owner who is gone, and may still be in force."""
        return self.filter(closed_at__isnull=True, grant__owner=F("owner"), grant__state__in=OPEN_STATES)

    def visible_to(self, actor: "User") -> "ChaseQuerySet":
        """Those of the grants that `actor` may see."""
        return self.filter(grant__in=Grant.objects.visible_to(actor))


class Chase(models.Model):
    """The search for a new owner of one grant."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="chases")
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    """Who is gone."""
    noticed_on = models.DateField()
    """The day in the institution's zone from which the days count."""
    stage = models.CharField(max_length=10, choices=Stage.choices, blank=True)
    stage_on = models.DateField(null=True, blank=True)
    asked = models.TextField(blank=True)
    """The addresses asked at this stage, one a line."""
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)

    objects = ChaseQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("grant",), condition=Q(closed_at__isnull=True), name="one_open_chase_per_grant"
            ),
        )

    def __str__(self) -> str:
        return f"{self.grant_id} {self.stage}"

    @property
    def addresses(self) -> list[str]:
        """Who is asked now."""
        return self.asked.split()


class ChaseStep(models.Model):
    """One stage of a search that was begun; unique, so that running twice asks once."""

    chase = models.ForeignKey(Chase, on_delete=models.CASCADE, related_name="steps")
    stage = models.CharField(max_length=10, choices=Stage.choices)
    on = models.DateField()
    asked = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("chase", "stage"), name="one_step_per_stage"),)
