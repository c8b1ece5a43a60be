"""The tables of the engine: requests, their timeline, questions, findings and files.

`ServiceRequest` holds what a queue shows, so that a queue is one indexed query; each kind keeps its own
columns in a detail model whose primary key is a one-to-one to this table.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from portal.ui.links import path_of
from portal.workflow import registry
from portal.workflow.querysets import ServiceRequestQuerySet
from portal.workflow.states import LIVE_STATES, OPEN_STATES, Action, State

if TYPE_CHECKING:
    from portal.workflow.kinds import Kind, Stage


USER = settings.AUTH_USER_MODEL


class Intention(models.TextChoices):
    """Whether a request asks for something new or touches a grant there is."""

    NEW = "new", "New"
    RENEWAL = "renewal", "Renewal"
    CHANGE = "change", "Change"


_LIVE = Q(state__in=LIVE_STATES)
# Rows of several states come out of an index by state, not by day; an index of the live ones gives them by day.


class Counter(models.Model):
    """The last number given to a request of a kind; references are never given twice."""

    kind = models.CharField(max_length=20, primary_key=True)
    last = models.PositiveIntegerField(default=1000)


class ServiceRequest(models.Model):
    """One request of any kind."""

    kind = models.CharField(max_length=20)
    reference = models.CharField(max_length=20, unique=True)
    intention = models.CharField(max_length=10, choices=Intention.choices, default=Intention.NEW)
    state = models.CharField(max_length=20, choices=State.choices, default=State.DRAFT)
    stage = models.CharField(max_length=30, blank=True)
    stage_role = models.CharField(max_length=30, blank=True)
    revision = models.PositiveIntegerField(default=0)

    requester = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="requests")
    co_owner = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="co_owned_requests", null=True, blank=True
    )
    sponsor = models.ForeignKey(
        USER, on_delete=models.PROTECT, related_name="sponsored_requests", null=True, blank=True
    )
    assignee = models.ForeignKey(
        USER, on_delete=models.SET_NULL, related_name="assigned_requests", null=True, blank=True
    )
    department = models.CharField(max_length=150, blank=True)
    functional_mailbox = models.EmailField(blank=True)
    title = models.CharField(max_length=150, blank=True)
    purpose = models.TextField(max_length=2000, blank=True)
    subject_key = models.CharField(max_length=255, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    stage_entered_at = models.DateTimeField(null=True, blank=True)
    clock_paused_at = models.DateTimeField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    blocking_findings = models.PositiveSmallIntegerField(default=0)

    objects = ServiceRequestQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(co_owner__isnull=True) | ~Q(co_owner=F("requester")), name="co_owner_is_another"
            ),
            models.CheckConstraint(
                condition=~Q(state="in_review") | ~Q(stage=""), name="in_review_has_a_stage"
            ),
        )
        indexes = (
            models.Index(fields=("state", "-id"), name="queue_by_age"),
            # With what the counts of the tabs ask for, so that PostgreSQL counts in the index alone.
            models.Index(fields=("due_on", "id"), include=("state",), condition=_LIVE, name="live_by_day"),
            models.Index(
                fields=("stage_role", "due_on", "id"),
                include=("requester", "co_owner", "sponsor"),
                condition=_LIVE,
                name="live_on_desk",
            ),
            models.Index(fields=("assignee", "due_on", "id"), condition=_LIVE, name="live_by_assignee"),
            models.Index(fields=("assignee", "-id"), name="requests_of_assignee"),
            models.Index(fields=("requester", "-id"), name="requests_of_requester"),
            models.Index(fields=("co_owner", "-id"), name="requests_of_co_owner"),
        )

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def get_absolute_url(self) -> str:
        """The request's page."""
        return path_of("request", self.reference)

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Read the row again, and with it who has or had a part."""
        super().refresh_from_db(*args, **kwargs)
        self.__dict__.pop("_parts", None)

    @property
    def kind_entry(self) -> "Kind":
        """The registry's entry for this request's kind."""
        return registry.get(self.kind)

    @property
    def current_stage(self) -> "Stage | None":
        """The stage that has the request now, if any."""
        return next((stage for stage in self.kind_entry.stages if stage.key == self.stage), None)

    @property
    def is_open(self) -> bool:
        """Whether the request can still change."""
        return self.state in OPEN_STATES

    @property
    def is_overdue(self) -> bool:
        """Whether the stage's target day has passed while the clock runs."""
        return (
            self.state == State.IN_REVIEW and self.due_on is not None and self.due_on < timezone.localdate()
        )


