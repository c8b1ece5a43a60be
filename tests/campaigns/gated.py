"""What the tests of the gate share: approved campaigns that may send now, and messages as the milter hands them on."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from campaigns.gate import CampaignGate
from portal.accounts.models import DirectoryAddress, User
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.message_checks.canonical import canonical_sha256
from portal.message_checks.parsing import parse_message
from portal.policy_service import replies
from portal.policy_service.gates import GatedMessage
from tests.access.conftest import senders_request
from tests.campaigns.cast import message, submitted
from tests.cast import Cast, approve

STUDENTS, FACULTY, STAFF = "students-all@ttu.edu", "faculty-all@ttu.edu", "staff-all@ttu.edu"
BOUNCES = "bounces@lists.ttu.edu"


def on_the_wire(raw: bytes) -> bytes:
    """The message with the line ends of SMTP."""
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def gated(
    *recipients: str, raw: bytes | None = None, at: datetime | None = None, **facts: Any
) -> GatedMessage:
    """A message to `recipients`, by default the approved one to all students."""
    values = {"client": "129.118.7.7", "sender": BOUNCES, "queue_id": "4cQ2Xk1bz9zX", **facts}
    return GatedMessage(
        recipients=recipients or (STUDENTS,),
        content=on_the_wire(message() if raw is None else raw),
        at=at or timezone.now(),
        **values,
    )


def judge(*recipients: str, **facts: Any) -> str:
    """What the gate says of the message; the milter's cleaning of replies has nothing to do on it."""
    answer = CampaignGate().judge(gated(*recipients, **facts))
    assert replies.safe(answer) == answer
    return answer


def digest_of(raw: bytes) -> str:
    """The canonical digest of a message."""
    return canonical_sha256(parse_message(raw))


def sending_now(cast: Cast, *, people: dict[str, int] | None = None, days: int = 3, **facts: Any) -> Grant:
    """An approved campaign whose window began today."""
    grant = approve(cast, submitted(cast, people=people, **facts), actor=cast.cio)
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(starts_on=today, ends_on=today + timedelta(days=days - 1))
    grant.refresh_from_db()
    return grant


def sender_authorization(cast: Cast, owner: User, *, domain: str = "mail.ttu.edu", **columns: Any) -> Grant:
    """A sender authorization in force."""
    today, request = timezone.localdate(), senders_request(cast)
    facts = {
        "state": GrantState.ACTIVE,
        "starts_on": today,
        "ends_on": today + timedelta(days=300),
        **columns,
    }
    return Grant.objects.create(
        kind="senders",
        reference=request.reference,
        request=request,
        latest_request=request,
        owner=owner,
        title="Panel Mailer",
        subject_key=domain,
        **facts,
    )


def of_department(department: str, *people: User) -> None:
    """Let the directory know these people as members of `department`."""
    for person in people:
        DirectoryAddress.objects.filter(address=person.email).update(department=department)
