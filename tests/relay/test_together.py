"""Volume split over several requests passes the CIO as one mailing would (MKT-4), tried as somebody who would evade it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import DirectoryAddress, User
from portal.configuration import ConfigurationError
from portal.grants.models import Grant
from portal.grants.services import issuing
from portal.institution import institution, load
from portal.lib.problems import WrongState
from portal.workflow.models import Intention, ServiceRequest
from portal.workflow.policies import available_actions
from portal.workflow.services import answering, requesting, reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from portal.workflow.states import Action
from relay import rules
from relay.models import RelayRequest
from tests.cast import Cast, approve, fresh, relay_draft

pytestmark = pytest.mark.django_db
PART = 3000
"""Below the limit of 5,000 alone, above it twice."""
_numbers = iter(range(1, 200))


def drafted(cast: Cast, **facts: Any) -> ServiceRequest:
    """A relay request for PART recipients a day inside the university, not yet submitted."""
    most = facts.pop("most", PART)
    sender = facts.pop("sender", "noreply-lab@ttu.edu")
    draft = relay_draft(cast, address=f"129.118.20.{next(_numbers)}", sender=sender, **facts)
    answering.write_columns(detail=RelayRequest.of(draft), columns={"most_per_day": most})
    return fresh(draft)


def sent(draft: ServiceRequest) -> ServiceRequest:
    requesting.submit(service_request=draft, actor=draft.requester, revision=draft.revision)
    return fresh(draft)


def route(service_request: ServiceRequest) -> list[str]:
    return [stage.key for stage in fresh(service_request).kind_entry.route(fresh(service_request))]


def apart(person: User) -> User:
    """The person in a department of their own."""
    DirectoryAddress.objects.filter(address=person.email).update(department=f"Department of {person}")
    return person


def limits(settings: Any, **values: Any) -> None:
    settings.INSTITUTION = replace(settings.INSTITUTION, **values)


# ---------------------------------------------------------------- ways around it
def test_the_second_half_of_a_split_mailing_passes_the_cio(cast: Cast) -> None:
    approve(cast, sent(drafted(cast)))
    second = sent(drafted(cast))
    assert route(second) == ["review", "cio"]
    assert Action.APPROVE not in available_actions(fresh(second), cast.reviewer)
    reviewing.advance(service_request=fresh(second), actor=cast.reviewer, revision=second.revision)
    assert approve(cast, fresh(second), actor=cast.cio).relay.per_day == PART


def test_two_at_the_same_time_are_no_way_around_it(cast: Cast) -> None:
    first, second = sent(drafted(cast)), sent(drafted(cast))
    assert route(first) == route(second) == ["review", "cio"]


@pytest.mark.parametrize("spelling", ["  phYSICS ", "Physics"])
def test_neither_is_a_colleague_who_files_it_with_another_sender(cast: Cast, spelling: str) -> None:
    approve(cast, sent(drafted(cast)))
    for person in (cast.colleague, cast.sponsor):
        apart(person)
    other = drafted(cast, requester=cast.colleague, department=spelling, sender="alerts@ttu.edu")
    assert route(other) == ["review", "cio"]
    other = drafted(cast, requester=cast.sponsor, department="Anything", sender="printing@ttu.edu")
    assert route(other) == ["review"]


def test_what_somebody_calls_their_department_hides_no_colleague(cast: Cast) -> None:
    approve(cast, sent(drafted(cast)))
    other = drafted(cast, requester=cast.colleague, department="A name of my own", sender="alerts@ttu.edu")
    assert route(other) == ["review", "cio"]
    apart(cast.colleague)
    assert route(other) == ["review"]


def test_nor_another_person_with_the_same_sender(cast: Cast) -> None:
    approve(cast, sent(drafted(cast)))
    facts: dict[str, Any] = {"requester": apart(cast.outsider), "department": "Chemistry"}
    assert route(drafted(cast, **facts)) == ["review", "cio"]
    assert route(drafted(cast, sender="alerts@ttu.edu", **facts)) == ["review"]


def test_nor_a_co_owner_who_files_the_other_half(cast: Cast) -> None:
    apart(cast.outsider)
    approve(cast, sent(drafted(cast, co_owner=cast.outsider)))
    apart(cast.requester)
    other = drafted(cast, requester=cast.outsider, department="Chemistry", sender="alerts@ttu.edu")
    assert route(other) == ["review", "cio"]


def test_nor_a_change_after_the_approval(cast: Cast) -> None:
    approve(cast, sent(drafted(cast)))
    small = approve(cast, sent(drafted(cast, most=50)))
    change = issuing.begin_renewal(grant=small, actor=cast.requester, intention=Intention.CHANGE)
    assert route(change) == ["review"]
    answering.write_columns(detail=RelayRequest.of(change), columns={"most_per_day": PART})
    assert route(change) == ["review", "cio"]


def test_nor_a_permission_that_is_suspended_for_a_day(cast: Cast) -> None:
    grant = approve(cast, sent(drafted(cast)))
    Grant.objects.filter(pk=grant.pk).update(state="suspended")
    assert route(drafted(cast)) == ["review", "cio"]
    Grant.objects.filter(pk=grant.pk).update(state="revoked")
    assert route(drafted(cast)) == ["review"]


def test_nor_a_page_that_was_open_before_the_other_was_filed(cast: Cast) -> None:
    request = sent(drafted(cast))
    assert [stage.key for stage in request.kind_entry.route(request)] == ["review"]
    sent(drafted(cast))  # While the reviewer's click is on its way.
    with pytest.raises(WrongState, match="not possible at this stage"):
        approve(cast, request)
    # The same under the lock of an approval, where a transition has read the sum just before.
    with pytest.raises(ApprovalBlocked) as barred:
        request.kind_entry.on_approved(
            service_request=fresh(request),
            actor=cast.reviewer,
            terms=request.kind_entry.default_terms(request, timezone.localdate()),
        )
    assert [row.rule for row in barred.value.findings] == ["volume-together"]
    assert not Grant.objects.filter(request=request).exists()


def test_a_request_at_the_cio_stays_there_when_the_other_is_withdrawn(cast: Cast) -> None:
    other, request = sent(drafted(cast)), sent(drafted(cast))
    reviewing.advance(service_request=request, actor=cast.reviewer, revision=request.revision)
    requesting.withdraw(service_request=fresh(other), actor=cast.requester, revision=fresh(other).revision)
    assert route(request) == ["review", "cio"]
    assert approve(cast, fresh(request), actor=cast.cio).state == "active"


# ---------------------------------------------------------------- what does not grow
def test_a_renewal_that_adds_nothing_is_judged_alone(cast: Cast) -> None:
    for most in (2000, 2000, 900):
        grant = approve(cast, sent(drafted(cast, most=most)))
    Grant.objects.filter(pk=grant.pk).update(ends_on=timezone.localdate() + timedelta(days=20))
    answering.write_columns(
        detail=RelayRequest.of(drafted(cast, most=4000)), columns={}
    )  # A draft is nobody's volume.
    renewal = issuing.begin_renewal(
        grant=Grant.objects.get(pk=grant.pk), actor=cast.requester, intention=Intention.RENEWAL
    )
    assert "cio" not in route(renewal)


def test_a_small_request_of_a_small_department_takes_one_stage(cast: Cast) -> None:
    approve(cast, sent(drafted(cast, most=2000)))
    assert route(drafted(cast, most=3000)) == ["review"]
    assert route(drafted(cast, most=3001)) == ["review", "cio"]


# ---------------------------------------------------------------- what the institution says
@pytest.mark.parametrize(
    ("counts", "expected"),
    [((), ["review"]), (("sender",), ["review"]), (("owner",), ["review", "cio"])],
)
def test_the_institution_says_what_counts_together(
    cast: Cast, settings: Any, counts: tuple[str, ...], expected: list[str]
) -> None:
    approve(cast, sent(drafted(cast)))
    limits(settings, volume_counts_together=counts)
    assert route(drafted(cast, sender="alerts@ttu.edu")) == expected


def test_a_word_that_means_nothing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "institution.toml"
    file.write_text('volume_counts_together = ["owner", "building"]', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="volume_counts_together"):
        load(file)


# ---------------------------------------------------------------- what people read
def test_the_requester_reads_why_before_sending_it(cast: Cast, requester_client: Client) -> None:
    grant = approve(cast, sent(drafted(cast)))
    draft = drafted(cast)
    preview = requester_client.get(f"/requests/{draft.reference}/answers/").content.decode()
    who = preview.split("Who decides")[1]
    assert institution().cio_office in who
    assert f"with {grant.reference} of the same owner, department or sender" in who
    assert "6,000 recipients" in who
    page = requester_client.get(f"/requests/{sent(draft).reference}/").content.decode()
    assert "6,000 recipients" in page.split("The route")[1]
    found = next(row for row in rules.check(fresh(draft)) if row.rule == "volume-together")
    assert grant.reference in found.sentence
    assert not found.blocks


def test_the_sum_costs_the_same_whatever_it_sums_up(cast: Cast) -> None:
    def asked() -> int:
        request = fresh(draft)
        with CaptureQueriesContext(connection) as captured:
            request.kind_entry.route(request)
        return len(captured)

    draft = drafted(cast, most=10)
    approve(cast, sent(drafted(cast, most=10)))
    few = asked()
    for _ in range(6):
        sent(drafted(cast, most=10))
        approve(cast, sent(drafted(cast, most=10)))
    assert asked() == few
    assert few <= 13
