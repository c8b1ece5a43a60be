"""Email that could not be delivered, for administrators and reviewers; in development, the email that was sent."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.models import User
from portal.lib.problems import NotAllowed, Problem
from portal.outbox import services
from portal.outbox.models import Notification
from portal.outbox.policies import may_handle_mail
from portal.outbox.selectors import undelivered, waiting_messages

SHOWN = 100


def _operator(request: HttpRequest) -> User:
    user = request.user
    if not isinstance(user, User) or not may_handle_mail(user):
        raise NotAllowed("The mail list is for administrators and reviewers.")
    return user


@login_required
@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    """List the emails that were given up, newest first, and how many wait."""
    _operator(request)
    dead, waiting = list(undelivered()[: SHOWN + 1]), waiting_messages()
    context = {
        "dead": dead[:SHOWN],
        "has_more": len(dead) > SHOWN,
        "shown": SHOWN,
        "waiting": waiting.count(),
        "oldest": waiting.defer("text", "html").first(),
        "is_development": settings.DEBUG,
    }
    return render(request, "outbox/outbox.html", context)


@login_required
@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Retry or discard one email that was given up."""
    actor = _operator(request)
    message = get_object_or_404(Notification, pk=pk)
    match request.POST.get("action", "retry"):
        case "discard":
            services.discard(message=message, actor=actor)
            messages.success(request, "The message was discarded.")
        case "retry":
            services.retry(message=message, actor=actor)
            messages.success(request, "The message is queued again.")
        case _:
            raise Problem("A message can be tried again or discarded; this was neither.")
    return redirect("outbox")


@require_safe
def dev_mail(request: HttpRequest) -> HttpResponse:
    """The newest mail in `var/mail`, in DEBUG alone."""
    if not settings.DEBUG:
        raise Http404
    folder = settings.EMAIL_FILE_PATH
    # By time and not by name: files of the same second are named after a memory address.
    newest = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    separator = b"-" * 79  # what Django's file backend writes between messages
    parts = (part.strip() for file in newest[:20] for part in reversed(file.read_bytes().split(separator)))
    emails = [_shown(message_from_bytes(part, policy=policy.default)) for part in parts if part]
    return render(request, "outbox/dev_mail.html", {"emails": emails[:50]})


def _shown(email: EmailMessage) -> dict[str, str]:
    body = email.get_body(("plain",))
    return {
        "subject": str(email["Subject"]),
        "to": str(email["To"]),
        "date": str(email["Date"]),
        "text": str(body.get_content()) if isinstance(body, EmailMessage) else "",
    }
