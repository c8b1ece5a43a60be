"""The gate before the institution's large lists: the approved message alone, in its window, once for each list."""

import base64
import quopri
from dataclasses import replace
from datetime import datetime, time, timedelta
from email import policy
from email.parser import BytesParser
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import complaint_metrics, lists, post_approval, services
from campaigns.gate import CampaignGate
from campaigns.models import CampaignPermission, CampaignRequest, ListUse
from portal.grants.models import Grant, GrantEvent
from portal.grants.services import issuing, managing
from portal.grants.states import GrantAction, GrantState
from portal.institution import GatedList
from portal.lib import confined
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.models import Notification
from portal.policy_service import gates, replies
from portal.policy_service.gates import GateUnavailable, gated_address
from portal.workflow.models import DraftStep
from portal.workflow.services import answering, requesting
from tests.campaigns.cast import FROM, free_days, message
from tests.campaigns.gated import (
    FACULTY,
    STAFF,
    STUDENTS,
    gated,
    judge,
    on_the_wire,
    sender_authorization,
    sending_now,
)
from tests.cast import Cast, approve, client_of, fresh

pytestmark = pytest.mark.django_db
PAGE = "http://localhost:8000/permissions/{}/"
NEW = "http://localhost:8000/new/"


# ---------------------------------------------------------------- once
def test_the_approved_message_passes_once_and_its_use_is_kept(cast: Cast) -> None:
    grant = sending_now(cast)
    assert judge() == ""
    use = ListUse.objects.get()
    assert (use.permission_id, use.list_address, use.queue_id, use.client) == (
        grant.pk,
        STUDENTS,
        "4cQ2Xk1bz9zX",
        "129.118.7.7",
    )
    again = judge(queue_id="4cQ2Xk1bz9zY")
    assert f"{grant.reference} was already sent to {STUDENTS} at 2" in again
    assert "and may be sent there once." in again
    assert again.endswith(PAGE.format(grant.reference))
    assert "may be sent there once" in judge(client="10.1.1.1", sender="somebody@example.org")
    assert ListUse.objects.count() == 1


def test_its_pass_stands_in_the_timeline_and_its_owner_is_told(cast: Cast) -> None:
    grant = sending_now(cast)
    Notification.objects.all().delete()
    judge()
    event = GrantEvent.objects.filter(grant=grant).latest("pk")
    assert (event.action, event.actor) == ("list_pass", None)
    assert "4cQ2Xk1bz9zX" in event.reason
    told = Notification.objects.get()
    assert told.recipient == cast.requester.email
    assert "4cQ2Xk1bz9zX" in told.text


def test_a_refusal_is_one_line_of_ascii_with_a_whole_link(cast: Cast, settings: Any) -> None:
    long = GatedList(f"{'students-of-the-summer-session-' * 2}x@lists.ttu.edu", ("students",))
    settings.INSTITUTION = replace(settings.INSTITUTION, gated_lists=(long,))
    for answer in (
        judge(long.address, raw=message(subject="Ünbekannt")),
        judge(long.address, sender=""),
        judge(long.address, raw=b"\xff\x00"),
    ):
        assert answer.isascii()
        assert answer.isprintable()
        assert len(answer) <= replies.LONGEST_TEXT
        assert answer.endswith(f" {NEW}")
        assert replies.safe(answer) == answer, "the milter makes every text safe"


# ---------------------------------------------------------------- the message
@pytest.mark.parametrize(
    "changed",
    [
        message(subject="How do you eat on campus!"),
        message(sender="dean@ttu.edu"),
        message(body="We would like to know how you eat on campus. It takes five minutes"),
        message().replace(b"survey.ttu.edu/dining", b"survey.ttu.edu/dinlng"),
        message().replace(b"Dining Services <", b"Dining Service <"),
        message().replace(b"From: ", b"Reply-To: phish@example.org\nFrom: ", 1),
        message().replace(b"From: ", b"Sender: phish@example.org\nFrom: ", 1),
    ],
    ids=["subject", "from", "a full stop", "a link", "the name in From", "Reply-To", "Sender"],
)
def test_one_change_of_what_a_person_sees_is_refused(cast: Cast, changed: bytes) -> None:
    grant = sending_now(cast)
    assert changed != message()
    answer = judge(raw=changed)
    assert answer
    if b"How do you eat on campus?" in changed:
        assert f"not the message that {grant.reference} approves" in answer
        assert answer.endswith(f"/campaigns/{grant.reference}/verify/")
    assert ListUse.objects.count() == 0
    assert judge() == ""


