"""The search for a new owner of a grant, and who was asked."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.states import OPEN_STATES
from portal.ownership.stages import SearchStage

USER = settings.AUTH_USER_MODEL


class SearchOutcome(models.TextChoices):
    """How the search for an owner ended."""

    CLAIMED = "claimed", "Somebody took it over"
    RETURNED = "returned", "The owner is back"
    OVER = "over", "The permission is over"


class OwnerSearchQuerySet(models.QuerySet["OwnerSearch"]):
    """Queries for searches."""

    def running(self) -> "OwnerSearchQuerySet":
        """Searches whose grant still has the owner who left, and may still be in force."""
        return self.filter(closed_at__isnull=True, grant__owner=F("owner"), grant__state__in=OPEN_STATES)

    def visible_to(self, actor: User) -> "OwnerSearchQuerySet":
        """Searches for grants that `actor` may see."""
        return self.filter(grant__in=Grant.objects.visible_to(actor))


class OwnerSearch(models.Model):
    """The search for a new owner of one grant."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="owner_searches")
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    """The owner who left."""
    noticed_on = models.DateField()
    """The day in the institution's zone from which the days count."""
    stage = models.CharField(max_length=10, choices=SearchStage.choices, blank=True)
    stage_on = models.DateField(null=True, blank=True)
    asked = models.TextField(blank=True)
    """The addresses asked at this stage, one a line."""
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=SearchOutcome.choices, blank=True)

    objects = OwnerSearchQuerySet.as_manager()

    class Meta:
        # The tables keep the names they were made with: renaming them would lock and move rows for nothing.
        db_table = "leaving_chase"
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


class OwnerSearchStep(models.Model):
    """One stage of a search that was started; unique, so that running twice asks once."""

    search = models.ForeignKey(
        OwnerSearch, on_delete=models.CASCADE, related_name="steps", db_column="chase_id"
    )
    stage = models.CharField(max_length=10, choices=SearchStage.choices)
    on = models.DateField()
    asked = models.TextField(blank=True)

    class Meta:
        db_table = "leaving_chasestep"
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("search", "stage"), name="one_step_per_stage"),)
