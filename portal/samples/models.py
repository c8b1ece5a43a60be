"""The token in a request's probe address, and the messages that came."""

import secrets

from django.db import models
from django.utils import timezone

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest


def new_token() -> str:
    """The secret part of a probe address: 80 random bits, in lower case since mail may fold it."""
    return secrets.token_hex(10)


class ProbeToken(models.Model):
    """The token of one request's own probe address."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="probe_token"
    )
    token = models.CharField(max_length=40, unique=True, default=new_token)

    def __str__(self) -> str:
        return f"probe of {self.service_request_id}"


class SignedSample(models.Model):
    """One real message, stored whole as evidence, with its last result."""

    class Source(models.TextChoices):
        """How it came."""

        UPLOAD = "upload", "Uploaded"
        PROBE = "probe", "Sent to the probe address"

    service_request = models.ForeignKey(ServiceRequest, on_delete=models.CASCADE, related_name="samples")
    source = models.CharField(max_length=6, choices=Source.choices)
    received_at = models.DateTimeField(default=timezone.now)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    file = models.FileField(max_length=200)
    name = models.CharField(max_length=255, blank=True)
    """The name of an uploaded file; empty for a message that came by mail."""
    came_from = models.CharField(max_length=300, blank=True)
    """Who submitted it: the person's address, or the mail host and its envelope sender."""

    outcome = models.CharField(max_length=7, blank=True)
    """Empty until it was judged; else pass, fail or unknown."""
    reason = models.TextField(blank=True)
    is_proof = models.BooleanField(default=False)
    """Whether it shows what its request wants of a sample (`SampledKind.wanted`)."""
    evidence = models.JSONField(default=dict)
    judged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("service_request", "sha256"), name="one_signed_sample_per_content"
            ),
        )
        indexes = (models.Index(fields=("outcome", "id"), name="signed_samples_by_outcome"),)

    def __str__(self) -> str:
        return f"{self.service_request_id} {self.sha256[:12]}"

    @property
    def is_open_to_others(self) -> bool:
        """Whether it passes with a signature that lets others change a copy; `reason` says how."""
        return self.is_proof and bool(self.evidence.get("warnings"))

    @property
    def is_disproved(self) -> bool:
        """Whether it counted as proof before but proves nothing by today's rules; `reason` says why."""
        return not self.is_proof and bool(self.evidence.get("disproved"))

    @property
    def from_domain(self) -> str:
        """The domain in From as it was read at the last judgement; empty where there is none."""
        return str(self.evidence.get("from_domain") or "")


class SigningProof(models.Model):
    """The newest message that showed that a permission's mail is signed (OVR-4). It stays, whatever comes later."""

    grant = models.OneToOneField(
        Grant, on_delete=models.CASCADE, primary_key=True, related_name="signing_proof"
    )
    sample = models.ForeignKey(SignedSample, on_delete=models.PROTECT, related_name="+")
    from_address = models.EmailField()
    """The sender that it was from, in lower case."""
    signing_domain = models.CharField(max_length=253)
    proven_at = models.DateTimeField()
    """When the message came."""
    outdated_at = models.DateTimeField(null=True, blank=True)
    """When the permission was changed so that its sender is no longer permitted; a new message is needed then."""

    def __str__(self) -> str:
        return f"{self.grant_id} {self.from_address}"

    @property
    def is_current(self) -> bool:
        """Whether it still speaks for what the permission allows."""
        return self.outdated_at is None


class ProofReminder(models.Model):
    """A reminder of a missing proof that was queued; unique by grant and due day, so running twice writes once."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="proof_reminders")
    due_on = models.DateField()
    queued_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("due_on",)
        constraints = (
            models.UniqueConstraint(fields=("grant", "due_on"), name="one_proof_reminder_per_due_day"),
        )
