"""Delivery and results: stopping a campaign, metrics over a limit, the decision on them, and the results (MKT-5)."""

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from campaigns import complaint_metrics, post_approval
from campaigns.complaint_metrics import DailyMetrics, MetricsRefused, read_metrics
from campaigns.models import CampaignPermission, ComplaintMetrics, StopProposal
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.models import Notification
from portal.workflow.services import taking_part
from tests.campaigns import cast as campaigns
from tests.cast import Cast, approve, client_of
from tests.support.browser import assert_accessible, sign_in

pytestmark = pytest.mark.django_db
HEAD = "campaign,day,sent,complaints,hard_bounces\n"


@pytest.fixture
def permission(cast: Cast) -> CampaignPermission:
    """An approved survey whose window has begun today, with a co-owner who accepted to be one."""
    request = campaigns.submitted(cast, co_owner=cast.colleague)
    taking_part.accept(service_request=request, actor=cast.colleague)
    grant = approve(cast, request, actor=cast.cio)
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(starts_on=today, ends_on=today + timedelta(days=3))
    found = CampaignPermission.objects.select_related("grant").get(grant=grant)
    Notification.objects.all().delete()
    return found


def fresh(permission: CampaignPermission) -> CampaignPermission:
    return CampaignPermission.objects.select_related("grant").get(pk=permission.pk)


def figures(
    permission: CampaignPermission, sent: int, complaints: int, bounces: int = 0, *, days_ago: int = 0
) -> DailyMetrics:
    day = timezone.localdate() - timedelta(days=days_ago)
    return DailyMetrics(permission.grant.reference, day, sent, complaints, bounces)


def told(template_words: str) -> set[str]:
    return {row.recipient for row in Notification.objects.all() if template_words in row.subject}


# ---------------------------------------------------------------- stop now
@pytest.mark.parametrize(
    ("name", "state"),
    [("requester", "ended"), ("colleague", "ended"), ("reviewer", "suspended"), ("cio", "suspended")],
)
def test_those_concerned_stop_it_at_once_and_everyone_is_told(
    cast: Cast, permission: CampaignPermission, name: str, state: str
) -> None:
    assert permission.grant.is_in_force_today
    post_approval.stop_now(permission=permission, actor=getattr(cast, name), reason="The link is wrong.")
    grant = Grant.objects.get(pk=permission.grant_id)
    assert grant.state == state
    assert not grant.is_in_force_today
    recipients = {row.recipient for row in Notification.objects.all()}
    assert {"requester@ttu.edu", "colleague@ttu.edu", "cio@ttu.edu", permission.stopper.email} <= recipients
    assert all("The link is wrong." in row.text for row in Notification.objects.all())


def test_others_cannot_stop_it_and_nobody_twice(cast: Cast, permission: CampaignPermission) -> None:
    for name in ("outsider", "auditor", "admin"):
        with pytest.raises(NotAllowed):
            post_approval.stop_now(permission=permission, actor=getattr(cast, name), reason="x")
    with pytest.raises(ValidationError):
        post_approval.stop_now(permission=permission, actor=cast.cio, reason=" ")
    post_approval.stop_now(permission=permission, actor=cast.cio, reason="x")
    with pytest.raises(WrongState):
        post_approval.stop_now(permission=fresh(permission), actor=cast.reviewer, reason="x")


def test_the_person_who_can_stop_it_at_any_hour_can(cast: Cast, permission: CampaignPermission) -> None:
    CampaignPermission.objects.filter(pk=permission.pk).update(stopper=cast.outsider)
    client = client_of(cast.outsider)
    reference = permission.grant.reference
    assert client.get(f"/campaigns/{reference}/delivery/").status_code == 200
    assert client.get(f"/permissions/{reference}/").status_code == 404
    answer = client.post(f"/campaigns/{reference}/stop/", {"stop-reason": "Wrong list."})
    assert answer.status_code == 302
    assert Grant.objects.get(pk=permission.grant_id).state == GrantState.SUSPENDED


