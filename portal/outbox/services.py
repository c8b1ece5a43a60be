"""Queue, deliver, retry, discard.

Delivery is at least once: a message whose worker dies between the server's 250 and our commit goes out
again, with the same Message-ID, so that a receiver can tell. SMTP never runs inside a transaction.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.lib.text import one_line, truncate
from portal.outbox.letters import render_letter
from portal.outbox.models import Delivery, OutboxMessage

if TYPE_CHECKING:
    from portal.accounts.models import User

logger = logging.getLogger(__name__)

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480, 1440))
"""The wait after each failed attempt; one failure more, and the message is given up."""
LEASE = timedelta(minutes=10)
"""A claim older than this was left by a worker that died."""


@dataclass(frozen=True)
class DeliveryReport:
    """What one sweep did."""

    sent: int = 0
    retried: int = 0
    dead: int = 0

    def __add__(self, other: "DeliveryReport") -> "DeliveryReport":
        return DeliveryReport(self.sent + other.sent, self.retried + other.retried, self.dead + other.dead)


def enqueue(
    *,
    recipient: str,
    template: str,
    context: Mapping[str, Any],
    thread: str = "",
    unique_key: str | None = None,
) -> OutboxMessage | None:
    """Write a message from `templates/mail/<template>.txt` beside the caller's change.

    `context["path"]` is the page that the message's link shows. Returns None where `unique_key` was used
    before. Must run in the caller's transaction: a change rolled back sends nothing.
    """
    if unique_key and OutboxMessage.objects.filter(unique_key=unique_key).exists():
        return None
    place = institution()
    full = {
        "institution": place,
        "link": f"{settings.PUBLIC_URL}{context.get('path', '/')}",
        **context,
    }
    letter = render_letter(template, full)
    message = OutboxMessage(
        recipient=recipient,
        subject=f"[{thread}] {letter.subject}" if thread else letter.subject,
        text=letter.text,
        html=letter.html,
        thread=thread,
        message_id=f"<{uuid.uuid4().hex}@{place.mail_domain}>",
        unique_key=unique_key,
    )
    # Two services may race for one unique key; the loser's INSERT must not break its transaction.
    OutboxMessage.objects.bulk_create([message], ignore_conflicts=True)
    transaction.on_commit(wake, robust=True)
    return message


def wake() -> None:
    """Ask a worker to deliver now. A broker out of reach is no error: the sweep comes within a minute."""
    from portal.outbox.tasks import deliver_outbox

    try:
        deliver_outbox.apply_async(retry=False)
    except Exception:
        logger.warning("The broker did not take the wake-up call; the sweep will deliver.")


def due_messages() -> Any:
    """Messages to send now: waiting ones whose time has come, and claims left by a dead worker."""
    now = timezone.now()
    return OutboxMessage.objects.filter(
        Q(state=Delivery.QUEUED, next_attempt_at__lte=now)
        | Q(state=Delivery.SENDING, claimed_at__lt=now - LEASE)
    ).order_by("next_attempt_at", "id")


def deliver_due(*, limit: int = 500) -> DeliveryReport:
    """Send what is due, oldest first, at most `limit` messages; returns what happened.

    While the mail server is out of reach nothing is tried, so that an outage uses up no message's attempts.
    """
    report = DeliveryReport()
    keys = list(due_messages().values_list("pk", flat=True)[:limit])
    if not keys:
        return report
    try:
        with get_connection() as connection:
            for pk in keys:
                message = _claim(pk)
                if message is not None:
                    report += _deliver(message, connection)
    except (OSError, SMTPException) as error:
        logger.warning("The mail server is out of reach (%s); the next sweep tries again.", error)
    return report


def _claim(pk: int) -> OutboxMessage | None:
    rows = due_messages().order_by().filter(pk=pk).update(state=Delivery.SENDING, claimed_at=timezone.now())
    return OutboxMessage.objects.get(pk=pk) if rows == 1 else None


def _deliver(message: OutboxMessage, connection: Any) -> DeliveryReport:
    try:
        as_email(message, connection).send()
    except (OSError, SMTPException, ValueError) as error:
        # ValueError: what cannot be put into a header. One such message must not stop those behind it.
        connection.close()
        return _failed(message, error)
    OutboxMessage.objects.filter(pk=message.pk).update(
        state=Delivery.SENT, sent_at=timezone.now(), attempts=F("attempts") + 1, last_error=""
    )
    return DeliveryReport(sent=1)


def as_email(message: OutboxMessage, connection: Any = None) -> EmailMultiAlternatives:
    """The message with its headers: loop-safe (RFC 3834 section 5) and threaded by reference (RFC 5322 3.6.4)."""
    headers = {
        "Message-ID": message.message_id,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if message.thread:
        # A message that nobody got, but that every message of the thread answers, joins them in a reader.
        root = f"<{message.thread.lower()}@{institution().mail_domain}>"
        headers |= {"In-Reply-To": root, "References": root}
    email = EmailMultiAlternatives(
        message.subject, message.text, settings.DEFAULT_FROM_EMAIL, [message.recipient], headers=headers,
        connection=connection,
    )  # fmt: skip
    email.attach_alternative(message.html, "text/html")
    return email


def _failed(message: OutboxMessage, error: Exception) -> DeliveryReport:
    attempts = message.attempts + 1
    dead = attempts > len(BACK_OFF) or _is_permanent(error)
    wait = timedelta() if dead else BACK_OFF[attempts - 1]
    OutboxMessage.objects.filter(pk=message.pk).update(
        state=Delivery.DEAD if dead else Delivery.QUEUED,
        attempts=attempts,
        next_attempt_at=timezone.now() + wait,
        last_error=truncate(one_line(str(error)), 500),
    )
    logger.warning("Message %s to %s failed (attempt %s): %s", message.pk, message.recipient, attempts, error)
    return DeliveryReport(dead=1) if dead else DeliveryReport(retried=1)


def _is_permanent(error: Exception) -> bool:
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, ValueError):
        return True
    return isinstance(error, SMTPResponseException) and error.smtp_code >= 500


def _change_dead(message: OutboxMessage, actor: "User", **columns: Any) -> None:
    if not actor.sees_everything or not (actor.is_decider or actor.is_superuser or _administers(actor)):
        raise NotAllowed("Only administrators and reviewers handle mail that could not be delivered.")
    if OutboxMessage.objects.filter(pk=message.pk, state=Delivery.DEAD).update(**columns) != 1:
        raise WrongState("This message is not among those that were given up.")


def _administers(actor: "User") -> bool:
    from portal.accounts.roles import Role

    return actor.has_role(Role.ADMINISTRATOR)


def retry(*, message: OutboxMessage, actor: "User") -> None:
    """Queue a dead message again, with its old Message-ID. Raises NotAllowed or WrongState."""
    _change_dead(message, actor, state=Delivery.QUEUED, attempts=0, next_attempt_at=timezone.now())
    transaction.on_commit(partial(wake), robust=True)


def discard(*, message: OutboxMessage, actor: "User") -> None:
    """Take a dead message off the list without sending it. Raises NotAllowed or WrongState."""
    _change_dead(message, actor, state=Delivery.DISCARDED)
