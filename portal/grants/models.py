"""The tables of permissions: the grant, its history, its reminders, its offers to new owners. `in_force` uses
only state and day, so that a grant whose term has ended is out of force even if no job ran.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from simple_history.models import HistoricalRecords

from portal.accounts.models import User
from portal.grants.registry import granting_kind
from portal.grants.states import OPEN_STATES, GrantState
from portal.institution import institution
from portal.ui.links import path_of
from portal.workflow.models import Intention, ServiceRequest

if TYPE_CHECKING:
    from portal.grants.kinds import GrantingKind

USER = settings.AUTH_USER_MODEL


class GrantQuerySet(models.QuerySet["Grant"]):
    """Queries for grants: by actor, and by what is in force."""

    def visible_to(self, actor: User) -> "GrantQuerySet":
        """The grants `actor` owns, co-owns or is offered; reviewers and auditors see all."""
        if not actor.is_active:
            return self.none()
        if actor.sees_everything:
            return self.all()
        offered = Q(handovers__offered_to=actor, handovers__closed_at__isnull=True)
        return self.filter(Q(owner=actor) | Q(co_owner=actor) | offered).distinct()

    def in_force(self, day: date) -> "GrantQuerySet":
        """The grants in force on `day` (a day in the institution's zone): active, and within the term or
        extended by a renewal that was filed in time and is not decided yet (`held_open_by`).
        """
        return self.filter(
            Q(ends_on__gte=day) | Q(held_open_by__isnull=False), state=GrantState.ACTIVE, starts_on__lte=day
        )


class Grant(models.Model):
    """One permission: its owner, subject, term and state."""

    kind = models.CharField(max_length=20)
    reference = models.CharField(max_length=20, unique=True)
    """The reference of the first request; renewals keep it."""
    request = models.OneToOneField(ServiceRequest, on_delete=models.PROTECT, related_name="grant")
    latest_request = models.ForeignKey(ServiceRequest, on_delete=models.PROTECT, related_name="+")
    """The request whose answers are in force: the first one, or the last renewal or change approved."""
    state = models.CharField(max_length=12, choices=GrantState.choices, default=GrantState.ACTIVE)
    revision = models.PositiveIntegerField(default=0)

    owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="grants")
    co_owner = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="co_owned_grants", null=True, blank=True
    )
    department = models.CharField(max_length=150, blank=True)
    functional_mailbox = models.EmailField(blank=True)
    title = models.CharField(max_length=150)
    subject_key = models.CharField(max_length=255, blank=True)

    starts_on = models.DateField()
    ends_on = models.DateField()
    """The last day in force."""
    held_open_by = models.ForeignKey(
        ServiceRequest, on_delete=models.PROTECT, related_name="holds_open", null=True, blank=True
    )
    """A renewal that was filed in time and is not decided yet; it keeps the grant in force past `ends_on`."""
    created_at = models.DateTimeField(default=timezone.now)
    state_changed_at = models.DateTimeField(default=timezone.now)
    state_reason = models.TextField(blank=True)

    objects = GrantQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="grant_ends_after_start"),
            models.CheckConstraint(
                condition=Q(co_owner__isnull=True) | ~Q(co_owner=F("owner")), name="grant_co_owner_is_another"
            ),
        )
        indexes = (
            models.Index(fields=("state", "ends_on", "id"), name="grants_by_end"),
            models.Index(fields=("owner", "state", "ends_on"), name="grants_of_owner"),
            models.Index(fields=("co_owner", "state", "ends_on"), name="grants_of_co_owner"),
            models.Index(fields=("kind", "state", "id"), name="grants_by_kind"),
            models.Index(fields=("subject_key",), name="grants_by_subject"),
        )

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def get_absolute_url(self) -> str:
        """The grant's page."""
        return path_of("grant", self.reference)

    @property
    def kind_entry(self) -> "GrantingKind":
        """The registry's entry for this grant's kind."""
        return granting_kind(self.kind)

    def is_in_force(self, day: date) -> bool:
        """Whether the grant is in force on `day`; the same rule as `GrantQuerySet.in_force`."""
        inside = self.starts_on <= day and (day <= self.ends_on or self.held_open_by_id is not None)
        return self.state == GrantState.ACTIVE and inside

    @property
    def is_in_force_today(self) -> bool:
        """Whether the grant is in force today, in the institution's zone."""
        return self.is_in_force(timezone.localdate())

    @property
    def is_open(self) -> bool:
        """Whether the grant is in force or may be again."""
        return self.state in OPEN_STATES


class TrustedDate(models.Model):
    """One row: the last day that was in order, and the one that is in doubt (`portal.grants.dating`)."""

    day = models.DateField()
    """The last day that was in order, or that an administrator confirmed."""
    doubtful_day = models.DateField(null=True, blank=True)
    """The day to which the date jumped; empty where none is in doubt."""
    doubtful_since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.day}"