# ---------------------------------------------------------------- signals
def test_a_campaign_over_its_limit_is_put_to_the_office_and_revoked_by_a_person(
    cast: Cast, permission: CampaignPermission
) -> None:
    post_approval.import_metrics(rows=[figures(permission, 10_000, 9)], actor=cast.reviewer)
    assert told("Many complaints") == set()
    post_approval.import_metrics(rows=[figures(permission, 10_000, 15, days_ago=1)], actor=cast.reviewer)
    assert "requester@ttu.edu" in told("Many complaints")  # 24 of 20,000: over the warning, not over the stop
    assert not StopProposal.objects.exists()
    post_approval.import_metrics(rows=[figures(permission, 10_000, 60)], actor=cast.reviewer)
    proposal = StopProposal.objects.get()
    assert "75 complaints (0.38 %" in proposal.figures
    assert "cio@ttu.edu" in told("Over its stop limit")
    assert Grant.objects.get(pk=permission.grant_id).is_in_force_today  # a person decides
    post_approval.import_metrics(rows=[figures(permission, 10_000, 70)], actor=cast.reviewer)
    assert StopProposal.objects.get().figures != proposal.figures  # one proposal, the newest figures

    page = client_of(cast.cio).get("/campaigns/").content.decode()
    assert "Over their stop limit" in page
    answer = client_of(cast.cio).post(
        f"/campaigns/{permission.grant.reference}/stop-decision/",
        {"decision-decision": "revoke", "decision-reason": "Students complain."},
    )
    assert answer.status_code == 302
    grant = Grant.objects.get(pk=permission.grant_id)
    assert grant.state == GrantState.REVOKED
    assert "Students complain." in grant.state_reason
    assert "85 complaints" in grant.state_reason
    concerned = {row.recipient for row in Notification.objects.filter(text__contains="Students complain.")}
    assert {"requester@ttu.edu", "colleague@ttu.edu", "cio@ttu.edu"} <= concerned
    again = client_of(cast.cio).post(
        f"/campaigns/{permission.grant.reference}/stop-decision/",
        {"decision-decision": "keep", "decision-reason": "x"},
    )
    assert again.status_code == 409


def test_the_office_may_let_it_go_on(cast: Cast, permission: CampaignPermission) -> None:
    post_approval.import_metrics(rows=[figures(permission, 1_000, 0, 80)], actor=None)
    proposal = StopProposal.objects.select_related("permission__grant").get()
    with pytest.raises(NotAllowed):
        post_approval.decide_stop_proposal(
            proposal=proposal, actor=cast.requester, revoke=False, reason="Please."
        )
    with pytest.raises(ValidationError):
        post_approval.decide_stop_proposal(proposal=proposal, actor=cast.cio, revoke=False, reason="")
    post_approval.decide_stop_proposal(
        proposal=proposal, actor=cast.cio, revoke=False, reason="An old list, now cleaned."
    )
    assert Grant.objects.get(pk=permission.grant_id).state == GrantState.ACTIVE