class Part(models.TextChoices):
    """What somebody is or was to a request."""

    REQUESTER = "requester", "Requester"
    CO_OWNER = "co_owner", "Co-owner"
    SPONSOR = "sponsor", "Sponsor"
    EDITOR = "editor", "Changed answers or files"
    HOLDER = "holder", "Holds, held or is offered the permission that the request is about"
    DECIDER = "decider", "Passed it on, approved or denied it"


class Participation(models.Model):
    """A part that somebody has or once had in a request; never removed, so that four eyes hold by history."""

    service_request = models.ForeignKey(
        ServiceRequest, on_delete=models.CASCADE, related_name="participations"
    )
    person = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    part = models.CharField(max_length=10, choices=Part.choices)
    stage = models.CharField(max_length=30, blank=True)
    """The stage that was decided; empty for every other part."""
    since = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True, blank=True)
    """When a co-owner or sponsor was told by email that they were named."""
    accepted_at = models.DateTimeField(null=True, blank=True)
    """When they accepted; before that they get no further email."""

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("service_request", "person", "part", "stage"), name="one_row_per_part"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person_id} {self.part} {self.stage}".strip()


class SearchTerm(models.Model):
    """A word a request is found by: its reference, host, addresses, people. Matched by prefix."""

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="search_terms")
    term = models.CharField(max_length=255, db_index=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("service_request", "term"), name="one_row_per_search_term"),
        )


class DraftStep(models.Model):
    """What was typed on one page of a form, exactly as typed, right or wrong, so that nothing is lost."""

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="draft_steps")
    step = models.CharField(max_length=30)
    typed = models.JSONField(default=dict)
    is_complete = models.BooleanField(default=False)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("service_request", "step"), name="one_draft_per_step"),
        )


class CheckRun(models.Model):
    """One run of a kind's checks over a request. The run a decision was made on is frozen evidence."""

    class Occasion(models.TextChoices):
        SUBMISSION = "submission", "At submission"
        APPROVAL = "approval", "Before the decision"
        RECHECK = "recheck", "Asked for by a reviewer"
        SAMPLE = "sample", "When a sample message came in"

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="check_runs")
    occasion = models.CharField(max_length=12, choices=Occasion.choices)
    ran_at = models.DateTimeField(default=timezone.now)
    answers_revision = models.PositiveIntegerField(default=0)

    class Meta:
        get_latest_by = "id"
        indexes = (models.Index(fields=("service_request", "-id"), name="newest_check_run"),)


class StoredFinding(models.Model):
    """A finding of a run, as a row."""

    run = models.ForeignKey(CheckRun, on_delete=models.CASCADE, related_name="findings")
    clause = models.CharField(max_length=10)
    rule = models.CharField(max_length=60)
    outcome = models.CharField(max_length=10)
    must = models.BooleanField(default=True)
    waivable = models.BooleanField(default=False)
    field = models.CharField(max_length=60, blank=True)
    sentence = models.TextField()
    evidence = models.JSONField(default=dict)

    class Meta:
        db_table = "workflow_finding"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.clause} {self.outcome}: {self.sentence}"


class Waiver(models.Model):
    """A must-clause set aside for one request, by name and with a reason."""

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="waivers")
    rule = models.CharField(max_length=60)
    clause = models.CharField(max_length=10)
    reason = models.TextField(max_length=2000)
    waived_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    waived_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("service_request", "rule"), name="one_waiver_per_rule"),
        )


class Visibility(models.TextChoices):
    """Who reads an entry of the timeline."""

    PUBLIC = "public", "Everybody who sees the request"
    REVIEWERS = "reviewers", "Reviewers only"


