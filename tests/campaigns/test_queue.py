"""The CIO office's queue: the request on one page, the decision with its clauses, the letter, and delegation."""

from datetime import date, timedelta
from importlib import import_module
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns import delegation
from campaigns.models import Delegation, DelegationScope
from portal.accounts.models import User
from portal.grants.models import Grant
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.models import Notification
from portal.sending_calendar.labels import window_label
from portal.sending_calendar.windows import Window
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.policies import available_actions
from portal.workflow.services import answering, requesting, reviewing
from portal.workflow.states import Action
from relay.models import RelayRequest
from tests.campaigns.cast import free_days, message, passed_on, submitted
from tests.cast import Cast, approve, client_of, fresh, relay_draft
from tests.cast import submitted as relay_submitted
from tests.support.pages import flat

pytestmark = pytest.mark.django_db


def delegate(cast: Cast, to: User | None = None, **facts: Any) -> Delegation:
    today = timezone.localdate()
    return delegation.delegate(
        actor=cast.cio,
        to=to or cast.reviewer,
        scope=DelegationScope(str(facts.get("scope", "all"))),
        starts_on=facts.get("starts_on", today),
        ends_on=facts.get("ends_on", today + timedelta(days=9)),
        reason="Holiday",
    )


def large_relay_mail(cast: Cast, **facts: object) -> ServiceRequest:
    """A relay request above the limits, at the office's stage."""
    draft = relay_draft(cast, **facts)  # type: ignore[arg-type]
    answering.write_columns(detail=RelayRequest.of(draft), columns={"most_per_day": 9000})
    requesting.submit(service_request=fresh(draft), actor=draft.requester, revision=draft.revision)
    request = fresh(draft)
    reviewing.advance(service_request=request, actor=cast.reviewer, revision=request.revision)
    return fresh(draft)


def anew(person: User) -> User:
    """The person as the next page load has them."""
    return User.objects.get(pk=person.pk)


def actions(request: ServiceRequest, person: User) -> list[Action]:
    return available_actions(fresh(request), anew(person))


# ---------------------------------------------------------------- the case
def test_the_case_is_one_page(cast: Cast) -> None:
    first = approve(cast, submitted(cast), actor=cast.cio)
    day = first.starts_on + timedelta(days=1)
    request = submitted(cast, requester=cast.colleague, first=day, people={"students": 10, "staff": 7})
    page = client_of(cast.cio).get(f"/campaigns/{request.reference}/overview/").content.decode()
    for words in (
        "How do you eat on campus?",
        "Students: 10",
        "Staff: 7",
        window_label(Window(day, day + timedelta(days=2), frozenset(), True)),
        "Students get another survey that week",
        "It takes five minutes",
        "Dining Services",
        "Approve",
    ):
        assert words in page
    assert first.reference in page
    own = client_of(cast.colleague).get(f"/campaigns/{request.reference}/overview/").content.decode()
    assert "Approve" not in own
    assert client_of(cast.outsider).get(f"/campaigns/{request.reference}/overview/").status_code == 404


def test_a_link_shows_and_a_post_decides(cast: Cast) -> None:
    request = submitted(cast)
    client = client_of(cast.cio)
    for address in (
        f"/campaigns/{request.reference}/overview/",
        f"/requests/{request.reference}/do/approve/",
    ):
        client.get(address)
        assert fresh(request).state == "in_review"
    detail = request.campaign
    assert detail.first_send_on
    assert detail.last_send_on
    facts = {
        "approve-revision": request.revision,
        "approve-comment": "A short survey.",
        "approve-starts_on": detail.first_send_on,
        "approve-ends_on": detail.last_send_on,
        "approve-clauses": ["MKT-5"],
    }
    early = facts | {"approve-starts_on": detail.first_send_on - timedelta(days=1)}
    assert client.post(f"/requests/{request.reference}/do/approve/", early).status_code == 422
    late = facts | {"approve-starts_on": detail.last_send_on, "approve-ends_on": detail.first_send_on}
    assert client.post(f"/requests/{request.reference}/do/approve/", late).status_code == 422
    later = facts | {"approve-starts_on": detail.first_send_on + timedelta(days=1)}
    assert client.post(f"/requests/{request.reference}/do/approve/", later).status_code == 302
    event = Event.objects.get(service_request=request, action="approve")
    assert event.clauses == ["MKT-5"]
    assert Grant.objects.get().starts_on == detail.first_send_on + timedelta(days=1)