def test_by_configuration_the_portal_revokes_it(
    cast: Cast, permission: CampaignPermission, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = replace(institution(), campaigns_stop_by_themselves=True)
    monkeypatch.setattr(post_approval, "institution", lambda: place)
    post_approval.import_metrics(rows=[figures(permission, 1_000, 9)], actor=None)
    grant = Grant.objects.get(pk=permission.grant_id)
    assert grant.state == GrantState.REVOKED
    assert "9 complaints" in grant.state_reason
    assert StopProposal.objects.get().was_revoked is True


def test_few_messages_prove_nothing_and_a_lower_limit_of_the_request_holds(
    cast: Cast, permission: CampaignPermission
) -> None:
    post_approval.import_metrics(rows=[figures(permission, 99, 50)], actor=None)
    assert not StopProposal.objects.exists()
    ComplaintMetrics.objects.all().delete()
    CampaignPermission.objects.filter(pk=permission.pk).update(stop_complaint_percent="0.10")
    post_approval.import_metrics(rows=[figures(fresh(permission), 10_000, 10)], actor=None)
    assert "stop at 0.10 %" in StopProposal.objects.get().figures


def test_a_stopped_campaign_is_not_proposed_again(cast: Cast, permission: CampaignPermission) -> None:
    post_approval.stop_now(permission=permission, actor=cast.requester, reason="x")
    post_approval.import_metrics(rows=[figures(fresh(permission), 1_000, 50)], actor=None)
    assert not StopProposal.objects.exists()


# ---------------------------------------------------------------- the file
def test_a_file_is_taken_twice_and_counts_once(permission: CampaignPermission, tmp_path: Path) -> None:
    file = tmp_path / "signals.csv"
    day = timezone.localdate().isoformat()
    file.write_text(f"{HEAD}{permission.grant.reference},{day},5000,2,10\n")
    for _ in range(2):
        out = io.StringIO()
        call_command("import_complaint_metrics", str(file), stdout=out)
        assert out.getvalue() == "1 rows of 1 campaigns\n"
    assert complaint_metrics.totals_of(permission).sent == 5000
    assert ComplaintMetrics.objects.count() == 1


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("TM-C-1001,2026-02-30,1,0,0\n", "Line 2: the day must be"),
        ("TM-C-1001,2026-02-03,one,0,0\n", "Line 2: sent must be a whole number"),
        ("TM-C-1001,2026-02-03,-1,0,0\n", "Line 2: sent must be a whole number"),
        ("TM-C-1001,2026-02-03,1,2,0\n", "Line 2: there cannot be more"),
        ("TM-C-1001,2999-02-03,1,0,0\n", "Line 2: the day is in the future"),
        ("TM-C-1001,2026-02-03,1,0\n", "Line 2: it must have 5 columns"),
        ("TM-C-1001,2026-02-03,1,0,0,9\n", "Line 2: it must have 5 columns"),
        ("TM-C-1001,2026-02-03,1,0,0\nTM-C-1001,no,1,0,0\n", "Line 3: the day must be"),
    ],
)
def test_a_bad_line_is_named(rows: str, sentence: str) -> None:
    with pytest.raises(MetricsRefused, match=sentence):
        read_metrics(io.StringIO(HEAD + rows))


def test_nothing_of_a_file_with_a_stranger_is_kept(permission: CampaignPermission, tmp_path: Path) -> None:
    file = tmp_path / "signals.csv"
    day = timezone.localdate().isoformat()
    file.write_text(f"{HEAD}{permission.grant.reference},{day},5000,2,10\nTM-C-9999,{day},1,0,0\n")
    with pytest.raises(CommandError, match="TM-C-9999 is not an approved campaign"):
        call_command("import_complaint_metrics", str(file))
    assert not ComplaintMetrics.objects.exists()
    with pytest.raises(CommandError, match="The first line must be"):
        call_command("import_complaint_metrics", str(_written(tmp_path / "b.csv", b"a,b\n")))
    with pytest.raises(CommandError, match="not UTF-8"):
        call_command("import_complaint_metrics", str(_written(tmp_path / "c.csv", b"\xff\xfe\x00")))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_complaint_metrics", str(tmp_path / "none.csv"))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 302),
        ({"campaign": "TM-C-9"}, 422),
        ({"complaints": "99"}, 422),
        ({"day": "2999-01-01"}, 422),
        ({"sent": "x"}, 422),
    ],
)
def test_the_page_takes_one_day(
    cast: Cast, permission: CampaignPermission, changed: dict[str, str], status: int
) -> None:
    typed = {
        "campaign": permission.grant.reference.lower(),
        "day": timezone.localdate().isoformat(),
        "sent": "50",
        "complaints": "1",
        "hard_bounces": "0",
    } | changed
    assert client_of(cast.reviewer).post("/campaigns/complaint-metrics/", typed).status_code == status
    assert ComplaintMetrics.objects.count() == (1 if status == 302 else 0)
    assert client_of(cast.requester).post("/campaigns/complaint-metrics/", typed).status_code == 403


