"""The campaigns line through services: request, checks, route, decision, grant, binding; and through its form."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.http import QueryDict
from django.utils import timezone

from campaigns import binding, selectors, services
from campaigns.forms import AudienceStep, ContentStep, SenderStep, SortStep
from campaigns.models import CampaignRequest
from campaigns.sending_forms import StopStep, SurveyStep, WindowStep
from portal.grants.models import Grant, GrantEvent
from portal.grants.services import dates, issuing, managing
from portal.grants.states import GrantAction, GrantState
from portal.institution import Population
from portal.outbox.models import Notification
from portal.workflow import guide_tree, registry
from portal.workflow.guide import Question
from portal.workflow.kinds import Terms
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import answering, checking, requesting, reviewing
from tests.campaigns.cast import ADDRESS, FROM, campaign_draft, free_days, message, passed_on, submitted
from tests.cast import Cast, approve, client_of, fresh

pytestmark = pytest.mark.django_db


# ---------------------------------------------------------------- the route
@pytest.mark.parametrize(
    ("kind", "runner", "route"),
    [
        ("survey", "internal", ["cio"]),
        ("survey", "third_party", ["deliverability", "cio"]),
        ("external_survey", "internal", ["deliverability", "cio"]),
        ("marketing", "internal", ["deliverability", "cio"]),
        ("notice", "third_party", ["deliverability", "cio"]),
    ],
)
def test_the_cio_office_decides_always_and_it_looks_first(
    cast: Cast, kind: str, runner: str, route: list[str]
) -> None:
    draft = campaign_draft(cast, kind=kind, runner=runner)
    assert [stage.key for stage in draft.kind_entry.route(draft)] == route


def test_a_survey_is_signed_off_for_its_window_alone(cast: Cast) -> None:
    request = submitted(cast)
    assert (request.stage, request.blocking_findings) == ("cio", 0)
    grant = approve(cast, request, actor=cast.cio)
    detail = CampaignRequest.of(request)
    assert (grant.starts_on, grant.ends_on) == (detail.first_send_on, detail.last_send_on)
    assert grant.campaign.canonical_sha256 == detail.message.canonical_sha256  # type: ignore[union-attr]
    day = timedelta(days=1)
    in_force = {offset: grant.is_in_force(grant.starts_on + offset * day) for offset in (-1, 0, 1, 2, 3)}
    assert in_force == {-1: False, 0: True, 1: True, 2: True, 3: False}
    assert list(Grant.objects.in_force(grant.starts_on - day)) == []
    assert list(Grant.objects.in_force(grant.starts_on)) == [grant]


def test_it_passes_on_what_a_third_party_sends(cast: Cast) -> None:
    request = submitted(cast, runner="third_party", vendor="Panel Inc.")
    assert request.stage == "deliverability"
    with pytest.raises(Exception, match="somebody else") as caught:
        approve(cast, request, actor=cast.cio)
    assert getattr(caught.value, "status", 0) == 403
    request = passed_on(cast, request)
    assert (request.stage, request.stage_role) == ("cio", "cio_office")
    assert approve(cast, request, actor=cast.cio).state == GrantState.ACTIVE


def test_it_ends_after_its_last_day_without_a_word_of_renewal(cast: Cast) -> None:
    grant = approve(cast, submitted(cast), actor=cast.cio)
    Notification.objects.all().delete()
    for offset in range(-30, 3):
        day = grant.ends_on + timedelta(days=offset)
        with time_machine.travel(f"{day}T17:00:00+00:00", tick=False):
            dates.send_reminders(today=day)
            dates.lapse_grants(today=day)
    grant.refresh_from_db()
    assert grant.state == GrantState.ENDED
    assert GrantEvent.objects.filter(grant=grant).last().action == "close"  # type: ignore[union-attr]
    assert {str(email.unique_key).split(":")[0] for email in Notification.objects.all()} == {"grant_changed"}


# ---------------------------------------------------------------- the checks
@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"is_attested": False}, "statement"),
        ({"is_list_clean": False}, "audience"),
        ({"consent": "none"}, "consent"),
        ({"irb": "recruitment"}, "S-1"),
        ({"irb": "approved", "irb_number": "IRB-1", "irb_expires_on": date(2026, 1, 1)}, "S-2"),
        ({"irb": "exempt", "irb_number": ""}, "S-2"),
        ({"platform": "authorized", "sender_grant": None}, "platform"),
        ({"from_address": "nobody-knows@ttu.edu"}, "from"),
        ({"stopper_phone": ""}, "stop"),
        ({"hourly_rate": 800}, "pace"),
        ({"hourly_rate": None}, "pace"),
        ({"message": None}, "message"),
    ],
)
def test_what_bars_an_approval(cast: Cast, columns: dict[str, Any], rule: str) -> None:
    draft = campaign_draft(cast)
    answering.write_columns(detail=CampaignRequest.of(draft), columns=columns)
    barring = [one.rule for one in draft.kind_entry.check(draft) if one.blocks]
    assert rule in barring


def test_the_message_s_checks_bar_the_approval_and_a_fixed_one_passes(cast: Cast) -> None:
    bad = submitted(cast, raw=message(postal="", one_click="One-Click"))
    assert bad.blocking_findings
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, bad, actor=cast.cio)
    services.add_message(service_request=bad, added_by=cast.requester, raw=message(), file_name="fixed.eml")
    assert approve(cast, fresh(bad), actor=cast.cio).state == GrantState.ACTIVE


def test_lead_time_bars_at_the_office_alone_which_may_set_it_aside(cast: Cast) -> None:
    soon = timezone.localdate() + timedelta(days=3)
    request = submitted(cast, runner="third_party", vendor="Panel Inc.", first=soon)
    lead = next(one for one in request.kind_entry.check(request) if one.rule == "lead-time")
    assert (lead.outcome, lead.must) == ("fail", False)
    request = passed_on(cast, request)
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, request, actor=cast.cio)
    checking.recheck(service_request=fresh(request), actor=cast.cio)
    for one in request.kind_entry.check(request):
        if one.blocks:
            checking.waive(
                service_request=fresh(request), actor=cast.cio, rule=one.rule, reason="The provost asked."
            )
    assert approve(cast, fresh(request), actor=cast.cio).starts_on == soon


def test_another_survey_that_week_is_named_and_the_next_free_window_proposed(cast: Cast) -> None:
    monday = date(2027, 2, 1)
    with time_machine.travel("2027-01-04T16:00:00+00:00", tick=True):
        first = approve(cast, submitted(cast, first=monday, days=2), actor=cast.cio)
        second = submitted(cast, requester=cast.outsider, first=monday + timedelta(days=3), days=2)
        found = {one.rule: one for one in second.kind_entry.check(second)}
    assert "Students get another survey that week" in found[f"conflict:{first.reference}"].sentence
    assert found["next-free"].evidence == {"starts_on": "2027-02-08", "ends_on": "2027-02-09"}
    assert "Feb 8, 2027 to Feb 9, 2027" in found["next-free"].sentence


def test_the_budget_of_surveys_bars_one_more(cast: Cast, settings: Any) -> None:
    settings.INSTITUTION = replace(
        settings.INSTITUTION, populations=(Population("students", "Students", survey_budget=1),)
    )
    with time_machine.travel("2027-01-04T16:00:00+00:00", tick=True):
        approve(cast, submitted(cast, first=date(2027, 2, 1)), actor=cast.cio)
        second = submitted(cast, requester=cast.outsider, first=date(2027, 3, 1))
        with pytest.raises(reviewing.ApprovalBlocked) as caught:
            approve(cast, second, actor=cast.cio)
        assert [one.rule for one in caught.value.findings] == ["budget:students"]
        after = next(one for one in second.kind_entry.check(second) if one.rule == "next-free")
    assert after.evidence["starts_on"] == "2027-09-01"


def test_a_window_that_is_over_bars(cast: Cast) -> None:
    request = submitted(cast)
    last = CampaignRequest.of(request).last_send_on
    assert last is not None
    after = f"{last + timedelta(days=1)}T17:00:00+00:00"
    with time_machine.travel(after, tick=True), pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, request, actor=cast.cio)


def test_a_sender_authorization_in_force_over_the_window_is_a_platform(cast: Cast) -> None:
    draft = campaign_draft(cast, platform="authorized", from_address="news@mail.ttu.edu")
    detail = CampaignRequest.of(draft)
    grant = Grant.objects.create(
        kind="senders",
        reference="TM-S-1",
        request=submitted(cast, first=free_days(weeks=9)),
        owner=cast.colleague,
        latest_request=ServiceRequest.objects.latest("pk"),
        co_owner=cast.requester,
        title="Mailer",
        subject_key="mail.ttu.edu",
        starts_on=timezone.localdate(),
        ends_on=timezone.localdate() + timedelta(days=300),
    )
    answering.write_columns(detail=detail, columns={"sender_grant": grant})

    def failing() -> list[str]:
        CampaignRequest.forget(draft)
        return [
            one.rule
            for one in draft.kind_entry.check(draft)
            if one.blocks and one.rule in ("platform", "from")
        ]

    assert failing() == []
    Grant.objects.filter(pk=grant.pk).update(ends_on=timezone.localdate() + timedelta(days=1))
    assert failing() == ["platform"]
    Grant.objects.filter(pk=grant.pk).update(state=GrantState.SUSPENDED)
    assert failing() == ["platform"]
    Grant.objects.filter(pk=grant.pk).update(
        state=GrantState.ACTIVE,
        ends_on=timezone.localdate() + timedelta(days=300),
        subject_key="other.ttu.edu",
    )
    assert failing() == ["from"]


# ---------------------------------------------------------------- the decision
def test_the_office_narrows_window_and_audience(cast: Cast) -> None:
    request = submitted(cast, people={"students": 32000, "staff": 5000}, days=5)
    asked = request.kind_entry.default_terms(request, timezone.localdate())
    day = timedelta(days=1)
    terms = Terms(asked.starts_on + day, asked.ends_on - day, {"populations": ["staff"]})
    grant = approve(cast, request, actor=cast.cio, terms=terms)
    assert (grant.starts_on, grant.ends_on) == (asked.starts_on + day, asked.ends_on - day)
    assert [(row.population, row.people) for row in grant.campaign.audiences.all()] == [("staff", 5000)]


def test_a_change_of_a_campaign_moves_its_window_and_binds_the_new_message(cast: Cast) -> None:
    grant = approve(cast, submitted(cast), actor=cast.cio)
    before = grant.campaign.canonical_sha256
    change = issuing.begin_renewal(grant=grant, actor=cast.requester, intention="change")  # type: ignore[arg-type]
    assert requesting.missing_steps(change) == ["audience", "statement"]
    later = grant.starts_on + timedelta(days=7)
    columns = {
        "first_send_on": later,
        "last_send_on": later,
        "is_attested": True,
        "is_list_clean": True,
        "hourly_rate": 4000,
    }
    answering.write_columns(detail=CampaignRequest.of(change), columns=columns)
    services.add_message(
        service_request=change,
        added_by=cast.requester,
        raw=message(subject="How do you eat?"),
        file_name="b.eml",
    )
    for key in ("audience", "statement"):
        DraftStep.objects.create(service_request=change, step=key, is_complete=True)
    requesting.submit(service_request=change, actor=cast.requester, revision=change.revision)
    changed = approve(cast, fresh(change), actor=cast.cio)
    assert changed.pk == grant.pk
    assert (changed.starts_on, changed.ends_on) == (later, later)
    assert type(changed.campaign).objects.get(pk=grant.pk).canonical_sha256 != before
    client = client_of(cast.requester)
    first = client.get(f"/campaigns/{grant.reference}/letter/").content.decode()
    assert f"See the letter of {change.reference}" in first
    assert before not in first
    assert "Window" in client.get(f"/campaigns/{change.reference}/letter/").content.decode()


# ---------------------------------------------------------------- the binding
def test_the_approved_message_matches_and_a_changed_one_does_not(cast: Cast) -> None:
    grant = approve(cast, submitted(cast), actor=cast.cio)
    permission = binding.permission_of(grant.reference)
    assert permission is not None
    assert binding.compare(permission, message()).is_approved
    other = binding.compare(permission, message(subject="WIN a prize"))
    assert not other.is_approved
    assert any("WIN a prize" in difference for difference in other.differences)


def test_the_command_answers_by_its_exit_status(cast: Cast, tmp_path: Any, capsys: Any) -> None:
    grant = approve(cast, submitted(cast), actor=cast.cio)
    good, bad, none = tmp_path / "good.eml", tmp_path / "bad.eml", tmp_path / "none"
    good.write_bytes(message())
    bad.write_bytes(message(body="Something else."))
    with time_machine.travel(f"{grant.starts_on}T17:00:00+00:00", tick=True):
        call_command("verify_campaign", grant.reference, str(good))
        assert "This is the message" in capsys.readouterr().out
        with pytest.raises(SystemExit) as differs:
            call_command("verify_campaign", grant.reference.lower(), str(bad))
        assert differs.value.code == 1
        assert "not the message" in capsys.readouterr().out
    with pytest.raises(SystemExit) as early:
        call_command("verify_campaign", grant.reference, str(good))
    assert early.value.code == 3
    assert "and not before" in capsys.readouterr().out
    for arguments in ((grant.reference, str(none)), ("TM-C-9", str(good))):
        with pytest.raises(CommandError) as refused:
            call_command("verify_campaign", *arguments)
        assert refused.value.returncode == 2


def test_the_page_compares_and_keeps_nothing(cast: Cast) -> None:
    grant = approve(cast, submitted(cast), actor=cast.cio)
    client, address = client_of(cast.requester), f"/campaigns/{grant.reference}/verify/"
    same = client.post(address, {"eml": SimpleUploadedFile("a.eml", message())}).content.decode()
    assert "This is the approved message, but it may not be sent now" in same
    with time_machine.travel(f"{grant.starts_on}T17:00:00+00:00", tick=True):
        upload = {"eml": SimpleUploadedFile("a.eml", message())}
        inside = client_of(cast.requester).post(address, upload).content.decode()
    assert "Yes, this is the approved message" in inside
    other = client.post(
        address, {"eml": SimpleUploadedFile("a.eml", message(postal=ADDRESS + "-1234"))}
    ).content.decode()
    assert "No, this is another message" in other
    assert client.post(address, {}).status_code == 422
    nothing = client.post(address, {"eml": SimpleUploadedFile("a.eml", b"\x00\xff")})
    assert nothing.status_code == 422
    assert grant.request.campaign_messages.count() == 1
    assert client_of(cast.outsider).get(address).status_code == 404
    assert "Is a message the approved one" in client.get(f"/permissions/{grant.reference}/").content.decode()


def test_a_revoked_campaign_is_not_in_force_and_its_days_are_free(cast: Cast) -> None:
    grant = approve(cast, submitted(cast), actor=cast.cio)
    assert [one.takes_days for one in selectors.bookings()] == [True]
    managing.change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.cio, reason="Complaints.")
    assert [(one.takes_days, one.counts) for one in selectors.bookings()] == [(False, False)]


# ---------------------------------------------------------------- the form
def filled(form_class: Any, request: ServiceRequest, **answers: Any) -> Any:
    query = QueryDict(mutable=True)
    for name, value in answers.items():
        query.setlist(name, value if isinstance(value, list) else [value])
    form = form_class(request, query)
    form.is_valid()
    return form


def test_the_pages_say_what_is_missing(cast: Cast) -> None:
    draft = campaign_draft(cast)
    assert list(filled(SortStep, draft, kind="survey", runner="third_party").errors) == ["vendor"]
    promoting = filled(ContentStep, draft, promotes="yes", has_transactional="yes")
    assert set(promoting.errors) == {
        "subject_reads_commercial",
        "body_reads_commercial",
        "transactional_first",
    }
    plain = filled(ContentStep, draft, promotes="no", subject_reads_commercial="yes")
    assert plain.cleaned_data["subject_reads_commercial"] is None
    outside = filled(
        SenderStep,
        draft,
        sender_of_record="D",
        from_name="D",
        from_address="a@vendor.example",
        platform="list_server",
    )
    assert "REL-3" in outside.errors["from_address"][0]
    unnamed = filled(
        SenderStep, draft, sender_of_record="D", from_name="D", from_address=FROM, platform="authorized"
    )
    assert list(unnamed.errors) == ["sender_grant"]


def test_the_audience_fits_the_sort_of_survey(cast: Cast) -> None:
    draft = campaign_draft(cast)
    rest = {"audience_source": "Ours", "consent": "duty", "is_list_clean": "on"}
    assert list(filled(AudienceStep, draft, **rest).errors) == ["people_students"]
    assert "MKT-2" in filled(AudienceStep, draft, **(rest | {"consent": "none"})).errors["consent"][0]
    assert filled(AudienceStep, draft, people_staff="10", **rest).errors == {}
    assert list(filled(AudienceStep, draft, people_alumni="10", **rest).errors) == ["people_students"]
    external = campaign_draft(cast, kind="external_survey")
    assert "MKT-5" in filled(AudienceStep, external, people_staff="10", **rest).errors["people_students"][0]
    form = filled(AudienceStep, draft, people_staff="10", people_faculty="2", **rest)
    form.save()
    CampaignRequest.forget(draft)
    assert services.audience_of(draft) == {"faculty": 2, "staff": 10}


def test_research_recruitment_is_stopped_with_the_right_route(cast: Cast) -> None:
    draft = campaign_draft(cast)
    form = filled(
        SurveyStep, draft, survey_minutes="5", anonymity="anonymous", data_kept="Here", irb="recruitment"
    )
    assert "announce" in form.errors["irb"][0]
    nodes = guide_tree.nodes()
    assert "research" in {option.leads_to for option in nodes["campaign-survey"].options}  # type: ignore[union-attr]


def test_the_window_is_judged_as_it_is_typed(cast: Cast) -> None:
    draft = campaign_draft(cast)
    today = timezone.localdate()
    past = filled(
        WindowStep,
        draft,
        first_send_on=str(today - timedelta(days=1)),
        last_send_on=str(today),
        messages_each="1",
        hourly_rate="10",
    )
    assert list(past.errors) == ["first_send_on"]
    turned = filled(
        WindowStep,
        draft,
        first_send_on=str(today + timedelta(days=9)),
        last_send_on=str(today),
        messages_each="1",
        hourly_rate="10",
    )
    assert list(turned.errors) == ["last_send_on"]
    client = client_of(cast.requester)
    live = f"/requests/{draft.reference}/edit/window/check/first_send_on/"
    soon = client.post(live, {"first_send_on": str(today + timedelta(days=1))}).content.decode()
    assert "business days" in soon
    assert "next free window" in soon


def test_stop_limits_stay_below_the_institution_s(cast: Cast) -> None:
    draft = campaign_draft(cast)
    form = filled(
        StopStep,
        draft,
        stopper=cast.requester.email,
        stopper_phone="1",
        stop_complaint_percent="9",
        stop_bounce_percent="5",
    )
    assert list(form.errors) == ["stop_complaint_percent"]
    usual = filled(
        StopStep,
        draft,
        stopper=cast.requester.email,
        stopper_phone="1",
        stop_complaint_percent="0.3",
        stop_bounce_percent="5",
    )
    assert usual.errors == {}


def test_every_page_opens_and_the_message_is_refused_until_it_is_fit(cast: Cast) -> None:
    draft = campaign_draft(cast)
    client = client_of(cast.requester)
    for step in draft.kind_entry.steps_for(draft):
        assert client.get(f"/requests/{draft.reference}/edit/{step.key}/").status_code == 200
    page = f"/requests/{draft.reference}/edit/message/"
    bad = SimpleUploadedFile("bad.eml", message(postal=""))
    refused = client.post(page, {"how": "eml", "eml": bad, "revision": fresh(draft).revision})
    assert refused.status_code == 422
    assert "postal address" in refused.content.decode()
    good = SimpleUploadedFile("good.eml", message(subject="Fixed"))
    taken = client.post(page, {"how": "eml", "eml": good, "revision": fresh(draft).revision})
    assert taken.status_code == 302
    CampaignRequest.forget(draft)
    assert CampaignRequest.of(draft).message.subject == "Fixed"  # type: ignore[union-attr]
    answers = client.get(f"/requests/{draft.reference}/answers/").content.decode()
    assert "good.eml" in answers


def test_the_guide_leads_everybody_to_an_answer(cast: Cast) -> None:
    nodes, seen, todo = guide_tree.nodes(), set(), ["campaign"]
    while todo:
        key = todo.pop()
        seen.add(key)
        node = nodes[key]
        if isinstance(node, Question):
            todo += [option.leads_to for option in node.options if option.leads_to not in seen]
    assert {"announcement", "research", "campaign-form-survey", "campaign-form-marketing"} <= seen
    draft = requesting.create_draft(kind=registry.get("campaign"), requester=cast.requester, prefill="survey")
    assert CampaignRequest.of(draft).kind == "survey"


def test_nothing_is_submitted_before_the_statement(cast: Cast) -> None:
    draft = campaign_draft(cast)
    draft.draft_steps.filter(step="statement").delete()
    with pytest.raises(ValidationError):
        requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)


def test_a_question_of_the_office_comes_back_to_the_office(cast: Cast) -> None:
    request = passed_on(cast, submitted(cast, kind="notice"))
    passed = request.events.get(action="advance")
    assert passed.stage == "deliverability"
    reviewing.ask(
        service_request=request,
        actor=cast.cio,
        revision=request.revision,
        questions=[("window", "Why that week?")],
    )
    asked = fresh(request)
    question = asked.questions.get()
    requesting.resubmit(
        service_request=asked,
        actor=cast.requester,
        revision=asked.revision,
        answers={question.pk: "It is free."},
    )
    assert (fresh(request).stage, fresh(request).state) == ("cio", "in_review")
    page = client_of(cast.cio).get(f"/campaigns/{request.reference}/overview/").content.decode()
    assert "It is free." in page