def test_the_queue_is_the_offices(cast: Cast) -> None:
    waiting = submitted(cast)
    coming = submitted(cast, requester=cast.colleague, kind="notice", first=free_days(weeks=9))
    page = client_of(cast.cio).get("/campaigns/").content.decode()
    assert page.index(waiting.reference) < page.index("With IT") < page.index(coming.reference)
    assert client_of(cast.auditor).get("/campaigns/").status_code == 200
    for person in (cast.requester, cast.reviewer):
        assert client_of(person).get("/campaigns/").status_code == 403
    delegate(cast)
    assert client_of(cast.reviewer).get("/campaigns/").status_code == 200


# ---------------------------------------------------------------- the letter
def test_the_letter_says_who_what_when_and_why(cast: Cast) -> None:
    request = submitted(cast)
    address = f"/campaigns/{request.reference}/letter/"
    assert client_of(cast.requester).get(address).status_code == 404
    reviewing.deny(
        service_request=request,
        actor=cast.cio,
        revision=request.revision,
        comment="Ask fewer people.",
        clauses=["MKT-5"],
    )
    page = client_of(cast.requester).get(address).content.decode()
    for words in ("denied", "Ask fewer people.", "MKT-5 Surveys need approval", "Cio", "Office of the CIO"):
        assert words in page


def test_the_letter_as_pdf_holds_names_in_any_script_and_is_the_same_each_time(cast: Cast) -> None:
    User.objects.filter(pk=cast.requester.pk).update(name="Łukasz Őrsi – Ngô Thị Huệ, Ольга")
    request = submitted(cast)
    approve(cast, request, actor=cast.cio)
    client = client_of(cast.requester)
    first, second = (client.get(f"/campaigns/{request.reference}/letter.pdf") for _ in range(2))
    assert first["Content-Type"] == "application/pdf"
    assert f'filename="{request.reference}.pdf"' in first["Content-Disposition"]
    assert first.content == second.content
    assert BytesIO(first.content).read(5) == b"%PDF-"
    assert len(first.content) < 120_000


# ---------------------------------------------------------------- delegation
def test_a_delegate_decides_for_the_office_and_each_step_says_so(cast: Cast) -> None:
    request = submitted(cast)
    assert Action.APPROVE not in actions(request, cast.reviewer)
    delegate(cast)
    assert Action.APPROVE in actions(request, cast.reviewer)
    approve(cast, request, actor=anew(cast.reviewer))
    event = Event.objects.get(service_request=request, action="approve")
    assert event.who == "Reviewer, for the Office of the CIO, delegated by Cio"
    client = client_of(cast.requester)
    for address in (
        f"/requests/{request.reference}/",
        f"/campaigns/{request.reference}/letter/",
        f"/campaigns/{request.reference}/overview/",
        f"/permissions/{request.reference}/",
    ):
        assert "for the Office of the CIO, delegated by Cio" in client.get(address).content.decode()


def test_the_office_itself_decides_in_its_own_name(cast: Cast) -> None:
    request = submitted(cast)
    approve(cast, request, actor=cast.cio)
    assert Event.objects.get(service_request=request, action="approve").capacity == ""


def test_never_a_case_of_the_delegate_s_own(cast: Cast) -> None:
    delegate(cast)
    own = submitted(cast, requester=cast.reviewer)
    shared = submitted(cast, co_owner=cast.reviewer, first=free_days(weeks=9))
    for request in (own, shared):
        assert Action.APPROVE not in actions(request, cast.reviewer)
        with pytest.raises(NotAllowed):
            approve(cast, fresh(request), actor=anew(cast.reviewer))


def test_who_passed_a_case_on_for_it_does_not_decide_it_for_the_office(cast: Cast) -> None:
    delegate(cast)
    delegate(cast, cast.second_reviewer)
    request = passed_on(cast, submitted(cast, kind="notice"))
    assert Action.APPROVE not in actions(request, cast.reviewer)
    assert Action.APPROVE in actions(request, cast.second_reviewer)


@pytest.mark.parametrize(
    ("scope", "kind", "may"),
    [
        ("surveys", "survey", True),
        ("mailings", "survey", False),
        ("surveys", "notice", False),
        ("mailings", "notice", True),
    ],
)
def test_a_delegation_has_its_scope(cast: Cast, scope: str, kind: str, may: bool) -> None:
    delegate(cast, cast.second_reviewer, scope=scope)
    request = submitted(cast, kind=kind)
    if request.stage != "cio":
        request = passed_on(cast, request)
    assert (Action.APPROVE in actions(request, cast.second_reviewer)) is may