def as_base64(raw: bytes) -> bytes:
    return encoded_anew(raw, "base64", base64.encodebytes)


def as_quoted_printable(raw: bytes) -> bytes:
    """As a server sends it on to one that knows no 8BITMIME (RFC 6152 section 3)."""
    return encoded_anew(raw, "quoted-printable", quopri.encodestring)


def encoded_anew(raw: bytes, name: str, encode: Any) -> bytes:
    parsed = BytesParser(policy=policy.default).parsebytes(raw)
    for part in parsed.walk():
        if not part.is_multipart():
            octets = part.get_payload(decode=True)
            del part["Content-Transfer-Encoding"]
            part["Content-Transfer-Encoding"] = name
            part.set_payload(encode(octets).decode("ascii"))
    return parsed.as_bytes()


def with_traces(raw: bytes) -> bytes:
    trace = (
        b"Return-Path: <bounces@lists.ttu.edu>\nReceived: from platform.example (platform.example [192.0.2.7])\n\tby mx"
        b".ttu.edu (Postfix) with ESMTPS id 4cQ2Xk1bz9zX; Mon, 01 Feb 2027 09:00:01 -0600 (CST)\nDKIM-Signature: v=1;\n"
        b" a=rsa-sha256; d=ttu.edu; s=x; h=from; bh=x; b=x\nX-TechMail-Grant: TM-R-1\n"
    )
    return trace + raw


@pytest.mark.parametrize(
    "carry",
    [as_base64, as_quoted_printable, with_traces, lambda raw: raw.rstrip(b"\n") + b"\n\n\n"],
    ids=["base64", "quoted-printable", "trace headers", "empty lines at the end"],
)
def test_what_carriers_change_changes_nothing(cast: Cast, carry: Any) -> None:
    sending_now(cast)
    carried = carry(message())
    assert carried != message()
    assert judge(raw=carried) == ""


def test_what_is_no_message_and_what_costs_too_much_is_refused(cast: Cast, monkeypatch: Any) -> None:
    sending_now(cast)
    assert "cannot be read" in judge(raw=b"\x00\xff\xfe")
    assert "larger than" in judge(raw=b"Subject: x\r\n\r\n" + b"x" * (4 * 1024 * 1024))

    def exceeded(*arguments: Any, **limits: Any) -> None:
        raise confined.Exceeded("time")

    monkeypatch.setattr(confined, "run", exceeded)
    assert "cannot be read" in judge()


def test_bounces_and_automatic_replies_are_refused(cast: Cast) -> None:
    sending_now(cast)
    assert "accepts no bounces and no automatic replies" in judge(sender="")
    out_of_office = message().replace(b"From: ", b"Auto-Submitted: auto-replied\nFrom: ", 1)
    assert "accepts no bounces and no automatic replies" in judge(raw=out_of_office)
    reply = (
        b"From: A Student <a@ttu.edu>\r\nTo: students-all@ttu.edu\r\nSubject: Re: How do you eat on campus?\r\n"
        b"In-Reply-To: <survey-1@ttu.edu>\r\n\r\nWith a fork.\r\n"
    )
    assert "accepts only approved campaign messages" in judge(raw=reply)
    assert ListUse.objects.count() == 0
    assert judge() == ""


# ---------------------------------------------------------------- the list
def test_a_campaign_goes_to_the_lists_of_its_own_people_alone(cast: Cast, settings: Any) -> None:
    place = settings.INSTITUTION
    everybody = GatedList("everybody@lists.ttu.edu", ("students", "faculty", "staff"))
    settings.INSTITUTION = replace(place, gated_lists=(*place.gated_lists, everybody))
    grant = sending_now(cast)
    answer = judge(FACULTY)
    assert f"{grant.reference} is approved for students but {FACULTY} reaches faculty." in answer
    assert answer.endswith(PAGE.format(grant.reference))
    assert "reaches faculty and staff and students" in judge(everybody.address)
    assert judge("dean@ttu.edu", "owner@lists.ttu.edu", "students-all-request@ttu.edu") == ""
    assert ListUse.objects.count() == 0


