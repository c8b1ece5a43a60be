"""Tables of publications, releases, held changes, mail hosts and receipts."""

from datetime import UTC, datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from portal.accounts.machine_tokens import MachineToken

USER = settings.AUTH_USER_MODEL
HOSTS = "hosts"
"""The place of the signed releases; another place is the path of a published folder."""


class Publication(models.Model):
    """One published set of files: its serial and contents."""

    serial = models.PositiveBigIntegerField(unique=True)
    """YYYYMMDDNN: the day in the institution's zone and a number."""
    published_at = models.DateTimeField(default=timezone.now)
    folder = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    """Digest of the files without the serial: equal if nothing changed."""
    grants = models.PositiveIntegerField()
    entries = models.PositiveIntegerField()

    class Meta:
        get_latest_by = "serial"

    def __str__(self) -> str:
        return str(self.serial)


class Pending(models.Model):
    """One row: since when a change waits to be published, and why the last attempt was refused."""

    changed_at = models.DateTimeField(null=True, blank=True)
    refused_because = models.TextField(blank=True)


# ---------------------------------------------------------------- what mail hosts pull
class Release(models.Model):
    """One signed set of files of one target, as mail hosts pull it."""

    target = models.CharField(max_length=40)
    epoch = models.PositiveBigIntegerField(default=0)
    """Increased after a restore, so that hosts accept later releases with lower serials; (epoch, serial) always
    increases.
    """
    serial = models.PositiveBigIntegerField()
    """YYYYMMDDNN, rising per target within an epoch."""
    released_at = models.DateTimeField(default=timezone.now)
    key_id = models.CharField(max_length=16)
    content_sha256 = models.CharField(max_length=64)
    """Digest of the files without the serial, and of the entries: equal if nothing changed."""
    manifest_sha256 = models.CharField(max_length=64)
    files_sha256 = models.CharField(max_length=64)
    """The digest of a host's own files if nobody edited them (docs/exports.md, Receipts)."""
    grants = models.PositiveIntegerField()
    entries = models.PositiveIntegerField()
    size = models.PositiveBigIntegerField()
    """Bytes of the archive."""

    class Meta:
        get_latest_by = ("epoch", "serial")
        constraints = (
            models.UniqueConstraint(
                fields=("target", "epoch", "serial"), name="one_release_per_epoch_serial"
            ),
        )

    def __str__(self) -> str:
        return f"{self.target} {self.serial}"

    @property
    def epoch_moment(self) -> datetime:
        """When the epoch started: its number is that moment in Unix time."""
        return datetime.fromtimestamp(self.epoch, UTC)


class ReleaseChunk(models.Model):
    """A chunk of a release's archive, so that a large one is served in bounded memory."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("release", "number"), name="one_chunk_per_number"),)


class ExportedGrant(models.Model):
    """The range of releases in which a target held a grant with the same entries."""

    target = models.CharField(max_length=40)
    reference = models.CharField(max_length=20)
    fingerprint = models.CharField(max_length=64)
    since = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    until = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    """The first release that holds it no longer, or with other entries."""
    entries = models.PositiveIntegerField(default=0)
    ends_on = models.DateField(null=True, blank=True)
    """The latest last day of its entries."""
    lines = models.TextField(blank=True)
    """The entries of the grant in the target, one a line."""
    facts = models.TextField(blank=True)
    """JSON from which the target can render it again if its rows are lost; empty in rows of earlier versions."""
    seen_event = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True, blank=True)
    """The newest event of the grant that this state reflects; a later one may explain the next change."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("target", "reference"),
                condition=models.Q(until__isnull=True),
                name="one_open_export_per_grant",
            ),
        )
        indexes = (models.Index(fields=("reference", "target"), name="exports_of_grant"),)


class HostToken(MachineToken):
    """A token with which one mail host pulls named targets until a day."""

    host = models.CharField(max_length=100)
    targets = models.JSONField(default=list)

    class Meta:
        ordering = ("host", "-id")

    def __str__(self) -> str:
        return f"{self.host} {self.hint}"


