"""What was published, and whether something changed since."""

from django.db import models
from django.utils import timezone


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