@pytest.mark.parametrize(
    ("scope", "may"), [("all", True), ("campaigns", False), ("surveys", False), ("mailings", False)]
)
def test_a_delegate_decides_every_kind_at_the_offices_stage(cast: Cast, scope: str, may: bool) -> None:
    request = large_relay_mail(cast)
    assert Action.APPROVE not in actions(request, cast.second_reviewer)
    delegate(cast, cast.second_reviewer, scope=scope)
    assert (Action.APPROVE in actions(request, cast.second_reviewer)) is may
    client = client_of(anew(cast.second_reviewer))
    assert (client.get("/campaigns/").status_code, client.get("/queue/").status_code) == (200, 200)
    assert request.reference in client.get("/campaigns/").content.decode()
    count = int(may)
    assert f"{count} request" in client.get("/queue/").content.decode()
    if not may:
        with pytest.raises(NotAllowed):
            approve(cast, fresh(request), actor=anew(cast.second_reviewer))
        return
    approve(cast, fresh(request), actor=anew(cast.second_reviewer))
    event = Event.objects.get(service_request=request, action="approve")
    assert event.who == "Second Reviewer, for the Office of the CIO, delegated by Cio"


def test_a_delegate_does_not_decide_what_they_passed_on_or_are_a_party_to(cast: Cast) -> None:
    delegate(cast)
    delegate(cast, cast.second_reviewer)
    passed = large_relay_mail(cast)
    shared = large_relay_mail(cast, address="129.118.10.21", co_owner=cast.second_reviewer)
    assert Action.APPROVE not in actions(passed, cast.reviewer)
    assert Action.APPROVE in actions(passed, cast.second_reviewer)
    for person in (cast.reviewer, cast.second_reviewer):
        with pytest.raises(NotAllowed):
            approve(cast, fresh(shared), actor=anew(person))


def test_a_delegation_reaches_no_stage_of_another_office(cast: Cast) -> None:
    delegate(cast, cast.postmaster)
    request = relay_submitted(cast)
    assert request.stage == "review"
    assert actions(request, cast.postmaster) == [Action.COMMENT]
    assert Action.APPROVE not in actions(request, cast.postmaster)


def test_the_delegate_is_told_of_relay_mail_that_waits_for_the_office(cast: Cast) -> None:
    delegate(cast, cast.second_reviewer)
    large_relay_mail(cast)
    told = set(Notification.objects.filter(subject__contains="to review").values_list("recipient", flat=True))
    assert cast.second_reviewer.email in told


def test_delegations_from_before_stay_with_campaigns(cast: Cast) -> None:
    given = delegate(cast)
    import_module("campaigns.migrations.0006_delegations_by_kind").keep_their_scope(apps, None)
    given.refresh_from_db()
    assert given.scope == DelegationScope.CAMPAIGNS


def test_a_delegation_has_its_days_and_ends_with_the_office_of_its_giver(cast: Cast) -> None:
    request = submitted(cast)
    today = timezone.localdate()
    given = delegate(cast, starts_on=today + timedelta(days=2), ends_on=today + timedelta(days=3))
    for offset, may in ((0, False), (2, True), (3, True), (4, False)):
        with time_machine.travel(f"{today + timedelta(days=offset)}T17:00:00+00:00", tick=False):
            assert (Action.APPROVE in actions(request, cast.reviewer)) is may
    with time_machine.travel(f"{today + timedelta(days=2)}T17:00:00+00:00", tick=False):
        cast.cio.groups.clear()
        assert Action.APPROVE not in actions(request, cast.reviewer)
    cast.cio.is_superuser = False
    assert given.ended_at is None


def test_a_delegation_is_taken_back_once(cast: Cast) -> None:
    request = submitted(cast)
    given = delegate(cast)
    delegation.end(delegation=given, actor=cast.cio)
    assert Action.APPROVE not in actions(request, cast.reviewer)
    with pytest.raises(WrongState):
        delegation.end(delegation=given, actor=cast.cio)


def test_who_delegates_and_to_whom(cast: Cast) -> None:
    for person in (cast.reviewer, cast.requester, cast.auditor):
        with pytest.raises(NotAllowed):
            delegation.delegate(
                actor=person,
                to=cast.second_reviewer,
                scope=DelegationScope.ALL,
                starts_on=timezone.localdate(),
                ends_on=timezone.localdate(),
                reason="x",
            )
    for to in (cast.requester, cast.auditor, cast.cio):
        with pytest.raises(ValidationError) as refused:
            delegate(cast, to)
        assert list(refused.value.message_dict) == ["given_to"]
    with pytest.raises(ValidationError) as turned:
        delegate(cast, ends_on=timezone.localdate() - timedelta(days=1))
    assert list(turned.value.message_dict) == ["ends_on"]


