"""A requester whom the directory has no more gets no approval, of any kind, unless the co-owner takes the request over."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from django.utils import timezone

from portal.accounts.directory import DirectoryUnavailable, Entry
from portal.accounts.models import DirectoryAddress, User
from portal.grants.models import Grant
from portal.lib.outcome import Outcome
from portal.lib.problems import NotAllowed, Stale, WrongState
from portal.workflow import owner_rule, registry
from portal.workflow.models import Participation, ServiceRequest
from portal.workflow.services import checking, requesting, reviewing, taking_part
from tests.campaigns import cast as campaigns
from tests.cast import Cast, approve, client_of, fresh, submitted

pytestmark = pytest.mark.django_db


class Silent:
    """A directory that does not answer."""

    def lookup(self, addresses: Iterable[str]) -> Mapping[str, Entry]:
        raise DirectoryUnavailable


def leaves(*people: User) -> None:
    DirectoryAddress.objects.filter(address__in=[who.email for who in people]).update(gone_at=timezone.now())


def finding(request: ServiceRequest) -> Any:
    (found,) = [one for one in checking.run_checks(fresh(request)) if one.rule == owner_rule.RULE]
    return found


@pytest.mark.parametrize("make", [submitted, campaigns.submitted])
def test_nobody_approves_for_somebody_who_is_gone(cast: Cast, make: Any) -> None:
    request = make(cast)
    leaves(cast.requester)
    found = finding(request)
    assert (found.outcome, found.must, found.blocks) == (Outcome.FAIL, True, True)
    assert found.clause == request.kind_entry.owner_clause
    assert cast.requester.email in found.sentence
    actor = cast.cio if request.kind == "campaign" else cast.reviewer
    with pytest.raises(reviewing.ApprovalBlocked, match=found.clause):
        approve(cast, fresh(request), actor=actor)
    assert fresh(request).state == "in_review"
    assert not Grant.objects.exists()
    assert not found.waivable


@pytest.mark.parametrize("key", ["relay", "senders", "whitelist", "campaign"])
def test_every_kind_is_asked_without_its_doing_anything(cast: Cast, key: str) -> None:
    draft = requesting.create_draft(kind=registry.get(key), requester=cast.requester)
    assert finding(draft).outcome == Outcome.PASS
    leaves(cast.requester)
    assert finding(draft).outcome == Outcome.FAIL


def test_a_closed_account_and_an_address_the_directory_lost_are_the_same(cast: Cast) -> None:
    request = submitted(cast)
    User.objects.filter(pk=cast.requester.pk).update(is_active=False)
    assert finding(request).outcome == Outcome.FAIL
    User.objects.filter(pk=cast.requester.pk).update(is_active=True)
    DirectoryAddress.objects.filter(address=cast.requester.email).delete()
    assert finding(request).outcome == Outcome.FAIL


def test_a_directory_that_does_not_answer_is_unknown_and_bars(cast: Cast, settings: Any) -> None:
    request = submitted(cast)
    settings.DIRECTORY = f"{__name__}.Silent"
    found = finding(request)
    assert (found.outcome, found.blocks) == (Outcome.UNKNOWN, True)
    assert "did not answer" in found.sentence
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, fresh(request))


def test_the_co_owner_takes_the_request_over_and_it_is_approved_for_them(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.colleague)
    leaves(cast.requester)
    assert "can take the request over" in finding(request).sentence
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, fresh(request))  # being named is not enough
    client = client_of(cast.colleague)
    page = client.get(request.get_absolute_url()).content.decode()
    assert 'id="take-over"' in page
    revision = fresh(request).revision
    answer = client.post(f"/requests/{request.reference}/take-over/", {"revision": revision})
    assert answer.status_code == 302
    held = fresh(request)
    assert (held.requester, held.co_owner, held.revision) == (cast.colleague, None, revision + 1)
    assert held.events.filter(action="take_over", actor=cast.colleague).exists()
    assert finding(held).outcome == Outcome.PASS
    terms = held.kind_entry.default_terms(held, timezone.localdate())
    with pytest.raises(Stale):
        reviewing.approve(
            service_request=held, actor=cast.reviewer, revision=revision, comment="Old page.", terms=terms
        )
    assert approve(cast, fresh(request)).owner == cast.colleague
    parts = set(Participation.objects.filter(service_request=request).values_list("person", "part"))
    assert {(cast.requester.pk, "requester"), (cast.colleague.pk, "requester")} <= parts


def test_a_request_is_not_taken_from_somebody_who_is_there(cast: Cast, settings: Any) -> None:
    request = submitted(cast, co_owner=cast.colleague)

    def take(actor: User) -> None:
        held = fresh(request)
        taking_part.take_over(service_request=held, actor=actor, revision=held.revision)

    with pytest.raises(WrongState):
        take(cast.colleague)
    for actor in (cast.reviewer, cast.outsider, cast.sponsor):
        with pytest.raises(NotAllowed):
            take(actor)
    settings.DIRECTORY = f"{__name__}.Silent"
    with pytest.raises(WrongState):
        take(cast.colleague)


def test_a_co_owner_who_is_gone_as_well_is_no_remedy(cast: Cast) -> None:
    request = submitted(cast, co_owner=cast.colleague)
    leaves(cast.requester, cast.colleague)
    assert "Somebody else of the department has to file it" in finding(request).sentence
