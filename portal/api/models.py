"""Service accounts, their tokens, and the calls that must not be made twice."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from portal.accounts.machine_tokens import MachineToken

USER = settings.AUTH_USER_MODEL


class Scope(models.TextChoices):
    """What a service account may do."""

    READ_REQUESTS = "requests:read", "Read requests, their findings and decisions"
    READ_GRANTS = "grants:read", "Read permissions"
    WRITE_REQUESTS = "requests:write", "File requests and renewals"


class ServiceAccount(models.Model):
    """A program that acts for a person: it sees what its owner sees, and what it files is its owner's."""

    name = models.CharField(max_length=60, unique=True)
    owner = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="service_accounts")
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ApiToken(MachineToken):
    """A token of a service account, valid until a day."""

    account = models.ForeignKey(ServiceAccount, on_delete=models.PROTECT, related_name="tokens")

    class Meta:
        ordering = ("account__name", "-id")


class KeptCall(models.Model):
    """A call with an Idempotency-Key, and its answer once there is one."""

    account = models.ForeignKey(ServiceAccount, on_delete=models.CASCADE, related_name="calls")
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    """SHA-256 of method, path and body: the same key with another call is a mistake."""
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.TextField(blank=True)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("account", "key"), name="one_call_per_key"),)
