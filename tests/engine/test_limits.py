"""Limits that no person meets: a sentence, the time when it goes on, and what was typed."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.test import Client

from portal.grants import notices as grant_notices
from portal.grants.models import Grant
from portal.grants.services import issuing, managing
from portal.lib.throttle import Rate, TooOften
from portal.outbox.models import Notification
from portal.workflow import notices
from portal.workflow.models import DraftStep, Event, Participation, ServiceRequest
from portal.workflow.policies import is_decider
from portal.workflow.services import checking, commenting, requesting, reviewing, taking_part
from tests.cast import Cast, approve, client_of, fresh, relay_draft, submitted

pytestmark = pytest.mark.django_db


def emails(recipient: str) -> list[str]:
    """The sources of the email to somebody, oldest first."""
    rows = Notification.objects.filter(recipient=recipient).order_by("pk")
    return [str(key).partition(":")[0] for key in rows.values_list("unique_key", flat=True)]


# ---------------------------------------------------------------- comments, checks, drafts
def test_forty_comments_in_a_breath_are_not_taken(cast: Cast) -> None:
    request = submitted(cast)
    for number in range(commenting.COMMENTS_OF_ONE_PERSON.times):
        commenting.comment(service_request=request, actor=cast.requester, text=f"{number}")
    with pytest.raises(TooOften, match="Try again in"):
        commenting.comment(service_request=request, actor=cast.requester, text="once more")
    answer = client_of(cast.requester).post(
        f"/requests/{request.reference}/do/comment/", {"comment-comment": "What I typed stays."}
    )
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    page = answer.content.decode()
    assert "What I typed stays." in page
    assert "many comments in a short time" in page
    commenting.comment(service_request=request, actor=cast.reviewer, text="Others are not concerned.")


def test_a_request_takes_so_many_comments_from_all_together(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commenting, "COMMENTS_OF_ONE_REQUEST", Rate(times=2, seconds=60))
    request = submitted(cast)
    commenting.comment(service_request=request, actor=cast.requester, text="1")
    commenting.comment(service_request=request, actor=cast.reviewer, text="2")
    with pytest.raises(TooOften):
        commenting.comment(service_request=request, actor=cast.second_reviewer, text="3")


def test_live_checks_have_a_limit(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LIVE_OF_ONE_PERSON", Rate(times=1, seconds=60))
    draft = relay_draft(cast)
    url, data = f"/requests/{draft.reference}/edit/network/check/addresses/", {"addresses": "129.118.10.20"}
    client = client_of(cast.requester)
    assert client.post(url, data).status_code == 200
    answer = client.post(url, data)
    assert answer.status_code == 429
    assert "Try again in" in answer.content.decode()


def test_drafts_have_a_limit(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "DRAFTS_OF_ONE_PERSON", Rate(times=2, seconds=60))
    client = client_of(cast.requester)
    assert [client.post("/new/relay/").status_code for _ in range(3)] == [302, 302, 429]
    assert ServiceRequest.objects.count() == 2


def test_saving_has_a_limit_and_shows_what_was_typed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "SAVES_OF_ONE_PERSON", Rate(times=1, seconds=60))
    draft = relay_draft(cast)
    client, url = client_of(cast.requester), f"/requests/{draft.reference}/edit/network/"
    client.post(url, {"hostname": "copier-7.ttu.edu"})
    answer = client.post(url, {"hostname": "typed-last.ttu.edu"})
    assert answer.status_code == 429
    assert "typed-last.ttu.edu" in answer.content.decode()
    assert "saved many times" in answer.content.decode()


def test_a_page_keeps_no_novel(cast: Cast) -> None:
    draft = relay_draft(cast)
    with pytest.raises(ValidationError, match="more text than the page can hold"):
        requesting.save_typed(
            service_request=draft, actor=cast.requester, step="mail", typed={"purpose": ["x" * 300_000]}
        )
    assert not DraftStep.objects.filter(typed__has_key="purpose").exists()


# ---------------------------------------------------------------- being named
def test_who_is_named_gets_one_notice_and_nothing_more_before_they_accept(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.colleague, sponsor=cast.sponsor)
    assert emails(cast.colleague.email) == ["request_named"]
    assert emails(cast.sponsor.email) == ["request_named"]
    commenting.comment(service_request=request, actor=cast.requester, text="A comment.")
    reviewing.ask(
        service_request=request, actor=cast.reviewer, revision=request.revision, questions=[("", "Why?")]
    )
    request = fresh(request)
    answers = {question.pk: "So." for question in request.questions.all()}
    requesting.resubmit(
        service_request=request, actor=cast.requester, revision=request.revision, answers=answers
    )
    grant = approve(cast, fresh(request))
    grant_notices.reminder(grant=grant, due_on=grant.ends_on, days_left=30)
    assert emails(cast.colleague.email) == ["request_named"]
    assert emails(cast.sponsor.email) == ["request_named"]
    assert "grant_reminder" in emails(cast.requester.email)


def test_who_accepts_gets_the_email_from_then_on(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.colleague, sponsor=cast.sponsor)
    for person in (cast.colleague, cast.sponsor):
        client = client_of(person)
        page = client.get(request.get_absolute_url()).content.decode()
        assert 'id="accept-part"' in page
        assert client.get(f"/requests/{request.reference}/accept/").status_code == 302
        assert Participation.objects.get(service_request=request, person=person).accepted_at is None
        assert client.post(f"/requests/{request.reference}/accept/").status_code == 302
        assert client.post(f"/requests/{request.reference}/accept/").status_code == 409
        assert 'id="accept-part"' not in client.get(request.get_absolute_url()).content.decode()
    grant = approve(cast, fresh(request))
    grant_notices.reminder(grant=grant, due_on=grant.ends_on, days_left=30)
    assert emails(cast.colleague.email) == ["request_named", "request_decided", "grant_reminder"]
    assert emails(cast.sponsor.email) == ["request_named", "request_decided"]
    assert Event.objects.filter(service_request=request, action="accept_part").count() == 2
    assert client_of(cast.outsider).post(f"/requests/{request.reference}/accept/").status_code == 404
    assert client_of(cast.reviewer).post(f"/requests/{request.reference}/accept/").status_code == 403


def test_a_person_files_as_many_namings_a_day_as_nobody_needs(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "NAMINGS", Rate(times=2, seconds=86_400))
    for number in range(4):
        submitted(
            cast, address=f"129.118.10.{40 + number}", host=f"c-{number}.ttu.edu", co_owner=cast.colleague
        )
    assert emails(cast.colleague.email) == ["request_named"] * 2


def test_a_co_owner_counts_for_four_eyes_before_they_accept(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.reviewer)
    assert Participation.objects.get(service_request=request, person=cast.reviewer).accepted_at is None
    assert not is_decider(request, cast.reviewer)
    assert emails(cast.reviewer.email) == ["request_named"]


def test_who_accepted_once_is_not_asked_again_at_the_renewal(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.colleague)
    taking_part.accept(service_request=request, actor=cast.colleague)
    grant = approve(cast, fresh(request))
    draft = issuing.begin_renewal(grant=grant, actor=cast.requester, intention="change")  # type: ignore[arg-type]
    rows = Participation.objects.filter(service_request=draft, person=cast.colleague, part="co_owner")
    assert rows.get().accepted_at is not None
    draft.delete()
    grant = Grant.objects.get(pk=grant.pk)
    own = issuing.begin_renewal(grant=grant, actor=cast.colleague, intention="change")  # type: ignore[arg-type]
    rows = Participation.objects.filter(service_request=own, person=cast.requester, part="co_owner")
    assert rows.get().accepted_at is not None  # the owner is who the permission is of


def test_a_visitor_is_led_to_the_page_with_the_button(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.colleague)
    answer: Any = Client().post(f"/requests/{request.reference}/accept/")
    assert answer["Location"].startswith("/accounts/login/?next=/requests/")


# ---------------------------------------------------------------- offers, and visitors
def test_offers_have_a_limit_for_each_is_an_email(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managing, "OFFERS_OF_ONE_PERSON", Rate(times=2, seconds=60))
    grant = approve(cast, submitted(cast))
    for _ in range(2):
        managing.hand_over(grant=Grant.objects.get(pk=grant.pk), actor=cast.requester, to=cast.outsider)
        managing.withdraw_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.requester)
    answer = client_of(cast.requester).post(
        f"/permissions/{grant.reference}/do/hand_over/",
        {"hand_over-to": cast.outsider.email, "hand_over-note": "Once more."},
    )
    assert answer.status_code == 429
    assert "many offers" in answer.content.decode()
    assert "Once more." in answer.content.decode()
    assert emails(cast.outsider.email).count("grant_offered") == 2


def test_a_visitor_leaves_only_so_many_sessions(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.workflow.views.new_request.UNSENT_OF_ONE_CLIENT", Rate(times=2, seconds=60))
    path = f"/requests/{relay_draft(cast).reference}/edit/network/"
    answers = [Client().post(path, {"hostname": "x" * 100}).status_code for _ in range(4)]
    assert answers == [302, 302, 429, 429]
    assert Session.objects.count() == 2
    assert Client(REMOTE_ADDR="198.51.100.7").post(path, {"hostname": "y"}).status_code == 302
