"""One answer to "may this campaign send now?": on the pages, by the command, in the list, in the API, on the letter."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from campaigns import complaint_metrics, post_approval, selectors
from campaigns.letter import letter_of
from campaigns.letter_pdf import as_pdf
from campaigns.models import CampaignPermission
from campaigns.standing import CampaignStanding, StandingCode
from portal.grants.models import Grant
from portal.grants.services import dates, managing
from portal.grants.services.transition import change_grant
from portal.grants.states import GrantAction, GrantState
from portal.outbox.models import Notification
from portal.ui.moments import day_in_words
from portal.workflow.services import reviewing
from tests.campaigns.cast import message, submitted
from tests.campaigns.gated import judge, sender_authorization, sending_now
from tests.cast import Cast, approve, client_of
from tests.support.pdf import text_of

pytestmark = pytest.mark.django_db
FROM = "news@mail.ttu.edu"


def standing_now(grant: Grant) -> CampaignStanding:
    return selectors.standings([grant])[grant.pk]


def today_in_words() -> str:
    return day_in_words(timezone.localdate())


# ---------------------------------------------------------------- each way not to send
def as_it_is(cast: Cast) -> Grant:
    return sending_now(cast)


def before(cast: Cast) -> Grant:
    return approve(cast, submitted(cast), actor=cast.cio)


def over(cast: Cast) -> Grant:
    grant = sending_now(cast)
    yesterday = timezone.localdate() - timedelta(days=1)
    Grant.objects.filter(pk=grant.pk).update(starts_on=yesterday, ends_on=yesterday)
    dates.lapse_grants(today=timezone.localdate())
    return grant


def over_and_the_daily_job_did_not_run(cast: Cast) -> Grant:
    grant = sending_now(cast)
    yesterday = timezone.localdate() - timedelta(days=1)
    Grant.objects.filter(pk=grant.pk).update(starts_on=yesterday, ends_on=yesterday)
    return grant


def suspended(cast: Cast) -> Grant:
    grant = sending_now(cast)
    managing.change_state(grant=grant, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="Looks odd.")
    return grant


def revoked(cast: Cast) -> Grant:
    grant = sending_now(cast)
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.cio, reason="Complaints.")
    return grant


def stopped(cast: Cast) -> Grant:
    grant = sending_now(cast)
    permission = CampaignPermission.objects.select_related("grant").get(pk=grant.pk)
    post_approval.stop_now(permission=permission, actor=cast.requester, reason="Wrong link.")
    return grant


def over_its_limit(cast: Cast) -> Grant:
    grant = sending_now(cast)
    figures = complaint_metrics.DailyMetrics(grant.reference, timezone.localdate(), 2000, 40, 0)
    post_approval.import_metrics(rows=[figures], actor=None)
    return grant


def under(cast: Cast, state: GrantState) -> Grant:
    sender = sender_authorization(cast, cast.requester)
    grant = sending_now(
        cast, raw=message(sender=FROM), platform="authorized", sender_grant=sender, from_address=FROM
    )
    Grant.objects.filter(pk=sender.pk).update(state=state)
    return grant


def sender_suspended(cast: Cast) -> Grant:
    return under(cast, GrantState.SUSPENDED)


def sender_in_force(cast: Cast) -> Grant:
    return under(cast, GrantState.ACTIVE)


CASES: list[tuple[Any, StandingCode, int, str]] = [
    (as_it_is, StandingCode.MAY_SEND, 0, ""),
    (sender_in_force, StandingCode.MAY_SEND, 0, ""),
    (before, StandingCode.BEFORE_WINDOW, 3, ""),
    (over, StandingCode.AFTER_WINDOW, 4, "Over"),
    (over_and_the_daily_job_did_not_run, StandingCode.AFTER_WINDOW, 4, "Over"),
    (stopped, StandingCode.ENDED, 4, "Ended"),
    (suspended, StandingCode.SUSPENDED, 5, "Suspended"),
    (over_its_limit, StandingCode.OVER_LIMIT, 5, "On hold"),
    (revoked, StandingCode.REVOKED, 6, "Revoked"),
    (sender_suspended, StandingCode.NO_SENDER, 7, "On hold"),
]


def raw_of(grant: Grant) -> bytes:
    return bytes(CampaignPermission.objects.get(pk=grant.pk).message.raw)


@pytest.mark.parametrize("row", CASES, ids=[row[0].__name__ for row in CASES])
def test_command_pages_list_letter_and_gate_say_the_same(
    cast: Cast, tmp_path: Path, capsys: Any, row: tuple[Any, StandingCode, int, str]
) -> None:
    made, case, status, stamp = row
    grant = made(cast)
    standing, raw = standing_now(grant), raw_of(grant)
    assert (standing.code, standing.stamp) == (case, stamp)
    assert standing.may_send is (case is StandingCode.MAY_SEND)

    page, address = client_of(cast.requester), grant.get_absolute_url()
    head = page.get(address).content.decode()
    assert standing.words in head
    assert ("In force now" in head) is False
    assert standing.words in page.get("/permissions/mine/").content.decode()
    assert standing.sentence in page.get(f"/campaigns/{grant.reference}/verify/").content.decode()
    assert standing.sentence in page.get(f"/campaigns/{grant.reference}/overview/").content.decode()
    assert standing.words in page.get(f"/campaigns/{grant.reference}/delivery/").content.decode()
    assert (judge(raw=raw) == "") is standing.may_send
    the_command_says_it(grant, standing, status, tmp_path, capsys)
    the_letter_says_it(page, grant, standing)


def the_command_says_it(
    grant: Grant, standing: CampaignStanding, status: int, folder: Path, capsys: Any
) -> None:
    same, other = folder / "same.eml", folder / "other.eml"
    same.write_bytes(raw_of(grant))
    other.write_bytes(message(body="Something else."))
    assert run(grant, same) == status
    assert standing.sentence in capsys.readouterr().out
    assert run(grant, same, "--json") == status
    facts = json.loads(capsys.readouterr().out)
    assert (facts["standing"], facts["may_send"], facts["is_approved_message"]) == (
        str(standing.code),
        standing.may_send,
        True,
    )
    assert run(grant, other, "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["may_send"], facts["is_approved_message"]) == (False, False)
    assert facts["differences"]


def run(grant: Grant, file: Path, *options: str) -> int:
    try:
        call_command("verify_campaign", grant.reference, str(file), *options)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def the_letter_says_it(page: Client, grant: Grant, standing: CampaignStanding) -> None:
    shown = page.get(f"/campaigns/{grant.reference}/letter/").content.decode()
    paper = text_of(page.get(f"/campaigns/{grant.reference}/letter.pdf").content)
    if not standing.stamp:
        assert "letter-stamp" not in shown
        assert "The request is approved." in paper
        return
    mark = f"{standing.stamp} on {day_in_words(standing.since)}" if standing.since else standing.stamp
    assert mark in shown
    assert standing.sentence in shown
    assert shown.index(mark) < shown.index("may send one exact message")
    assert "The request is approved" not in shown
    assert mark.upper() in paper
    assert paper.index(mark.upper()) < paper.index("As decided that day")
    assert standing.sentence in paper
    assert "The request is approved" not in paper


# ---------------------------------------------------------------- the day and the words
def test_the_window_is_the_institution_s_days(cast: Cast) -> None:
    grant = before(cast)
    first, last = grant.starts_on, grant.ends_on
    row = selectors.judged().get(pk=grant.pk)
    day = timedelta(days=1)
    cases = [selectors.standing(row, first + offset * day).code for offset in (-1, 0, 2, 3)]
    assert cases == [
        StandingCode.BEFORE_WINDOW,
        StandingCode.MAY_SEND,
        StandingCode.MAY_SEND,
        StandingCode.AFTER_WINDOW,
    ]
    assert last == first + 2 * day
    with time_machine.travel(f"{first}T04:00:00+00:00", tick=False):  # Ten in the evening of the day before.
        assert standing_now(grant).code is StandingCode.BEFORE_WINDOW


def test_a_campaign_before_its_window_is_nowhere_called_in_force(cast: Cast) -> None:
    grant = before(cast)
    page = client_of(cast.requester)
    words = f"May send from {day_in_words(grant.starts_on)}"
    for address in (grant.get_absolute_url(), "/permissions/mine/"):
        shown = page.get(address).content.decode()
        assert words in shown
        assert "In force now" not in shown


def test_unknown_states_may_not_send(cast: Cast) -> None:
    grant = sending_now(cast)
    Grant.objects.filter(pk=grant.pk).update(state=GrantState.UNPROVEN)
    assert (standing_now(grant).code, standing_now(grant).may_send) == (StandingCode.UNKNOWN, False)
    CampaignPermission.objects.filter(pk=grant.pk).update(platform="authorized", sender_grant=None)
    Grant.objects.filter(pk=grant.pk).update(state=GrantState.ACTIVE)
    assert standing_now(grant).code is StandingCode.NO_SENDER


def test_the_list_costs_one_question_however_many_campaigns(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    first = sending_now(cast)
    with django_assert_num_queries(1):
        selectors.standings([first])
    grants = [first, *(sending_now(cast) for _ in range(3)), sender_in_force(cast)]
    with django_assert_num_queries(1):
        assert len(selectors.standings(grants)) == 5


# ---------------------------------------------------------------- letters
def test_the_letter_of_a_replaced_approval_is_stamped_too(cast: Cast) -> None:
    grant = before(cast)
    first = grant.latest_request
    later = submitted(cast)
    Grant.objects.filter(pk=grant.pk).update(latest_request=later)
    page = client_of(cast.requester)
    shown = page.get(f"/campaigns/{first.reference}/letter/").content.decode()
    assert "Replaced" in shown
    assert "REPLACED" in text_of(page.get(f"/campaigns/{first.reference}/letter.pdf").content)


def test_a_denial_has_no_stamp(cast: Cast) -> None:
    request = submitted(cast)
    reviewing.deny(
        service_request=request,
        actor=cast.cio,
        revision=request.revision,
        comment="Not now.",
        clauses=["MKT-5"],
    )
    shown = client_of(cast.requester).get(f"/campaigns/{request.reference}/letter/").content.decode()
    assert "The request is denied" in shown
    assert "letter-stamp" not in shown


def test_a_stamped_letter_of_several_pages_has_the_stamp_on_each(cast: Cast) -> None:
    grant = revoked(cast)
    letter = letter_of(grant.request)
    assert letter is not None
    paper = text_of(as_pdf(replace(letter, reason="A long reason. " * 700)))
    assert paper.count(f"REVOKED ON {today_in_words().upper()}") >= 3
    assert as_pdf(letter) == as_pdf(letter)
    assert f"http://localhost:8000/campaigns/{grant.reference}/letter/" in text_of(as_pdf(letter))


# ---------------------------------------------------------------- the authorization under it
def test_a_suspended_authorization_tells_the_owners_of_its_campaigns(cast: Cast) -> None:
    sender = sender_authorization(cast, cast.colleague, co_owner=cast.requester)
    grant = sending_now(
        cast, raw=message(sender=FROM), platform="authorized", sender_grant=sender, from_address=FROM
    )
    Notification.objects.all().delete()
    with transaction.atomic():
        change_grant(grant=sender, action="suspend", actor=cast.reviewer, state=GrantState.SUSPENDED)
    told = Notification.objects.get(thread=grant.reference)
    assert told.recipient == cast.requester.email
    assert f"the sender authorization {sender.reference} is suspended since {today_in_words()}" in told.text


def test_letters_know_the_day_of_the_suspension(cast: Cast) -> None:
    grant = suspended(cast)
    assert standing_now(grant).since == timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(
        state_changed_at=timezone.make_aware(datetime(2026, 11, 1, 23, 30))
    )
    assert standing_now(grant).since == date(2026, 11, 1)
