"""The calendar's own model. The bookings are rows of other apps."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class CalendarToken(models.Model):
    """A person's address of the calendar feed. Only the hash is stored; the address is shown once."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="campaign_calendar_token"
    )
    token_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # The table keeps the name from when the calendar was part of campaigns.
        db_table = "campaigns_calendartoken"
