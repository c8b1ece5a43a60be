"""Files added to a request: told by their content, bounded in size and number, never served inline."""

import hashlib
import struct
import zlib
from pathlib import PurePath
from zipfile import BadZipFile, ZipFile

import puremagic
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.problems import NotAllowed, WrongState
from portal.lib.text import one_line
from portal.lib.throttle import Rate
from portal.workflow.models import Attachment, Event, Part, ServiceRequest
from portal.workflow.policies import is_party_to, is_requester, sits_at_stage
from portal.workflow.services.limits import refuse_too_often
from portal.workflow.services.taking_part import note_part
from portal.workflow.services.transition import change_files
from portal.workflow.states import OPEN_STATES

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
_OFFICE_PARTS = {".docx": "word/document.xml", ".xlsx": "xl/workbook.xml", ".odt": "mimetype"}
"""The part that makes a ZIP archive a document of its kind (ECMA-376 part 2; OpenDocument 1.3 part 2, section 3.3)."""
_ZIP_TAIL = 22 + 65_535
"""Where the end record of an archive lies: its own bytes and the longest comment (PKWARE APPNOTE 4.3.16)."""
_LARGEST_DIRECTORY = 512 * 1024
_SNIFF_BYTES = 64 * 1024
MOST_KEPT = 5
"""How many times the files a request may hold are kept at most, removed ones included."""
FILES_OF_ONE_PERSON = Rate(times=60, seconds=600)
FILES_OF_ONE_REQUEST = Rate(times=30, seconds=600)


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
        raise _not_as_named(name, extension)
    return ALLOWED[extension]


def _not_as_named(name: str, extension: str) -> ValidationError:
    return ValidationError(
        f"The content of “{name}” is not what its name says. Save it again as a real "
        f"{extension[1:].upper()} file and add that."
    )


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


def may_attach(service_request: ServiceRequest, actor: User) -> bool:
    """Whether the actor may add or remove files now: the requester or a person of the stage, while it is open.

    A person of the stage who does so becomes a party, and somebody else decides.
    """
    return _has_part(service_request, actor) and service_request.state in OPEN_STATES


def _has_part(service_request: ServiceRequest, actor: User) -> bool:
    if is_requester(service_request, actor):
        return actor.is_active
    return sits_at_stage(service_request, actor) and not is_party_to(service_request, actor)


def _check_may_attach(service_request: ServiceRequest, actor: User) -> None:
    if not _has_part(service_request, actor):
        raise NotAllowed("Only the requester, the co-owner and the people of this stage add or remove files.")
    if service_request.state not in OPEN_STATES:
        raise WrongState(f"Request {service_request.reference} is closed; its files stay as they are.")


def attach(*, service_request: ServiceRequest, actor: User, upload: UploadedFile) -> Attachment:
    """Store a file with the request; once the request was submitted this is a revision of it.

    Raises NotAllowed, WrongState, TooOften, or ValidationError for a file that is too large, one too many, of a kind
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
    content_type = content_type_of(name, upload.read(_SNIFF_BYTES))
    if PurePath(name.lower()).suffix in _OFFICE_ZIPS:
        _check_office(name, upload)
    refuse_too_often(
        "files",
        service_request,
        actor,
        of_person=FILES_OF_ONE_PERSON,
        of_request=FILES_OF_ONE_REQUEST,
        sentence="Too many files were added in a short time.",
    )
    return _store(service_request, actor, upload, name, content_type)


def _check_office(name: str, upload: UploadedFile) -> None:
    extension = PurePath(name.lower()).suffix
    if not _has_small_directory(upload):
        raise _not_as_named(name, extension)
    upload.seek(0)
    try:
        with ZipFile(upload) as archive:
            fits = _OFFICE_PARTS[extension] in archive.namelist()
            if fits and extension == ".odt":
                fits = archive.open("mimetype").read(100).decode("ascii", "replace") == ALLOWED[extension]
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error):
        fits = False
    if not fits:
        raise _not_as_named(name, extension)


def _has_small_directory(upload: UploadedFile) -> bool:
    """Whether the archive says that its table of contents is one of a document, so that reading it costs little."""
    size = upload.size or 0
    upload.seek(max(0, size - _ZIP_TAIL))
    tail = upload.read(_ZIP_TAIL)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 16 or b"PK\x06\x07" in tail[max(0, at - 20) : at]:
        return False  # no end record, or the form for archives over 4 GB
    return int(struct.unpack_from("<L", tail, at + 12)[0]) <= _LARGEST_DIRECTORY


def _locked(service_request: ServiceRequest, actor: User) -> ServiceRequest:
    """The request's row, locked, if its files may still change; the caller's object follows it."""
    held = ServiceRequest.objects.select_for_update(of=("self",)).get(pk=service_request.pk)
    _check_may_attach(held, actor)
    service_request.state, service_request.revision = held.state, held.revision
    service_request.submitted_at = held.submitted_at
    return service_request


def _changed(service_request: ServiceRequest, actor: User, action: str, name: str) -> None:
    """Keep that `actor` changed the files, and make that a revision once the request was submitted."""
    note_part(service_request=service_request, person=actor, part=Part.EDITOR)
    if service_request.submitted_at is not None:
        change_files(service_request=service_request)
    _note(service_request, actor, action, name)


def _store(
    service_request: ServiceRequest, actor: User, upload: UploadedFile, name: str, content_type: str
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
            _locked(service_request, actor)
            _refuse_too_many(service_request)
            attachment.file.save(attachment.sha256, upload, save=False)
            attachment.save()
            _changed(service_request, actor, "attach", name)
    except IntegrityError:
        raise ValidationError(f"“{name}” is added already.") from None
    return attachment


def _refuse_too_many(service_request: ServiceRequest) -> None:
    most = settings.ATTACHMENT_MAX_COUNT
    if service_request.attachments.count() >= most:
        raise ValidationError(f"A request holds at most {most} files. Remove one first.")
    if Attachment.with_removed.filter(service_request=service_request).count() >= MOST_KEPT * most:
        raise ValidationError(
            "The files of this request were replaced too many times: removed files are kept for the record. "
            "Ask in a comment what is still needed."
        )


@transaction.atomic
def detach(*, attachment: Attachment, actor: User) -> None:
    """Remove a file that the actor may remove; its name stays in the timeline. Raises NotAllowed, WrongState.

    Of a draft the file is deleted. Once the request was submitted the row and the file stay for those who decide, and
    the removal is a revision of the request.
    """
    service_request = _locked(attachment.service_request, actor)
    if service_request.submitted_at is None:
        stored = attachment.file
        attachment.delete()
        transaction.on_commit(lambda: stored.delete(save=False))
    else:
        rows = Attachment.objects.filter(pk=attachment.pk)
        if rows.update(removed_at=timezone.now(), removed_by=actor) != 1:
            raise WrongState(f"“{attachment.name}” was removed before.")
    _changed(service_request, actor, "detach", attachment.name)


def _note(service_request: ServiceRequest, actor: User, action: str, name: str) -> None:
    Event.objects.create(
        service_request=service_request,
        actor=actor,
        action=action,
        comment=name,
        stage=service_request.stage,
        from_state=service_request.state,
        to_state=service_request.state,
    )
