"""What was published, and whether something changed since."""

from django.db import models
from django.utils import timezone

from portal.accounts.machine_tokens import MachineToken


class Publication(models.Model):
    """One set of files that was written: its serial and what was in it."""

    serial = models.PositiveBigIntegerField(unique=True)
    """YYYYMMDDNN: the day in the institution's zone and a number."""
    published_at = models.DateTimeField(default=timezone.now)
    folder = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    """Of the files' contents without the serial: equal where nothing changed."""
    grants = models.PositiveIntegerField()
    entries = models.PositiveIntegerField()

    class Meta:
        get_latest_by = "serial"

    def __str__(self) -> str:
        return str(self.serial)


class Pending(models.Model):
    """One row: since when a change waits to be published, and why the last try was refused."""

    changed_at = models.DateTimeField(null=True, blank=True)
    refused_because = models.TextField(blank=True)


# ---------------------------------------------------------------- what mail hosts pull
class Release(models.Model):
    """One signed set of files of one target, as mail hosts pull it."""

    target = models.CharField(max_length=40)
    serial = models.PositiveBigIntegerField()
    """YYYYMMDDNN, rising per target."""
    released_at = models.DateTimeField(default=timezone.now)
    key_id = models.CharField(max_length=16)
    content_sha256 = models.CharField(max_length=64)
    """Of the files without the serial and of the entries: equal where nothing changed."""
    manifest_sha256 = models.CharField(max_length=64)
    files_sha256 = models.CharField(max_length=64)
    """What a host's own files give when nobody edited them (docs/exports.md, Receipts)."""
    grants = models.PositiveIntegerField()
    entries = models.PositiveIntegerField()
    size = models.PositiveBigIntegerField()
    """Bytes of the archive."""

    class Meta:
        get_latest_by = "serial"
        constraints = (models.UniqueConstraint(fields=("target", "serial"), name="one_release_per_serial"),)

    def __str__(self) -> str:
        return f"{self.target} {self.serial}"


class ReleaseChunk(models.Model):
    """A piece of a release's archive, so that a large one passes through the web in bounded memory."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("release", "number"), name="one_chunk_per_number"),)


class ExportedGrant(models.Model):
    """From which release to which one a target held a grant with the same entries."""

    target = models.CharField(max_length=40)
    reference = models.CharField(max_length=20)
    fingerprint = models.CharField(max_length=64)
    since = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+")
    until = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    """The first release that holds it no longer, or with other entries."""
    entries = models.PositiveIntegerField(default=0)

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
    """What lets one mail host pull named targets until a day."""

    host = models.CharField(max_length=100)
    targets = models.JSONField(default=list)

    class Meta:
        ordering = ("host", "-id")

    def __str__(self) -> str:
        return f"{self.host} {self.hint}"


class HostState(models.Model):
    """What one host last said of one target."""

    host = models.CharField(max_length=100)
    target = models.CharField(max_length=40)
    expected_since = models.DateTimeField(default=timezone.now)
    """Since when the host is expected to report."""
    serial = models.PositiveBigIntegerField(default=0)
    """What is live there; 0 before the first."""
    applied_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)
    lint = models.CharField(max_length=500, blank=True)
    """What the mail system's own reader complained about; empty where it did not."""
    differing = models.TextField(blank=True)
    """The lines that differ from what was released; empty where none do."""
    told = models.CharField(max_length=12, blank=True)
    """The trouble that people were told of, so that they hear of each once."""

    class Meta:
        ordering = ("target", "host")
        constraints = (models.UniqueConstraint(fields=("host", "target"), name="one_state_per_host"),)

    def __str__(self) -> str:
        return f"{self.host} {self.target}"


class Receipt(models.Model):
    """A host's word that something changed there: a serial went live, was refused, or somebody edited a file."""

    host = models.CharField(max_length=100)
    target = models.CharField(max_length=40)
    serial = models.PositiveBigIntegerField()
    applied_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    lint = models.CharField(max_length=500, blank=True)
    differing = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("host", "target", "serial"), name="receipts_of_host"),)