def test_every_gated_recipient_must_be_allowed_or_none_is_used(cast: Cast) -> None:
    sending_now(cast, people={"students": 32000, "staff": 4000})
    assert "reaches faculty" in judge(STUDENTS, FACULTY, "dean@ttu.edu")
    assert ListUse.objects.count() == 0
    assert judge(STUDENTS, "dean@ttu.edu", STAFF, STUDENTS) == ""
    assert set(ListUse.objects.values_list("list_address", flat=True)) == {STUDENTS, STAFF}
    assert "may be sent there once" in judge(STAFF)


def test_two_approvals_of_the_same_message_pass_once_each(cast: Cast) -> None:
    sending_now(cast)
    sending_now(cast, requester=cast.outsider)
    assert [judge() == "" for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    "spelling",
    [
        "Students-All@TTU.edu",
        "students-all+news@ttu.edu",
        '"students-all"@ttu.edu',
        '"students\\-all"@ttu.edu',
        "students-all@ttu.edu.",
        "students-all%ttu.edu@relay.ttu.edu",
        "ttu.edu!students-all@relay.ttu.edu",
        '"students-all@ttu.edu"@relay.ttu.edu',
        "<@relay.ttu.edu,@b.example:students-all@ttu.edu>",
        "students-all",
        "students-all%ttu.edu%b.example@relay.ttu.edu",
        "students-all+a@ttu.edu",
    ],
)
def test_a_list_is_known_by_every_spelling_under_which_a_mail_server_finds_it(
    cast: Cast, spelling: str
) -> None:
    sending_now(cast)
    assert gated_address(spelling, frozenset({STUDENTS, FACULTY})) == STUDENTS
    assert judge(spelling, raw=message(subject="Spam")) != ""


def test_an_extension_is_what_the_mail_hosts_take_for_one(cast: Cast, settings: Any) -> None:
    """The list server's own addresses have a dash; a host that takes it for an extension is named so."""
    lists_known = frozenset({STUDENTS})
    for other in (
        "students-all-request@ttu.edu",
        "students-all-owner@ttu.edu",
        "students-all-news=x@ttu.edu",
    ):
        assert gated_address(other, lists_known) == ""
        assert gated_address(other, lists_known, delimiters="+-") == STUDENTS
    settings.INSTITUTION = replace(settings.INSTITUTION, recipient_delimiters="+-")
    assert judge("students-all-request@ttu.edu", raw=message(subject="Spam")) != ""


def test_an_answer_that_comes_too_late_is_no_use(cast: Cast, monkeypatch: Any) -> None:
    sending_now(cast)
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.gate.MOST_SECONDS", -1.0)
        with pytest.raises(GateUnavailable):
            judge()
    assert ListUse.objects.count() == 0
    assert judge() == ""


@pytest.mark.parametrize(
    "other",
    [
        "students-all@example.org",
        "astudents-all@ttu.edu",
        "students-all-owner@ttu.edu",
        "students@ttu.edu",
        "",
        "@",
        "%",
        "!",
        "students-all@",
        "a@b@c",
        '"',
        '""@ttu.edu',
    ],
)
def test_another_address_is_none(other: str) -> None:
    assert gated_address(other, frozenset({STUDENTS})) in ("", STUDENTS if other == "students-all@" else "")


# ---------------------------------------------------------------- the window
def test_a_day_early_and_a_day_late_are_refused_in_the_institution_s_zone(cast: Cast) -> None:
    grant = sending_now(cast)
    first = timezone.localtime().replace(hour=0, minute=30, second=0, microsecond=0)
    early, late = judge(at=first - timedelta(hours=1)), judge(at=first + timedelta(days=3))
    assert "may send from" in early
    assert "and not before" in early
    assert f"The window of {grant.reference} ended on" in late
    assert early.endswith(PAGE.format(grant.reference))
    assert ListUse.objects.count() == 0
    assert judge(at=first + timedelta(days=3) - timedelta(hours=1)) == ""


# ---------------------------------------------------------------- stopped
def test_stop_now_is_refused_at_once(cast: Cast) -> None:
    grant = sending_now(cast)
    permission = CampaignPermission.objects.select_related("grant").get(pk=grant.pk)
    post_approval.stop_now(permission=permission, actor=cast.requester, reason="Wrong link.")
    answer = judge()
    assert f"{grant.reference} was ended by its owner" in answer
    assert answer.endswith(PAGE.format(grant.reference))


