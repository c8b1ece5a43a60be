"""Tables of counts: per grant and day, per grant and sender, and the days on which the service ran."""

from django.db import models

from portal.grants.models import Grant


class DailyUse(models.Model):
    """Counts of one grant on one day in the institution's zone; a message counts once, however many requests it
    caused.
    """

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="daily_use")
    day = models.DateField()
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    deferred = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    recipients = models.PositiveIntegerField(default=0, db_default=0)
    """Recipients accepted, a message to three counting three times: what the daily limit is about."""
    external = models.PositiveIntegerField(default=0, db_default=0)
    """Of these, outside the mail domain."""

    class Meta:
        constraints = (models.UniqueConstraint(fields=("grant", "day"), name="one_use_per_grant_and_day"),)
        indexes = (models.Index(fields=("day",), name="policy_use_by_day"),)

    def __str__(self) -> str:
        return f"{self.grant_id} {self.day}"


class SenderUse(models.Model):
    """An envelope sender that a grant's system used, or tried to use ("" for the null sender)."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="sender_use")
    sender = models.CharField(max_length=254, blank=True)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    deferred = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        ordering = ("-accepted", "-refused", "sender")
        constraints = (models.UniqueConstraint(fields=("grant", "sender"), name="one_use_per_sender"),)

    def __str__(self) -> str:
        return f"{self.grant_id} {self.sender}"


class AuthorUse(models.Model):
    """The From of messages of a grant, as seen by the milter: an address, or the text in its place."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="author_use")
    author = models.CharField(max_length=254, blank=True)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    deferred = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        ordering = ("-accepted", "-refused", "author")
        constraints = (models.UniqueConstraint(fields=("grant", "author"), name="one_use_per_author"),)

    def __str__(self) -> str:
        return f"{self.grant_id} {self.author}"


class MilterHost(models.Model):
    """A mail host whose messages the milter checks; others run only maps or the policy protocol."""

    host = models.CharField(max_length=100, primary_key=True)
    """Postfix's $myhostname, in lower case."""
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.host


class CountedDay(models.Model):
    """A day on which the service ran; on other days the amount of mail is unknown, not zero."""

    day = models.DateField(primary_key=True)

    def __str__(self) -> str:
        return f"{self.day}"
