"""Files of a submitted request never change under the eyes of those who decide."""

import io
import zipfile
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from portal.accounts.models import User
from portal.lib.problems import NotAllowed, Stale
from portal.lib.throttle import Rate, TooOften
from portal.workflow.models import Attachment, ServiceRequest
from portal.workflow.policies import is_decider
from portal.workflow.services import attaching, requesting, reviewing
from tests.cast import Cast, approve, client_of, fresh, relay_draft, submitted

pytestmark = pytest.mark.django_db


def add(
    request: ServiceRequest, actor: User, content: bytes = b"The plan.", name: str = "plan.txt"
) -> Attachment:
    return attaching.attach(
        service_request=fresh(request), actor=actor, upload=SimpleUploadedFile(name, content)
    )


def approve_at(request: ServiceRequest, revision: int, actor: User) -> None:
    held = fresh(request)
    terms = held.kind_entry.default_terms(held, timezone.localdate())
    reviewing.approve(
        service_request=held, actor=actor, revision=revision, comment="As I read it.", terms=terms
    )


def test_a_file_swapped_after_the_page_was_read_makes_the_approval_stale(cast: Cast) -> None:
    draft = relay_draft(cast)
    read = add(draft, cast.requester)
    draft = fresh(draft)
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    seen = fresh(draft).revision
    client = client_of(cast.requester)
    assert client.post(f"/requests/{draft.reference}/files/{read.pk}/remove/").status_code == 302
    add(draft, cast.requester, b"Another plan.")
    with pytest.raises(Stale):
        approve_at(draft, seen, cast.reviewer)
    data = {"approve-revision": seen, "approve-comment": "Yes.", "approve-ends_on": "2027-01-01"}
    assert client_of(cast.reviewer).post(f"/requests/{draft.reference}/do/approve/", data).status_code in (
        409,
        422,
    )
    assert fresh(draft).state == "in_review"


def test_adding_alone_is_a_revision_too(cast: Cast) -> None:
    request = submitted(cast)
    add(request, cast.requester)
    with pytest.raises(Stale):
        approve_at(request, request.revision, cast.reviewer)


def test_a_removed_file_stays_readable_for_those_who_decide(cast: Cast) -> None:
    request = submitted(cast)
    file = add(request, cast.requester)
    attaching.detach(attachment=Attachment.objects.get(pk=file.pk), actor=cast.requester)
    assert not fresh(request).attachments.exists()
    kept = Attachment.with_removed.get(pk=file.pk)
    assert (kept.removed_by, kept.sha256) == (cast.requester, file.sha256)
    url = f"/requests/{request.reference}/files/{file.pk}/"
    answer = client_of(cast.reviewer).get(url)
    assert b"".join(answer.streaming_content) == b"The plan."  # type: ignore[attr-defined]
    assert client_of(cast.requester).get(url).status_code == 404
    page = client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    assert 'id="former-files"' in page
    assert url in page
    assert (
        'id="former-files"' not in client_of(cast.requester).get(request.get_absolute_url()).content.decode()
    )


def test_what_was_removed_may_be_added_again_and_is_a_file_of_its_own(cast: Cast) -> None:
    request = submitted(cast)
    first = add(request, cast.requester)
    attaching.detach(attachment=first, actor=cast.requester)
    second = add(request, cast.requester)
    assert first.pk != second.pk
    with pytest.raises(ValidationError, match="added already"):
        add(request, cast.requester)


def test_a_draft_deletes_freely(cast: Cast) -> None:
    draft = relay_draft(cast)
    file = add(draft, cast.requester)
    before = fresh(draft).revision
    attaching.detach(attachment=file, actor=cast.requester)
    assert not Attachment.with_removed.exists()
    assert fresh(draft).revision == before


def test_the_decision_names_the_digest_of_each_file_it_saw(cast: Cast) -> None:
    request = submitted(cast)
    gone = add(request, cast.requester, b"Gone.", "gone.txt")
    kept = add(request, cast.requester, b"Kept.", "kept.txt")
    attaching.detach(attachment=gone, actor=cast.requester)
    approve(cast, fresh(request))
    event = fresh(request).events.get(action="approve")
    assert event.files == [{"name": "kept.txt", "sha256": kept.sha256}]
    assert kept.sha256 in client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()