# ---------------------------------------------------------------- results
def test_the_owner_is_asked_once_and_notes_what_came_of_it(
    cast: Cast, permission: CampaignPermission
) -> None:
    last = permission.grant.ends_on
    with pytest.raises(WrongState):
        post_approval.record_results(
            permission=permission, actor=cast.requester, sent=1, opened=None, complaints=0
        )
    assert post_approval.request_results(today=last) == 0
    with time_machine.travel(timezone.now() + timedelta(days=5), tick=True):
        out = io.StringIO()
        call_command("request_campaign_results", stdout=out)
        assert out.getvalue() == "asked 1\n"
        assert told("Results wanted") == {"requester@ttu.edu", "colleague@ttu.edu"} | (
            {permission.grant.functional_mailbox} if permission.grant.functional_mailbox else set()
        )
        assert post_approval.request_results(today=timezone.localdate()) == 0
        client = client_of(cast.requester)
        path = f"/campaigns/{permission.grant.reference}/results/"
        bad = client.post(path, {"results-sent": "10", "results-opened": "", "results-complaints": "11"})
        assert bad.status_code == 422
        good = client.post(path, {"results-sent": "900", "results-opened": "", "results-complaints": "1"})
        assert good.status_code == 302
        page = (
            client_of(cast.auditor).get(f"/campaigns/{permission.grant.reference}/delivery/").content.decode()
        )
        assert "not measured" in page
        with pytest.raises(NotAllowed):
            post_approval.record_results(
                permission=permission, actor=cast.cio, sent=1, opened=None, complaints=0
            )


# ---------------------------------------------------------------- old names
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/campaigns/signals/?campaign=TM-C-1", "/campaigns/complaint-metrics/?campaign=TM-C-1"),
        ("/campaigns/TM-C-1/after/", "/campaigns/TM-C-1/delivery/"),
        ("/campaigns/TM-C-1/case/", "/campaigns/TM-C-1/overview/"),
    ],
)
def test_old_addresses_lead_to_the_new_ones(client: Client, old: str, new: str) -> None:
    found = client.get(old)
    assert (found.status_code, found["Location"]) == (301, new)


def test_a_form_that_was_open_during_the_rename_is_still_saved(
    cast: Cast, permission: CampaignPermission
) -> None:
    typed = {"stop-reason": "x", "decision-reason": "x"}
    answered = client_of(cast.requester).post(f"/campaigns/{permission.grant.reference}/answer/", typed)
    assert answered.status_code == 308  # RFC 9110: the browser repeats the POST with its body
    assert answered["Location"] == f"/campaigns/{permission.grant.reference}/stop-decision/"


def test_old_command_names_work_and_say_the_new_ones(
    permission: CampaignPermission, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = f"{permission.grant.reference},{timezone.localdate()},5000,1,2\n"
    call_command("import_signals", str(_written(tmp_path / "a.csv", (HEAD + row).encode())))
    call_command("ask_outcomes")
    told = capsys.readouterr()
    assert told.out == "1 rows of 1 campaigns\nasked 0\n"
    assert "import_complaint_metrics" in told.err
    assert "request_campaign_results" in told.err
    assert ComplaintMetrics.objects.get().sent == 5000


# ---------------------------------------------------------------- pages
@pytest.mark.django_db(transaction=True)
def test_the_pages_are_accessible(cast: Cast, live_server: Any, browser: Browser) -> None:
    grant = approve(cast, campaigns.submitted(cast), actor=cast.cio)
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(starts_on=today, ends_on=today + timedelta(days=3))
    found = CampaignPermission.objects.select_related("grant").get(grant=grant)
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto("/campaigns/complaint-metrics/")
    assert_accessible(page, "campaign-complaint-metrics")
    post_approval.import_metrics(
        rows=[figures(found, 4000, 20), figures(found, 4000, 4, 9, days_ago=40)], actor=None
    )
    page.goto(f"/campaigns/{grant.reference}/delivery/")
    assert_accessible(page, "campaign-delivery")
    page.goto("/campaigns/dashboard/")
    assert_accessible(page, "campaign-dashboard-complaints")
    page.goto(grant.get_absolute_url())
    assert "Over its stop limit" in page.inner_text("main")