class HostState(models.Model):
    """The last receipt of one host for one target."""

    host = models.CharField(max_length=100)
    target = models.CharField(max_length=40)
    expected_since = models.DateTimeField(default=timezone.now)
    """Since when the host is expected to report."""
    epoch = models.PositiveBigIntegerField(default=0)
    serial = models.PositiveBigIntegerField(default=0)
    """The serial that is live there; 0 before the first."""
    lapsed = models.JSONField(default=list, blank=True)
    """The references that the host removed itself because their last day had passed."""
    unknown = models.JSONField(default=dict, blank=True)
    """The live release of the host if this database never made it: epoch, serial, sha256; else empty."""
    applied_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)
    lint = models.CharField(max_length=500, blank=True)
    """The error of the mail system's own parser; empty if there was none."""
    differing = models.TextField(blank=True)
    """The lines that differ from what was released; empty where none do."""
    told = models.CharField(max_length=12, blank=True)
    """The problem that IT was last notified of, so that each is reported once."""

    class Meta:
        ordering = ("target", "host")
        constraints = (models.UniqueConstraint(fields=("host", "target"), name="one_state_per_host"),)

    def __str__(self) -> str:
        return f"{self.host} {self.target}"


class HostManifest(models.Model):
    """The manifest of a release that a host holds and this database never made, as the host sent it, signed by us."""

    host = models.CharField(max_length=100)
    target = models.CharField(max_length=40)
    epoch = models.PositiveBigIntegerField(default=0)
    serial = models.PositiveBigIntegerField()
    received_at = models.DateTimeField(default=timezone.now)
    packed = models.BinaryField()
    """The manifest, compressed by zlib."""

    class Meta:
        constraints = (models.UniqueConstraint(fields=("host", "target"), name="one_manifest_per_host"),)

    def __str__(self) -> str:
        return f"{self.host} {self.target} {self.serial}"


class Receipt(models.Model):
    """A receipt that reports a change on a host: a serial went live, was refused, or somebody edited a file."""

    host = models.CharField(max_length=100)
    target = models.CharField(max_length=40)
    epoch = models.PositiveBigIntegerField(default=0)
    serial = models.PositiveBigIntegerField()
    applied_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    lint = models.CharField(max_length=500, blank=True)
    differing = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("host", "target", "serial"), name="receipts_of_host"),)


# ---------------------------------------------------------------- what is held back
class RunState(models.Model):
    """The state of the last run over one target in one place: its day, and the last event it read."""

    place = models.CharField(max_length=500)
    target = models.CharField(max_length=40)
    day = models.DateField()
    """The day of the last run whose date was in order."""
    events_read_to = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("place", "target"), name="one_run_state_per_target"),)

    def __str__(self) -> str:
        return f"{self.target} {self.day}"


class Direction(models.TextChoices):
    """The direction of a held change."""

    REMOVAL = "removal", "Would be taken out"
    ADDITION = "addition", "Would be let in"
    CHANGE = "change", "Would be changed"


class HeldChange(models.Model):
    """A change of one permission in one target that no action explains: the last release stays in effect for it
    until it is explained, undone, or released by an administrator.
    """

    place = models.CharField(max_length=500)
    target = models.CharField(max_length=40)
    reference = models.CharField(max_length=20)
    direction = models.CharField(max_length=10, choices=Direction.choices)
    mark = models.CharField(max_length=64, blank=True)
    """The digest of the new state; empty for a removal. Another digest is another change."""
    lines = models.TextField()
    """Removed lines with a minus, added lines with a plus."""
    why = models.TextField()
    is_by_day = models.BooleanField(default=False)
    """Whether only the date explains it, and the date is doubtful."""
    is_unwritable = models.BooleanField(default=False)
    """Whether the mail system cannot read it; then nobody can release it."""
    since = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    """When it was no longer held: explained, undone or released."""

    class Meta:
        ordering = ("-since", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("place", "target", "reference"),
                condition=models.Q(closed_at__isnull=True),
                name="one_open_hold_per_permission",
            ),
        )
        indexes = (models.Index(fields=("reference", "target"), name="holds_of_grant"),)

    def __str__(self) -> str:
        return f"{self.target} {self.reference} {self.direction}"


class DateConfirmation(models.Model):
    """The confirmation of an administrator that the date is right, after a jump."""

    actor = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    day = models.DateField()

    class Meta:
        ordering = ("-id",)