@pytest.mark.parametrize(("action", "word"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_suspended_and_revoked_are_refused_and_resumed_passes(cast: Cast, action: str, word: str) -> None:
    grant = sending_now(cast)
    managing.change_state(grant=grant, action=GrantAction(action), actor=cast.reviewer, reason="Complaints.")
    assert f"{grant.reference} was {word}" in judge()
    if action == "suspend":
        managing.change_state(grant=grant, action=GrantAction.RESUME, actor=cast.reviewer, reason="Fine.")
        assert judge() == ""


def over_its_limit(grant: Grant) -> None:
    row = complaint_metrics.DailyMetrics(grant.reference, timezone.localdate(), 2000, 40, 0)
    post_approval.import_metrics(rows=[row], actor=None)


def test_over_its_stop_limit_nothing_passes_until_somebody_decides(cast: Cast, settings: Any) -> None:
    grant = sending_now(cast)
    over_its_limit(grant)
    assert f"{grant.reference} is over its stop limit" in judge()
    permission = CampaignPermission.objects.select_related("grant").get(pk=grant.pk)
    proposal = permission.proposals.get()
    post_approval.decide_stop_proposal(
        proposal=proposal, actor=cast.cio, revoke=False, reason="One angry hall."
    )
    assert judge() == ""


def test_a_campaign_that_stops_by_itself_is_refused(cast: Cast, settings: Any) -> None:
    settings.INSTITUTION = replace(settings.INSTITUTION, campaigns_stop_by_themselves=True)
    grant = sending_now(cast)
    over_its_limit(grant)
    assert f"{grant.reference} was revoked" in judge()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"state": GrantState.SUSPENDED}, "is suspended since"),
        ({"state": GrantState.REVOKED}, "is revoked since"),
        ({"state": GrantState.UNPROVEN}, "is not proven"),
        ({"state": GrantState.LAPSED}, "is lapsed since"),
        ({"ends_on": -1}, "ended on"),
        ({"subject_key": "other.ttu.edu"}, "is for other.ttu.edu now and not for mail.ttu.edu"),
    ],
)
def test_without_its_sender_authorization_nothing_passes(
    cast: Cast, columns: dict[str, Any], words: str
) -> None:
    sender = sender_authorization(cast, cast.requester)
    raw = message(sender="news@mail.ttu.edu")
    grant = sending_now(
        cast, raw=raw, platform="authorized", sender_grant=sender, from_address="news@mail.ttu.edu"
    )
    if "ends_on" in columns:
        yesterday = timezone.localdate() - timedelta(days=1)
        columns = {"starts_on": yesterday, "ends_on": yesterday}
    Grant.objects.filter(pk=sender.pk).update(**columns)
    answer = judge(raw=raw)
    assert (
        f"{grant.reference} may not send now: the sender authorization {sender.reference} {words}" in answer
    )
    Grant.objects.filter(pk=sender.pk).update(
        state=GrantState.ACTIVE, subject_key="mail.ttu.edu", ends_on=timezone.localdate()
    )
    assert judge(raw=raw) == ""


# ---------------------------------------------------------------- changes
def test_a_change_moves_the_window_and_uses_stay(cast: Cast) -> None:
    grant = sending_now(cast)
    assert judge() == ""
    change = issuing.begin_renewal(grant=grant, actor=cast.requester, intention="change")  # type: ignore[arg-type]
    later = free_days(1, weeks=8)
    columns = {"first_send_on": later, "last_send_on": later, "is_attested": True, "is_list_clean": True}
    answering.write_columns(detail=CampaignRequest.of(change), columns=columns | {"hourly_rate": 9000})
    # Handed in again with another header that the canonical form leaves out: the same message.
    same = message().replace(b"<survey-1@ttu.edu>", b"<survey-2@ttu.edu>")
    services.add_message(service_request=change, added_by=cast.requester, raw=same, file_name="b.eml")
    for key in ("audience", "statement"):
        DraftStep.objects.create(service_request=change, step=key, is_complete=True)
    requesting.submit(service_request=change, actor=cast.requester, revision=change.revision)
    approve(cast, fresh(change), actor=cast.cio)
    assert "may send from" in judge()
    noon = timezone.make_aware(datetime.combine(later, time(12)))
    assert "may be sent there once" in judge(at=noon)
    other = message(subject="How do you eat?")
    permission = CampaignPermission.objects.get(pk=grant.pk)
    services.add_message(service_request=change, added_by=cast.requester, raw=other, file_name="c.eml")
    changed = CampaignRequest.of(change).message
    assert changed is not None
    CampaignPermission.objects.filter(pk=permission.pk).update(
        message=changed, canonical_sha256=changed.canonical_sha256
    )
    assert judge(raw=other, at=noon) == ""


