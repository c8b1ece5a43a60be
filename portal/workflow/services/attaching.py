"""Files added to a request: told by their content, bounded in size and number, never served inline."""

import hashlib
from pathlib import PurePath
from typing import TYPE_CHECKING

import puremagic
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction

from portal.lib.problems import NotAllowed, WrongState
from portal.lib.text import one_line
from portal.workflow.models import Attachment, Event, ServiceRequest
from portal.workflow.policies import is_decider, is_requester
from portal.workflow.states import OPEN_STATES

if TYPE_CHECKING:
    from portal.accounts.models import User

ALLOWED = {
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".eml": "message/rfc822",
}
_TEXT_KINDS = frozenset({".txt", ".csv", ".eml"})
_OFFICE_ZIPS = frozenset({".docx", ".xlsx", ".odt"})
_SNIFF_BYTES = 64 * 1024


def content_type_of(name: str, head: bytes) -> str:
    """The content type of a file by its first bytes, where it is one of ours and agrees with its name.

    Raises ValidationError with a sentence where the kind is not taken or the content is something else.
    """
    extension = PurePath(name.lower()).suffix
    if extension not in ALLOWED:
        kinds = ", ".join(sorted(key[1:].upper() for key in ALLOWED))
        raise ValidationError(f"“{name}” is not a kind of file we take. Send one of {kinds}.")
    if extension in _TEXT_KINDS:
        fits = b"\x00" not in head and _signature(head) in ("", *_TEXT_KINDS)
    elif extension in _OFFICE_ZIPS:
        fits = head.startswith(b"PK\x03\x04")
    else:
        fits = ALLOWED.get(_signature(head)) == ALLOWED[extension]
    if not fits:
        raise ValidationError(
            f"The content of “{name}” is not what its name says. Save it again as a real "
            f"{extension[1:].upper()} file and add that."
        )
    return ALLOWED[extension]


def _signature(head: bytes) -> str:
    if head.startswith(b"%PDF-"):
        return ".pdf"
    if head.startswith((b"MZ", b"\x7fELF")):
        return ".exe"
    try:
        extension = str(puremagic.from_string(head)).lower()
    except (puremagic.PureError, ValueError):
        return ""
    return extension if extension in (".pdf", ".png", ".jpg", ".jpeg", ".jfif", ".zip", ".exe") else ""


def may_attach(service_request: ServiceRequest, actor: "User") -> bool:
    """Whether the actor may add or remove files now: the requester or a decider, while the request is open."""
    has_part = is_requester(service_request, actor) or is_decider(service_request, actor)
    return has_part and service_request.state in OPEN_STATES


def _check_may_attach(service_request: ServiceRequest, actor: "User") -> None:
    if not (is_requester(service_request, actor) or is_decider(service_request, actor)):
        raise NotAllowed("Only the requester, the co-owner and the people of this stage add or remove files.")
    if service_request.state not in OPEN_STATES:
        raise WrongState(f"Request {service_request.reference} is closed; its files stay as they are.")


def attach(*, service_request: ServiceRequest, actor: "User", upload: UploadedFile) -> Attachment:
    """Store a file with the request.

    Raises NotAllowed, WrongState, or ValidationError for a file that is too large, one too many, of a kind
    we do not take, or there already.
    """
    _check_may_attach(service_request, actor)
    name = one_line(PurePath(upload.name or "file").name)[-150:]
    limit, size = settings.ATTACHMENT_MAX_BYTES, upload.size or 0
    if size > limit:
        raise ValidationError(
            f"“{name}” has {size / 1_048_576:.0f} MB; the limit is {limit // 1_048_576} MB. Send a smaller file."
        )
    if not size:
        raise ValidationError(f"“{name}” is empty.")
    if service_request.attachments.count() >= settings.ATTACHMENT_MAX_COUNT:
        raise ValidationError(
            f"A request holds at most {settings.ATTACHMENT_MAX_COUNT} files. Remove one first."
        )
    content_type = content_type_of(name, upload.read(_SNIFF_BYTES))
    return _store(service_request, actor, upload, name, content_type)


def _store(
    service_request: ServiceRequest, actor: "User", upload: UploadedFile, name: str, content_type: str
) -> Attachment:
    digest = hashlib.sha256()
    upload.seek(0)
    for chunk in upload.chunks():
        digest.update(chunk)
    attachment = Attachment(
        service_request=service_request,
        uploaded_by=actor,
        name=name,
        content_type=content_type,
        size=upload.size or 0,
        sha256=digest.hexdigest(),
    )
    upload.seek(0)
    try:
        with transaction.atomic():
            attachment.file.save(attachment.sha256, upload, save=False)
            attachment.save()
            _note(service_request, actor, "attach", name)
    except IntegrityError:
        raise ValidationError(f"“{name}” is added already.") from None
    return attachment


@transaction.atomic
def detach(*, attachment: Attachment, actor: "User") -> None:
    """Remove a file that the actor may remove; its name stays in the timeline. Raises NotAllowed, WrongState."""
    service_request = attachment.service_request
    _check_may_attach(service_request, actor)
    stored = attachment.file
    attachment.delete()
    _note(service_request, actor, "detach", attachment.name)
    transaction.on_commit(lambda: stored.delete(save=False))


def _note(service_request: ServiceRequest, actor: "User", action: str, name: str) -> None:
    Event.objects.create(
        service_request=service_request,
        actor=actor,
        action=action,
        comment=name,
        stage=service_request.stage,
        from_state=service_request.state,
        to_state=service_request.state,
    )
