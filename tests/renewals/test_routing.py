"""The route of a renewal: one stage where its facts are green, else every stage, with the changed facts first."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.apps import apps

from portal.accounts.models import DirectoryAddress
from portal.grants.models import Grant
from portal.grants.services import issuing
from portal.lib.problems import WrongState
from portal.policy_service.models import CountedDay
from portal.renewals.models import Judgement, Route
from portal.renewals.services import filing, judging
from portal.workflow.models import DraftStep, ServiceRequest
from portal.workflow.services import requesting, reviewing
from relay.models import RelayRequest
from tests.cast import HOST, Cast, approve, client_of, fresh, relay_draft
from tests.renewals.conftest import BEGIN, LATER, counted
from tests.renewals.test_renewal_page import words_of
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def grant(names: DnsServer, cast: Cast) -> Iterator[Grant]:
    """A mail server's grant, which two stages approved; the clock stands in its last weeks."""
    with time_machine.travel(BEGIN):
        draft = relay_draft(cast)
        RelayRequest.objects.filter(pk=draft.pk).update(system_kind="mail_server")
        requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
        asked = fresh(draft)
        reviewing.advance(service_request=asked, actor=cast.postmaster, revision=asked.revision)
        made = approve(cast, fresh(draft))
    with time_machine.travel(LATER):
        yield made


def renewed(grant: Grant, cast: Cast) -> ServiceRequest:
    return fresh(filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision))


def stages(service_request: ServiceRequest) -> list[str]:
    return [stage.key for stage in service_request.kind_entry.route(fresh(service_request))]


def test_unchanged_in_use_and_green_goes_to_one_stage(cast: Cast, grant: Grant) -> None:
    counted(grant, days=250, accepted_days_ago=9)
    renewal = renewed(grant, cast)
    assert (renewal.stage, stages(renewal)) == ("renewal", ["renewal"])
    judgement = Judgement.objects.get()
    assert (judgement.route, judgement.use, judgement.reasons) == (Route.SHORT, "seen", [])
    assert "129.118.10.20 may relay" in judgement.would_allow
    assert judgement.ends_on is not None
    assert judgement.ends_on > grant.ends_on
    approve(cast, renewal)


def silent_dns(grant: Grant, names: DnsServer) -> str:
    names.servfail(HOST)
    return "The DNS did not say where"


def idle(grant: Grant, names: DnsServer) -> str:
    counted(grant, days=250)
    return "No mail for 180 days."


def short_silence(grant: Grant, names: DnsServer) -> str:
    counted(grant, days=20)
    return "whether it is used is not known"


def gone_mailbox(grant: Grant, names: DnsServer) -> str:
    Grant.objects.filter(pk=grant.pk).update(functional_mailbox="gone@ttu.edu")
    return "gone@ttu.edu, is no longer in the directory"


@pytest.mark.parametrize("spoil", [silent_dns, idle, short_silence, gone_mailbox])
def test_anything_else_passes_every_stage_with_that_first(
    cast: Cast, grant: Grant, names: DnsServer, spoil: Any
) -> None:
    sentence = spoil(grant, names)
    draft = filed_by_form(grant, cast)
    assert (draft.stage, stages(draft)) == ("postmaster", ["postmaster", "review"])
    with pytest.raises(WrongState):
        approve(cast, draft, actor=cast.postmaster)
    page = words_of(client_of(cast.postmaster).get(draft.get_absolute_url()).content.decode())
    assert sentence in page
    assert page.index(sentence) < page.index("What it would allow")
    assert "It passes every review that applies today." in page
    assert sentence in " ".join(Judgement.objects.get().reasons)


def filed_by_form(grant: Grant, cast: Cast) -> ServiceRequest:
    grant.refresh_from_db()
    draft = issuing.begin_renewal(grant=grant, actor=cast.requester)
    RelayRequest.objects.filter(pk=draft.pk).update(is_attested=True)
    DraftStep.objects.update_or_create(
        service_request=draft, step="statement", defaults={"is_complete": True}
    )
    requesting.submit(service_request=fresh(draft), actor=cast.requester, revision=fresh(draft).revision)
    return fresh(draft)


