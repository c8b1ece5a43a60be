"""What the calendar keeps of its own. The bookings are rows of other apps."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class CalendarToken(models.Model):
    """A person's address of the calendar feed. Only the hash is kept: the address is shown once."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="campaign_calendar_token"
    )
    token_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # The table is from the time when the calendar was a part of campaigns; renaming it would gain nothing.
        db_table = "campaigns_calendartoken"