class Event(models.Model):
    """One entry of a request's timeline; never changed, never removed."""

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    """None for an action of the portal itself."""
    capacity = models.CharField(max_length=100, blank=True, default="")
    """In whose stead the actor acted, such as "for the CIO"; empty for their own office."""
    action = models.CharField(max_length=20)
    from_state = models.CharField(max_length=20, blank=True)
    to_state = models.CharField(max_length=20, blank=True)
    stage = models.CharField(max_length=30, blank=True)
    comment = models.TextField(blank=True)
    clauses = models.JSONField(default=list)
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PUBLIC)
    check_run = models.ForeignKey(
        CheckRun, on_delete=models.PROTECT, related_name="decisions", null=True, blank=True
    )
    files = models.JSONField(default=list, blank=True)
    """For a decision, the files it saw: a list of {name, sha256}."""

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("service_request", "id"), name="timeline"),)

    @property
    def label(self) -> str:
        """The action in the past tense."""
        return PAST_WORDS.get(self.action, self.action)

    @property
    def who(self) -> str:
        """The actor, and in whose stead; "" for the portal itself."""
        if self.actor is None:
            return ""
        return f"{self.actor}, {self.capacity}" if self.capacity else str(self.actor)


PAST_WORDS = {
    Action.SUBMIT: "submitted the request",
    Action.RESUBMIT: "answered and sent it back to review",
    Action.WITHDRAW: "withdrew the request",
    Action.TAKE: "took the request",
    Action.RELEASE: "put the request back",
    Action.ASK: "asked for information",
    Action.ADVANCE: "passed the request on",
    Action.APPROVE: "approved the request",
    Action.DENY: "denied the request",
    Action.COMMENT: "commented",
    "program": "filed this",
    "close": "The request was closed",
    "create": "began a draft",
    "attach": "added a file",
    "detach": "removed a file",
    "accept_part": "accepted to have a part in the request",
    "take_over": "took the request over",
    "recheck": "ran the checks again",
    "waive": "waived a clause",
    "escalate": "The stage is overdue; its people were reminded",
}


class FieldChange(models.Model):
    """One answer that differs from before, kept with the event that changed it."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="changes")
    field = models.CharField(max_length=60)
    label = models.CharField(max_length=150)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)


class Question(models.Model):
    """What a reviewer wants to know, anchored at a field of the form or at none."""

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="questions")
    field = models.CharField(max_length=60, blank=True)
    text = models.TextField(max_length=2000)
    asked_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    answer = models.TextField(max_length=4000, blank=True)
    answered_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)


def attachment_path(attachment: "Attachment", filename: str) -> str:
    """Where a file is kept: by request and content, never by the name somebody typed."""
    return f"attachments/{attachment.service_request_id}/{attachment.sha256}"


class PresentFiles(models.Manager["Attachment"]):
    """The files that were not removed."""

    def get_queryset(self) -> "models.QuerySet[Attachment]":
        """Present files only; `Attachment.with_removed` has all."""
        return super().get_queryset().filter(removed_at__isnull=True)


class Attachment(models.Model):
    """A file added to a request; its type was told from its content.

    Once the request was submitted a file that is removed stays as a row, so that a decision's files can be read again.
    """

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="attachments")
    uploaded_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=timezone.now)
    name = models.CharField(max_length=150)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to=attachment_path, max_length=200)
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)

    objects = PresentFiles()
    with_removed: ClassVar[models.Manager["Attachment"]] = models.Manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("service_request", "sha256"),
                condition=Q(removed_at__isnull=True),
                name="one_present_file_per_content",
            ),
        )


class Snapshot(models.Model):
    """The answers as they stood at a submission: what a decision was made on, and what changed since."""

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="snapshots")
    taken_at = models.DateTimeField(default=timezone.now)
    answers = models.JSONField(default=list)
    """A list of {field, label, value}, in the order of the form."""

    class Meta:
        get_latest_by = "id"
        indexes = (models.Index(fields=("service_request", "-id"), name="newest_snapshot"),)


class AddressConsent(models.Model):
    """A row that names an address: whose consent it takes, and what they answered (REL-3, OVR-5)."""

    asked_of = models.EmailField(blank=True)
    """Whose consent it takes, by address: the person's whose address it is, or the shared mailbox's owner's."""
    consent_asked_at = models.DateTimeField(null=True, blank=True)
    consent_given_at = models.DateTimeField(null=True, blank=True)
    consent_refused_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def asked_address(self) -> str:
        """The address to be lent."""
        raise NotImplementedError

    @property
    def asked_for(self) -> "ServiceRequest":
        """The request that names it."""
        raise NotImplementedError

    @property
    def consent_path(self) -> str:
        """The page on which its person answers."""
        raise NotImplementedError
