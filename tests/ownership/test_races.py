"""Two at the same moment, on PostgreSQL: there is one owner, and one step of a search."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts.models import DirectoryAddress
from portal.grants.models import Grant, GrantEvent, Handover
from portal.grants.services import managing
from portal.lib.problems import WrongState
from portal.ownership import claiming, services
from portal.ownership.models import OwnerSearch, OwnerSearchStep, SearchOutcome
from portal.ownership.stages import SearchStage
from tests.cast import Cast, approved, make_cast
from tests.engine.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _postgres(postgres: None) -> None:
    """Row locks are PostgreSQL's; SQLite takes one writer at a time."""


@pytest.fixture
def people(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def grant(people: Cast) -> Grant:
    made = approved(people, co_owner=people.colleague)
    Grant.objects.filter(pk=made.pk).update(functional_mailbox="printing@ttu.edu")
    DirectoryAddress.objects.filter(address=people.requester.email).update(gone_at=timezone.now())
    services.reassign_unowned(today=timezone.localdate())
    return Grant.objects.get(pk=made.pk)


def test_two_people_take_it_over_at_once_and_one_has_it(people: Cast, grant: Grant) -> None:
    search = OwnerSearch.objects.get()
    results = at_once(
        lambda: claiming.claim(search=search, actor=people.outsider, stage=SearchStage.MAILBOX),
        lambda: claiming.claim(search=search, actor=people.sponsor, stage=SearchStage.MAILBOX),
    )
    assert sum(isinstance(result, WrongState) for result in results) == 1, results
    assert Grant.objects.get().owner in (people.outsider, people.sponsor)
    assert GrantEvent.objects.filter(action="accept").count() == 1


def test_the_co_owner_accepts_while_the_job_passes_it_on(people: Cast, grant: Grant) -> None:
    later = timezone.localdate() + timedelta(days=5)
    results = at_once(
        lambda: managing.answer_offer(
            grant=Grant.objects.get(pk=grant.pk), actor=people.colleague, accept=True
        ),
        lambda: services.reassign_unowned(today=later),
    )
    assert not [result for result in results if isinstance(result, Exception)]
    assert Grant.objects.get().owner == people.colleague
    assert OwnerSearch.objects.get().outcome == SearchOutcome.CLAIMED
    assert not Handover.objects.filter(closed_at=None).exists()


def test_two_runs_of_the_job_ask_once(people: Cast, grant: Grant) -> None:
    later = timezone.localdate() + timedelta(days=5)
    at_once(lambda: services.reassign_unowned(today=later), lambda: services.reassign_unowned(today=later))
    assert OwnerSearchStep.objects.filter(stage=SearchStage.MAILBOX).count() == 1
