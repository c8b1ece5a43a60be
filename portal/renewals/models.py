"""What was judged of a renewal, who confirmed it, and decisions on many at once."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest

USER = settings.AUTH_USER_MODEL


class Confirmation(models.Model):
    """That a renewal was filed by the owner's one confirmation; the request may still be on its way out."""

    service_request = models.OneToOneField(
        ServiceRequest, on_delete=models.CASCADE, primary_key=True, related_name="renewal_confirmation"
    )
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="confirmations")
    confirmed_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.service_request_id} confirmed"