class GrantRequest(models.Model):
    """The grant that a renewal or change is about."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="about_grant"
    )
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="later_requests")
    intention = models.CharField(max_length=10, choices=Intention.choices)


class GrantEvent(models.Model):
    """One entry of a grant's history; never changed, never removed."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    action = models.CharField(max_length=20)
    from_state = models.CharField(max_length=12, blank=True)
    to_state = models.CharField(max_length=12, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("grant", "id"), name="grant_timeline"),)

    @property
    def label(self) -> str:
        """The action in the past tense."""
        return PAST_WORDS.get(self.action, self.action)


PAST_WORDS = {
    "issue": "issued the permission",
    "renew": "renewed it",
    "change": "changed it",
    "hold": "filed a renewal in time; it stays in force until that is decided",
    "release": "the renewal holds it open no longer",
    "prove": "proof arrived; it is active",
    "signed": "a message to the probe address showed that its mail is signed",
    "lapse": "the term ended without a renewal",
    "close": "the term is over",
    "end": "ended it",
    "hand_over": "offered it to somebody else",
    "accept": "took it over",
    "decline": "declined to take it over",
    "withdraw_offer": "withdrew the offer",
    "suspend": "suspended it",
    "resume": "resumed it",
    "revoke": "revoked it",
    "drift": "a daily check found that it no longer meets the standards",
    "owner_gone": "found that its owner has left",
    "owner_asked": "asked for a new owner",
    "owner_back": "found its owner in the directory again",
    "confirm_target": "confirmed that the vendor holds the domain that a DNS record points at",
    "list_pass": "let the approved message through to a large list",
    "list_again": "allowed one more delivery to a large list",
    "mended": "a daily check found that it meets the standards again",
}


class Reminder(models.Model):
    """A renewal reminder that was queued; unique by grant and due day, so running twice writes once."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="reminders")
    due_on = models.DateField()
    days_left = models.SmallIntegerField()
    queued_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("due_on",)
        constraints = (models.UniqueConstraint(fields=("grant", "due_on"), name="one_reminder_per_due_day"),)


class Handover(models.Model):
    """An offer to transfer a grant to another person, who becomes its owner by accepting."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="handovers")
    offered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    """None if the portal itself offers it, since the owner left."""
    offered_to = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="handovers_offered")
    offered_at = models.DateTimeField(default=timezone.now)
    note = models.TextField(max_length=1000, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    accepted = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("grant",), condition=Q(closed_at__isnull=True), name="one_open_handover_per_grant"
            ),
        )

    @property
    def giver(self) -> str:
        """The name of whoever offers it."""
        return str(self.offered_by) if self.offered_by else institution().product


class Standing(models.TextChoices):
    """The last result of the daily checks of a grant."""

    GREEN = "green", "Meets the standards"
    BROKEN = "broken", "Out of compliance"
    UNKNOWN = "unknown", "Not established yet"


class Compliance(models.Model):
    """Whether the facts that a grant was approved on still hold. `standing` is the last established result: a
    check without an answer leaves it unchanged and only sets `unanswered_at`, so that an outage of name servers
    never counts as a changed fact.
    """

    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, primary_key=True, related_name="compliance")
    standing = models.CharField(max_length=8, choices=Standing.choices, default=Standing.UNKNOWN)
    since = models.DateTimeField()
    """When `standing` became what it is."""
    broken_sentence = models.TextField(blank=True)
    advice = models.TextField(blank=True)
    """Advice to the owner that breaks nothing, one sentence a line."""
    told_at = models.DateTimeField(null=True, blank=True)
    """When the owners were notified of the present break; the grace period starts here."""
    suspended_by_portal = models.BooleanField(default=False)
    checked_at = models.DateTimeField(null=True, blank=True)
    """When a check last got a result."""
    unanswered_at = models.DateTimeField(null=True, blank=True)
    """When a check last got no answer, if that was the newest one."""

    class Meta:
        indexes = (models.Index(fields=("since",), condition=Q(standing="broken"), name="grants_that_drift"),)

    def __str__(self) -> str:
        return f"{self.grant_id} {self.standing}"


RUN_GIVEN_UP_AFTER = timedelta(minutes=15)


class RecheckRun(models.Model):
    """One run of the daily checks, with its progress."""

    started_at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(default=timezone.now)
    """When the run last recorded its progress."""
    finished_at = models.DateTimeField(null=True, blank=True)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    broken = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-id",)

    @property
    def is_running(self) -> bool:
        """Whether the run is active; the run of a worker that died is not."""
        return self.finished_at is None and timezone.now() - self.moved_at < RUN_GIVEN_UP_AFTER
