"""Queue a message, dispatch its delivery, retry or discard a failed one. `delivery.py` sends."""

import hashlib
import logging
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone

from portal.accounts.models import User
from portal.institution import institution
from portal.lib import dispatch
from portal.lib.problems import NotAllowed, WrongState
from portal.lib.text import truncate
from portal.outbox.models import Delivery, Notification
from portal.outbox.policies import may_handle_mail
from portal.outbox.rendering import render_email

logger = logging.getLogger(__name__)

LONGEST_KEY = 200
LONGEST_SUBJECT = 200


def enqueue(
    *,
    recipient: str,
    template: str,
    context: Mapping[str, Any],
    thread: str = "",
    unique_key: str | None = None,
) -> Notification | None:
    """Write a message from `templates/mail/<template>.txt` beside the caller's change, and return it.

    `context["path"]` is the page that the message links to. `thread` is the reference by which mail
    programs keep messages together. Returns None where `unique_key` was used before. Must run in the caller's
    transaction: a change rolled back sends nothing. Raises MalformedTemplate for a template without its parts.
    """
    key = _fitting(unique_key) if unique_key else None
    if key and Notification.objects.filter(unique_key=key).exists():
        return None
    link = f"{settings.PUBLIC_URL}{context.get('path', '/')}"
    email = render_email(template, {"institution": institution(), "link": link, **context})
    subject = f"[{thread}] {email.subject}" if thread else email.subject
    message = Notification(
        recipient=recipient,
        subject=truncate(subject, LONGEST_SUBJECT),
        text=email.text,
        html=email.html,
        thread=thread,
        message_id=f"<{uuid.uuid4().hex}@{institution().mail_domain}>",
        unique_key=key,
    )
    if not _insert(message):
        return None
    _deliver_soon()
    return message


def _insert(message: Notification) -> bool:
    if message.unique_key is None:
        message.save(force_insert=True)
        return True
    # Two services may race for one key. The loser's INSERT must not break its transaction, as an
    # IntegrityError would on PostgreSQL; so the conflict is ignored, and the row looked for.
    Notification.objects.bulk_create([message], ignore_conflicts=True)
    message.pk = (
        Notification.objects.filter(message_id=message.message_id).values_list("pk", flat=True).first()
    )
    return message.pk is not None


def _fitting(key: str) -> str:
    """The key, or its digest where it is longer than its column: an address alone may have 254 characters."""
    if len(key) <= LONGEST_KEY:
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _deliver_soon() -> None:
    dispatch.after_commit("portal.outbox.tasks.deliver_outbox", otherwise="the sweep will deliver")


def retry(*, message: Notification, actor: User) -> None:
    """Queue a dead message again, with its old Message-ID. Raises NotAllowed or WrongState."""
    _change_dead(message, actor, state=Delivery.QUEUED, attempts=0, next_attempt_at=timezone.now())
    _deliver_soon()


def discard(*, message: Notification, actor: User) -> None:
    """Take a dead message off the list without sending it. Raises NotAllowed or WrongState."""
    _change_dead(message, actor, state=Delivery.DISCARDED)


def _change_dead(message: Notification, actor: User, **columns: Any) -> None:
    if not may_handle_mail(actor):
        raise NotAllowed("Only administrators and reviewers handle mail that could not be delivered.")
    if Notification.objects.filter(pk=message.pk, state=Delivery.DEAD).update(**columns) != 1:
        raise WrongState("This message is not among those that were given up.")
    logger.info("Message %s was set to %s by %s.", message.pk, columns["state"], actor.pk)