def test_a_host_that_moved_is_seen_at_the_filing(cast: Cast, grant: Grant, names: DnsServer) -> None:
    names.remove(HOST, "A")
    names.add(HOST, "A", "129.118.10.99")
    renewal = filed_by_form(grant, cast)
    assert renewal.stage == "postmaster"
    page = words_of(client_of(cast.reviewer).get(renewal.get_absolute_url()).content.decode())
    assert f"Changed {HOST} now leads to 129.118.10.99." in page
    assert f"At the approval: {HOST} leads to 129.118.10.20." in page


def test_a_changed_answer_lengthens_the_route(cast: Cast, grant: Grant) -> None:
    draft = issuing.begin_renewal(grant=grant, actor=cast.requester)
    RelayRequest.objects.filter(pk=draft.pk).update(is_attested=True, typical_per_day=400)
    DraftStep.objects.update_or_create(
        service_request=draft, step="statement", defaults={"is_complete": True}
    )
    requesting.submit(service_request=fresh(draft), actor=cast.requester, revision=fresh(draft).revision)
    assert fresh(draft).stage == "postmaster"
    assert any("400" in reason for reason in Judgement.objects.get().reasons)


def test_an_answer_to_a_question_is_judged_anew(cast: Cast, grant: Grant, names: DnsServer) -> None:
    renewal = renewed(grant, cast)
    reviewing.ask(
        service_request=renewal,
        actor=cast.reviewer,
        revision=renewal.revision,
        questions=[("", "Still there?")],
    )
    names.servfail(HOST)
    renewal = fresh(renewal)
    question = renewal.questions.get()
    requesting.resubmit(
        service_request=renewal,
        actor=cast.requester,
        revision=renewal.revision,
        answers={question.pk: "Yes."},
    )
    assert (fresh(renewal).stage, Judgement.objects.get().route) == ("postmaster", Route.FULL)


def test_what_nobody_judged_takes_the_long_route(cast: Cast, grant: Grant) -> None:
    renewal = renewed(grant, cast)
    Judgement.objects.all().delete()
    assert stages(renewal) == ["postmaster", "review"]


def test_a_judgement_that_fails_takes_the_long_route(
    cast: Cast, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(judging, "gather", broken)
    assert renewed(grant, cast).stage == "postmaster"
    assert Judgement.objects.get().reasons == ["What it rests on could not be looked at."]


def test_a_kind_without_counts_claims_no_use(
    cast: Cast, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    CountedDay.objects.create(day=LATER.date())
    monkeypatch.setattr("portal.renewals.gathering.is_counted", lambda _: False)
    renewal = renewed(grant, cast)
    assert renewal.stage == "renewal"
    page = words_of(client_of(cast.reviewer).get(renewal.get_absolute_url()).content.decode())
    assert "Its mail is not counted for this kind of permission." in page
    assert "In use." not in page


def test_renewals_under_review_stay_where_they_were_filed(cast: Cast, grant: Grant) -> None:
    renewal = renewed(grant, cast)
    Judgement.objects.all().delete()
    migration = import_module("portal.renewals.migrations.0003_filed_earlier")
    migration.keep_routes(apps, None)
    migration.keep_routes(apps, None)
    assert Judgement.objects.get().route == Route.EARLIER
    assert stages(renewal) == ["renewal"]
    assert client_of(cast.reviewer).get(renewal.get_absolute_url()).status_code == 200


def test_a_renewal_of_an_owner_who_left_is_not_green(cast: Cast, grant: Grant) -> None:
    DirectoryAddress.objects.filter(address="requester@ttu.edu").update(gone_at=LATER)
    assert filed_by_form(grant, cast).stage == "postmaster"