# ---------------------------------------------------------------- released
def test_a_reviewer_allows_one_more_delivery_with_a_reason(cast: Cast) -> None:
    grant = sending_now(cast)
    judge()
    use = ListUse.objects.get()
    for actor in (cast.requester, cast.auditor, cast.outsider):
        with pytest.raises(NotAllowed):
            lists.allow_again(use=use, actor=actor, reason="Please.")
    with pytest.raises(ValidationError):
        lists.allow_again(use=use, actor=cast.reviewer, reason="  ")
    Notification.objects.all().delete()
    lists.allow_again(use=use, actor=cast.reviewer, reason="The client vanished before the queue took it.")
    event = GrantEvent.objects.filter(grant=grant).latest("pk")
    assert (event.action, event.actor) == ("list_again", cast.reviewer)
    assert "The client vanished" in Notification.objects.get(recipient=cast.requester.email).text
    with pytest.raises(WrongState):
        lists.allow_again(use=ListUse.objects.get(), actor=cast.second_reviewer, reason="Again.")
    assert judge(queue_id="NEXT") == ""
    assert "may be sent there once" in judge()
    assert ListUse.objects.count() == 2


def test_the_page_shows_the_lists_and_their_uses_and_the_reviewer_s_way(cast: Cast) -> None:
    grant = sending_now(cast)
    page, address = client_of(cast.requester), grant.get_absolute_url()
    before = page.get(address).content.decode()
    assert STUDENTS in before
    assert "Nothing passed yet" in before
    assert FACULTY not in before
    judge()
    after = page.get(address).content.decode()
    assert "4cQ2Xk1bz9zX" in after
    assert "129.118.7.7" in after
    assert "Allow one more delivery" not in after
    use = ListUse.objects.get()
    way = f"/campaigns/{grant.reference}/lists/{use.pk}/"
    reviewer = client_of(cast.reviewer)
    assert way in reviewer.get(address).content.decode()
    assert "4cQ2Xk1bz9zX" in reviewer.get(way).content.decode()
    assert reviewer.post(way, {"reason": ""}).status_code == 422
    assert reviewer.post(way, {"reason": "Queue lost."}).status_code == 302
    assert reviewer.get(way).status_code == 409
    assert page.get(way).status_code == 403
    assert client_of(cast.outsider).get(way).status_code == 404
    assert reviewer.get(f"/campaigns/TM-C-9/lists/{use.pk}/").status_code == 404
    shown = page.get(address).content.decode()
    assert "Earlier deliveries" in shown
    assert "Queue lost." in shown


# ---------------------------------------------------------------- outages
def test_a_database_that_is_down_defers_and_passes_nothing(cast: Cast, monkeypatch: Any) -> None:
    sending_now(cast)

    def down(*arguments: Any, **facts: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr("campaigns.gate._locked", down)
        with pytest.raises(GateUnavailable):
            judge()
    with monkeypatch.context() as patch:
        patch.setattr(confined, "run", lambda *a, **k: (_ for _ in ()).throw(confined.Busy("Later.")))
        with pytest.raises(GateUnavailable):
            judge()
    assert judge() == ""


def test_the_gate_is_registered_and_its_addresses_cost_no_question(cast: Cast) -> None:
    (gate,) = [one for one in gates.GATES if isinstance(one, CampaignGate)]
    with CaptureQueriesContext(connection) as queries:
        assert gate.addresses() == {STUDENTS, FACULTY, STAFF}
        assert gate.judge(gated("dean@ttu.edu")) == ""
    assert len(queries) == 0


def test_a_judgment_costs_the_same_for_one_list_and_for_three(cast: Cast) -> None:
    sending_now(cast, people={"students": 1, "faculty": 1, "staff": 1})
    sending_now(cast, people={"students": 1, "faculty": 1, "staff": 1}, requester=cast.outsider)
    far, costs = timezone.now() + timedelta(days=90), []
    for wanted in ((STUDENTS,), (STUDENTS, FACULTY, STAFF)):
        with CaptureQueriesContext(connection) as queries:
            assert "The window of" in judge(*wanted, at=far)
        costs.append(len(queries))
    assert costs == [
        7,
        7,
    ]  # A savepoint, the keys, their lock, the approvals, their people, the uses, the end.


def test_wire_form_is_what_the_tests_send() -> None:
    assert b"\n" not in on_the_wire(message()).replace(b"\r\n", b"")
    assert FROM.encode() in on_the_wire(message())