def test_the_page_of_delegations(cast: Cast) -> None:
    client, today = client_of(cast.cio), timezone.localdate()
    facts = {
        "given_to": cast.reviewer.pk,
        "scope": "surveys",
        "starts_on": today,
        "ends_on": today,
        "reason": "Away",
    }
    assert client.post("/campaigns/delegations/", facts | {"reason": ""}).status_code == 422
    assert client.post("/campaigns/delegations/", facts).status_code == 302
    page = client_of(cast.reviewer).get("/campaigns/delegations/").content.decode()
    assert "Surveys only" in page
    assert "Take it back" not in page
    given = Delegation.objects.get()
    assert client_of(cast.reviewer).post(f"/campaigns/delegations/{given.pk}/end/").status_code == 403
    assert client.post(f"/campaigns/delegations/{given.pk}/end/").status_code == 302


# ---------------------------------------------------------------- the calendar's pages
def test_the_calendar_shows_the_week_and_hides_what_is_not_one_s_own(cast: Cast) -> None:
    private = message(subject="A private subject")
    grant = approve(cast, submitted(cast, raw=private), actor=cast.cio)
    month = f"{grant.starts_on:%Y-%m}"
    pages = {
        person: client_of(getattr(cast, person)).get(f"/calendar/?month={month}").content.decode()
        for person in ("requester", "outsider", "cio")
    }
    for page in pages.values():
        assert page.count("cal-item") == 3
    assert "A private subject" in pages["requester"]
    assert "A private subject" in pages["cio"]
    assert "A private subject" not in pages["outsider"]
    staff = client_of(cast.outsider).get(f"/calendar/?month={month}&population=staff").content.decode()
    assert "cal-item" not in staff
    assert f"{grant.starts_on:%B %Y}" in staff
    for odd in ("2027-13", "x", "99999-01", "2027-00", "-5-1"):
        assert client_of(cast.outsider).get(f"/calendar/?month={odd}").status_code == 200


def test_the_agenda_counts_the_surveys_of_the_year(cast: Cast) -> None:
    with time_machine.travel("2027-01-04T16:00:00+00:00", tick=True):
        approve(cast, submitted(cast, first=date(2027, 2, 1)), actor=cast.cio)
        page = client_of(cast.outsider).get("/calendar/agenda/?population=students").content.decode()
    assert "1 of 6" in page
    assert "Feb 1, 2027 to Feb 3, 2027" in page
    assert "Final examinations" in page


def test_the_feed_s_address_is_shown_once(cast: Cast) -> None:
    client = client_of(cast.cio)
    approve(cast, submitted(cast), actor=cast.cio)
    made = client.post("/calendar/address/", {"what": "new"}).content.decode()
    address = made.split("/calendar/feed/")[1].split(".ics")[0]
    assert address not in client.get("/calendar/address/").content.decode()
    feed = client_of(cast.outsider).get(f"/calendar/feed/{address}.ics")
    assert feed.status_code == 200
    assert b"BEGIN:VCALENDAR" in feed.content
    assert b"How do you eat on campus?" in feed.content
    client.post("/calendar/address/", {"what": "end"})
    assert client.get(f"/calendar/feed/{address}.ics").status_code == 404
    assert client_of(cast.reviewer).get("/calendar/address/").status_code == 403


def test_a_delegate_gets_an_email_and_finds_the_offices_queue(cast: Cast) -> None:
    quiet = client_of(cast.reviewer).get("/queue/").content.decode()
    assert "where you decide as a delegate" not in quiet
    delegate(cast)
    Notification.objects.all().delete()
    submitted(cast)
    told = set(
        Notification.objects.filter(unique_key__startswith="request_waits").values_list(
            "recipient", flat=True
        )
    )
    assert told == {cast.cio.email, cast.reviewer.email}
    page = client_of(cast.reviewer).get("/queue/").content.decode()
    assert "1 request for the Office of the CIO" in flat(page)
    own = submitted(cast, requester=cast.reviewer, first=free_days(weeks=9))
    assert not Notification.objects.filter(
        unique_key__startswith="request_waits", recipient=cast.reviewer.email, thread=own.reference
    ).exists()