def test_a_denial_names_them_as_well(cast: Cast) -> None:
    request = submitted(cast)
    file = add(request, cast.requester)
    held = fresh(request)
    reviewing.deny(
        service_request=held, actor=cast.reviewer, revision=held.revision, comment="No.", clauses=["REL-0"]
    )
    assert [one["sha256"] for one in fresh(request).events.get(action="deny").files] == [file.sha256]


def test_who_adds_or_removes_a_file_at_a_stage_does_not_decide_it(cast: Cast) -> None:
    request = submitted(cast)
    file = add(request, cast.requester)
    add(request, cast.reviewer, b"My own finding.", "finding.txt")
    assert not is_decider(fresh(request), cast.reviewer)
    with pytest.raises(NotAllowed, match="changed its answers or files"):
        approve_at(request, fresh(request).revision, cast.reviewer)
    attaching.detach(attachment=file, actor=cast.second_reviewer)
    assert not is_decider(fresh(request), cast.second_reviewer)
    assert (
        "somebody else then decides it"
        in client_of(cast.reviewer).get(request.get_absolute_url()).content.decode()
    )


def test_files_are_not_replaced_without_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "MOST_KEPT", 1)
    request = submitted(cast)
    for number in range(10):
        file = add(request, cast.requester, f"{number}".encode())
        attaching.detach(attachment=file, actor=cast.requester)
    with pytest.raises(ValidationError, match="replaced too many times"):
        add(request, cast.requester, b"once more")


def test_uploads_have_a_limit_that_says_when_they_go_on(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "FILES_OF_ONE_PERSON", Rate(times=2, seconds=60))
    request = submitted(cast)
    add(request, cast.requester, b"1")
    add(request, cast.requester, b"2")
    with pytest.raises(TooOften, match="Try again in"):
        add(request, cast.requester, b"3")
    answer = client_of(cast.requester).post(
        f"/requests/{request.reference}/files/", {"upload": SimpleUploadedFile("x.txt", b"3")}
    )
    assert answer.status_code == 429
    assert answer["Retry-After"]


# ---------------------------------------------------------------- content
def zipped(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


ODT = b"application/vnd.oasis.opendocument.text"


@pytest.mark.parametrize(
    ("name", "content", "is_taken"),
    [
        ("plan.docx", zipped(word__document_xml=b"<w:document/>"), True),
        ("plan.xlsx", zipped(xl__workbook_xml=b"<workbook/>"), True),
        ("plan.odt", zipped(mimetype=ODT), True),
        ("plan.docx", zipped(evil_exe=b"MZ"), False),
        ("plan.docx", zipped(xl__workbook_xml=b"<workbook/>"), False),
        ("plan.odt", zipped(mimetype=b"text/html"), False),
        ("plan.docx", b"PK\x03\x04" + b"\0" * 100, False),
        ("plan.docx", zipped(word__document_xml=b"<w:document/>")[:-10], False),
        (
            "plan.docx",
            zipped(**{f"part{number}": b"" for number in range(12_000)}, word__document_xml=b""),
            False,
        ),
    ],
)
def test_an_office_document_is_one(cast: Cast, name: str, content: bytes, is_taken: bool) -> None:
    draft = relay_draft(cast)
    if is_taken:
        add(draft, cast.requester, content, name)
    else:
        with pytest.raises(ValidationError, match="not what its name says"):
            add(draft, cast.requester, content, name)
    assert fresh(draft).attachments.exists() is is_taken


@pytest.mark.django_db
def test_the_page_after_too_many_says_so_once(cast: Cast, settings: Any) -> None:
    settings.ATTACHMENT_MAX_COUNT = 1
    request = submitted(cast)
    add(request, cast.requester, b"1")
    with pytest.raises(ValidationError, match="at most 1 files"):
        add(request, cast.requester, b"2")
