"""What a whitelist request asks, and what a whitelist permission allows."""

from django.db import models
from simple_history.models import HistoricalRecords

from portal.grants.models import Grant
from portal.workflow.details import Detail
from portal.workflow.models import ServiceRequest


class EntryKind(models.TextChoices):
    """One address, or every address of one exact domain."""

    ADDRESS = "address", "Address"
    DOMAIN = "domain", "Domain"


class Affected(models.TextChoices):
    """How many people miss the mail (WHT-1)."""

    FEW = "few", "Me, or a handful of people"
    GROUP = "group", "A course, a team or a department"
    MANY = "many", "A college, all students or all employees"
    SYSTEM = "system", "A shared mailbox or a system that has no safe-sender list"


class Disposition(models.TextChoices):
    """What became of the vendor's message."""

    JUNK = "junk", "It was put into the junk folder"
    QUARANTINE = "quarantine", "It was held in quarantine"
    REJECTED = "rejected", "It was refused; the sender got it back"
    MISSING = "missing", "It never arrived"


class WhitelistRequest(Detail):
    """The answers of one whitelist request; the sponsor is on the request itself."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="whitelist"
    )
    domain_reason = models.TextField(max_length=1000, blank=True)
    affected = models.CharField(max_length=8, choices=Affected.choices, blank=True)
    affected_count = models.PositiveIntegerField(null=True, blank=True)
    affected_who = models.CharField(max_length=300, blank=True)
    safelist_reason = models.TextField(max_length=1000, blank=True)
    observed_on = models.DateField(null=True, blank=True)
    observed_recipient = models.EmailField(blank=True)
    observed_verdict = models.CharField(max_length=12, choices=Disposition.choices, blank=True)
    message_id = models.CharField(max_length=998, blank=True)
    """RFC 5322 section 2.1.1 bounds a line, and so a Message-ID, at 998 characters."""
    vendor = models.CharField(max_length=150, blank=True)
    relationship = models.TextField(max_length=1000, blank=True)
    evidence = models.TextField(max_length=1000, blank=True)
    is_controlled = models.BooleanField(default=False)
    is_dedicated = models.BooleanField(default=False)
    hosted_services = models.TextField(max_length=1000, blank=True)
    is_hosted_controlled = models.BooleanField(default=False)
    is_attested = models.BooleanField(default=False)

    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.vendor}"


class WhitelistEntry(models.Model):
    """One address or domain that a request names, exact and in lower case."""

    whitelist_request = models.ForeignKey(WhitelistRequest, on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=8, choices=EntryKind.choices)
    value = models.CharField(max_length=254)

    class Meta:
        ordering = ("id",)


class WhitelistPermission(models.Model):
    """What a whitelist grant allows."""

    grant = models.OneToOneField(Grant, on_delete=models.CASCADE, primary_key=True, related_name="whitelist")
    vendor = models.CharField(max_length=150)

    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"{self.grant_id} {self.vendor}"


class PermittedEntry(models.Model):
    """One address or domain whose mail skips the content filter."""

    permission = models.ForeignKey(WhitelistPermission, on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=8, choices=EntryKind.choices)
    value = models.CharField(max_length=254, db_index=True)

    class Meta:
        ordering = ("kind", "value")
