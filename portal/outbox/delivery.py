"""Send what is due, by SMTP, never inside a transaction.

Delivery is at least once: a message whose worker dies between the server's 250 and our commit goes out
again, with the same Message-ID (RFC 5322 section 3.6.4), so that a receiver can tell.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db.models import F
from django.utils import timezone

from portal.institution import institution
from portal.lib.text import one_line, truncate
from portal.outbox.models import Delivery, Notification
from portal.outbox.selectors import due_messages

logger = logging.getLogger(__name__)

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 1440))
"""The wait after each failed attempt; after one more failure the message is given up."""
MOST_ATTEMPTS = len(BACK_OFF) + 1


@dataclass(frozen=True)
class DeliveryReport:
    """What one sweep did."""

    sent: int = 0
    retried: int = 0
    dead: int = 0

    def __add__(self, other: "DeliveryReport") -> "DeliveryReport":
        return DeliveryReport(self.sent + other.sent, self.retried + other.retried, self.dead + other.dead)


def deliver_due(*, limit: int = 500) -> DeliveryReport:
    """Send what is due, oldest first, at most `limit` messages; returns what happened.

    While the mail server is unreachable nothing is tried, so that an outage uses up no attempts.
    """
    report = DeliveryReport()
    keys = list(due_messages().values_list("pk", flat=True)[:limit])
    if not keys:
        return report
    connection = get_connection()
    try:
        for pk in keys:
            connection.open()  # before the claim, and again after a failure; nothing where it is open
            message = _claim(pk)
            if message is not None:
                report += _deliver(message, connection)
    except (OSError, SMTPException) as error:
        logger.warning("The mail server is out of reach (%s); the next sweep tries again.", error)
    finally:
        connection.close()
    return report


def _claim(pk: int) -> Notification | None:
    """Claim the message for this worker; None if another has it. The attempt counts from here, so that a
    message that crashes its worker is also given up.
    """
    changes = {"state": Delivery.SENDING, "claimed_at": timezone.now(), "attempts": F("attempts") + 1}
    rows = due_messages().order_by().filter(pk=pk).update(**changes)
    return Notification.objects.get(pk=pk) if rows == 1 else None


def _deliver(message: Notification, connection: Any) -> DeliveryReport:
    if message.attempts > MOST_ATTEMPTS:
        return _give_up(message, "Each worker that tried to send this message died.")
    try:
        as_email(message, connection).send()
    except Exception as error:
        # Whatever the error is (the server's response, a header that cannot be built), it must not stop the
        # messages behind it.
        connection.close()
        return _failed(message, error)
    _finish(message, state=Delivery.SENT, sent_at=timezone.now(), last_error="")
    return DeliveryReport(sent=1)


def as_email(message: Notification, connection: Any = None) -> EmailMultiAlternatives:
    """The message with its headers: loop-safe (RFC 3834 section 5) and threaded by reference (RFC 5322 3.6.4)."""
    headers = {
        "Message-ID": message.message_id,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if message.thread:
        # All messages of a thread refer to one Message-ID that was never sent, so that mail programs group them.
        root = f"<{message.thread.lower()}@{institution().mail_domain}>"
        headers |= {"In-Reply-To": root, "References": root}
    email = EmailMultiAlternatives(
        message.subject,
        message.text,
        settings.DEFAULT_FROM_EMAIL,
        [message.recipient],
        headers=headers,
        connection=connection,
    )
    email.attach_alternative(message.html, "text/html")
    return email


def _failed(message: Notification, error: Exception) -> DeliveryReport:
    words = truncate(one_line(_words(error)), 500)
    if message.attempts >= MOST_ATTEMPTS or _is_permanent(error):
        return _give_up(message, words)
    wait = BACK_OFF[message.attempts - 1]
    logger.warning("Message %s failed (attempt %s): %s", message.pk, message.attempts, words)
    _finish(message, state=Delivery.QUEUED, next_attempt_at=timezone.now() + wait, last_error=words)
    return DeliveryReport(retried=1)


def _give_up(message: Notification, words: str) -> DeliveryReport:
    logger.error("Message %s is given up after attempt %s: %s", message.pk, message.attempts, words)
    _finish(message, state=Delivery.DEAD, last_error=words)
    return DeliveryReport(dead=1)


def _finish(message: Notification, **columns: Any) -> None:
    """Write the result of the attempt, unless the claim expired and another worker has the message."""
    ours = Notification.objects.filter(pk=message.pk, state=Delivery.SENDING, claimed_at=message.claimed_at)
    if ours.update(**columns) != 1:
        logger.warning("The claim on message %s ran out while it was being sent.", message.pk)


def _is_permanent(error: Exception) -> bool:
    """Whether a retry is useless: the server permanently refuses the recipient or the content (RFC 5321 section
    4.2.1), or the message cannot be built. A refused sender is a configuration error, so it is retried.
    """
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, SMTPDataError):
        return error.smtp_code >= 500
    return isinstance(error, ValueError)


def _words(error: Exception) -> str:
    """The server's response as text, or else the error's text."""
    if isinstance(error, SMTPRecipientsRefused):
        return "; ".join(f"{code} {_text(answer)}" for code, answer in error.recipients.values())
    if isinstance(error, SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    return str(error) or type(error).__name__


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
