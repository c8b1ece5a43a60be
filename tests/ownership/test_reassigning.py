"""Through the whole search: noticed, asked, passed on, claimed, given up to IT, and ended by what happens meanwhile."""

import io
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from portal.accounts.directory import ImportRefused, import_directory
from portal.accounts.models import DirectoryAddress, User
from portal.grants.models import Grant, GrantEvent, Handover
from portal.grants.services import managing
from portal.grants.services.dates import lapse_grants, send_reminders
from portal.grants.states import GrantAction, GrantState
from portal.institution import institution
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.models import Notification
from portal.ownership import claiming, services
from portal.ownership.models import OwnerSearch, OwnerSearchStep, SearchOutcome
from portal.ownership.selectors import panel_of
from portal.ownership.stages import SearchStage
from tests.cast import Cast, approved, client_of, submitted

pytestmark = pytest.mark.django_db
HEAD = "dean-of-physics@ttu.edu"


@pytest.fixture
def grant(cast: Cast) -> Grant:
    """A grant with a co-owner, a mailbox, and a department that has a head."""
    made = approved(cast, co_owner=cast.colleague)
    Grant.objects.filter(pk=made.pk).update(functional_mailbox="printing@ttu.edu", department="Physics")
    DirectoryAddress.objects.create(address=HEAD, kind="person", department="physics", is_head=True)
    Notification.objects.all().delete()
    return Grant.objects.get(pk=made.pk)


def leaves(*people: User) -> None:
    DirectoryAddress.objects.filter(address__in=[who.email for who in people]).update(gone_at=timezone.now())


def emails() -> list[tuple[str, str]]:
    rows = Notification.objects.values_list("unique_key", "recipient")
    return sorted(((key or "").partition(":")[0], recipient) for key, recipient in rows)


def run(days: int = 0) -> int:
    return services.reassign_unowned(today=timezone.localdate() + timedelta(days=days))


def stage(grant: Grant) -> str:
    return OwnerSearch.objects.get(grant=grant, closed_at=None).stage


def test_nobody_is_sought_while_the_owner_is_there_or_was_never_known(cast: Cast, grant: Grant) -> None:
    assert run() == 0
    DirectoryAddress.objects.filter(address=cast.requester.email).delete()
    assert run() == 0
    assert not OwnerSearch.objects.exists()


def test_each_is_asked_in_turn_and_once(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    assert run() == 2
    assert run() == 0
    offer = Handover.objects.get()
    assert (offer.offered_by, offer.offered_to, offer.giver) == (None, cast.colleague, institution().product)
    assert emails() == [("grant_offered", cast.colleague.email)]
    assert [run(4), run(5), run(5)] == [0, 1, 0]
    assert emails()[-1] == ("owner_wanted", "printing@ttu.edu")
    assert run(10) == 1
    assert ("owner_wanted", HEAD) in emails()
    assert run(14) == 1
    assert stage(grant) == SearchStage.IT
    assert ("owner_missing", institution().contact_email) in emails()
    assert [run(15), run(200)] == [0, 0]
    assert len(emails()) == 4
    actions = list(GrantEvent.objects.filter(grant=grant, actor=None).values_list("action", flat=True))
    assert actions == ["owner_gone", *["owner_asked"] * 4]


def test_after_an_outage_only_the_newest_step_is_taken(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    assert run(20) == 1
    assert stage(grant) == SearchStage.IT
    assert list(OwnerSearchStep.objects.values_list("stage", flat=True)) == [
        SearchStage.CO_OWNER,
        SearchStage.IT,
    ]


def test_who_is_gone_as_well_is_not_asked(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester, cast.colleague)
    DirectoryAddress.objects.filter(address="printing@ttu.edu").update(gone_at=timezone.now())
    run()
    assert stage(grant) == SearchStage.HEAD
    assert emails() == [("owner_wanted", HEAD)]


def test_where_nobody_can_be_asked_it_is_its_at_once(cast: Cast) -> None:
    grant = approved(cast)
    Notification.objects.all().delete()
    Grant.objects.update(functional_mailbox="", department="")
    leaves(cast.requester)
    run()
    assert stage(grant) == SearchStage.IT
    assert emails() == [("owner_missing", institution().contact_email)]


def test_a_closed_account_counts_as_gone(cast: Cast, grant: Grant) -> None:
    User.objects.filter(pk=cast.requester.pk).update(is_active=False)
    assert run() == 2


def test_the_co_owner_accepts_and_the_search_is_over(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.colleague, accept=True)
    search = OwnerSearch.objects.get()
    assert search.outcome == SearchOutcome.CLAIMED
    now = Grant.objects.get(pk=grant.pk)
    assert (now.owner, now.co_owner, now.state) == (cast.colleague, None, GrantState.ACTIVE)
    assert run(14) == 0


def test_the_co_owner_declines_and_the_mailbox_is_asked_the_next_day(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.colleague, accept=False)
    assert run(1) == 1
    assert stage(grant) == SearchStage.MAILBOX


def test_the_link_to_the_mailbox_only_shows_and_a_post_takes_it_over(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    run(5)
    email = Notification.objects.get(unique_key__startswith="owner_wanted:")
    path = "/" + email.text.partition("http://localhost:8000/")[2].split()[0]
    assert path.startswith("/permissions/unowned/claim/")
    client = client_of(cast.outsider)
    page = client.get(path)
    assert page.status_code == 200
    assert "Take over permission" in page.content.decode()
    assert Grant.objects.get(pk=grant.pk).owner == cast.requester
    assert client.post(path).status_code == 302
    now = Grant.objects.get(pk=grant.pk)
    assert now.owner == cast.outsider
    assert OwnerSearch.objects.get().outcome == SearchOutcome.CLAIMED
    assert not Handover.objects.filter(closed_at=None).exists()
    assert client_of(cast.sponsor).get(path).status_code == 409
    assert client_of(cast.sponsor).post(path).status_code == 409
    assert client_of(cast.sponsor).get(path[:-3] + "x/").status_code == 404


def link(cast: Cast) -> str:
    leaves(cast.requester)
    run()
    run(5)
    email = Notification.objects.get(unique_key__startswith="owner_wanted:")
    return "/" + email.text.partition("http://localhost:8000/")[2].split()[0]


def test_the_link_is_for_people_of_the_department_as_the_directory_has_them(cast: Cast, grant: Grant) -> None:
    path = link(cast)
    DirectoryAddress.objects.filter(address=cast.outsider.email).update(department="History")
    DirectoryAddress.objects.filter(address=cast.sponsor.email).delete()
    for person in (cast.outsider, cast.sponsor):
        client = client_of(person)
        page = client.get(path)
        assert page.status_code == 403
        assert "people who the directory lists in the department" in page.content.decode()
        assert grant.title not in page.content.decode()
        assert client.post(path).status_code == 403
    assert Grant.objects.get(pk=grant.pk).owner == cast.requester
    DirectoryAddress.objects.filter(address="printing@ttu.edu").update(department="History")
    assert client_of(cast.outsider).post(path).status_code == 302


def test_a_permission_without_a_department_goes_to_whom_the_mailbox_belongs(cast: Cast, grant: Grant) -> None:
    Grant.objects.filter(pk=grant.pk).update(department="")
    path = link(cast)
    DirectoryAddress.objects.filter(address=cast.sponsor.email).delete()
    assert client_of(cast.sponsor).post(path).status_code == 403
    assert client_of(cast.outsider).post(path).status_code == 302


def test_an_old_link_says_that_it_is_old(cast: Cast, grant: Grant) -> None:
    path = link(cast)
    later = timezone.now() + timedelta(days=institution().ownerless_link_days, minutes=1)
    with time_machine.travel(later):
        page = client_of(cast.outsider).get(path)
    assert page.status_code == 409
    assert "older than 30 days" in page.content.decode()


def test_who_is_gone_takes_nothing_over(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester, cast.outsider)
    run()
    search = OwnerSearch.objects.get()
    for actor in (cast.requester, cast.outsider):
        with pytest.raises(NotAllowed):
            claiming.claim(search=search, actor=actor, stage=SearchStage.MAILBOX)


def test_the_owner_who_returns_ends_it_and_all_who_were_asked_hear(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    run(5)
    DirectoryAddress.objects.update(gone_at=None)
    assert run(6) == 1
    assert OwnerSearch.objects.get().outcome == SearchOutcome.RETURNED
    assert [to for template, to in emails() if template == "owner_back"] == [
        cast.colleague.email,
        "printing@ttu.edu",
    ]
    offer = Handover.objects.get()
    assert offer.closed_at is not None
    assert offer.accepted is None
    leaves(cast.requester)
    assert run(30) == 2, "a second departure is a search of its own"
    assert stage(grant) == SearchStage.CO_OWNER


@pytest.mark.parametrize("action", [GrantAction.REVOKE])
def test_a_grant_that_is_over_needs_no_owner(cast: Cast, grant: Grant, action: GrantAction) -> None:
    leaves(cast.requester)
    run()
    managing.change_state(
        grant=Grant.objects.get(pk=grant.pk), action=action, actor=cast.reviewer, reason="Sent spam."
    )
    assert OwnerSearch.objects.get().outcome == SearchOutcome.OVER
    assert run(14) == 0


def test_nothing_lapses_before_its_term_and_nothing_outlives_it(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    run(14)
    assert lapse_grants(today=grant.ends_on) == 0
    assert Grant.objects.get(pk=grant.pk).is_in_force(grant.ends_on)
    assert lapse_grants(today=grant.ends_on + timedelta(days=1)) == 1
    assert OwnerSearch.objects.get().outcome == SearchOutcome.OVER
    assert services.reassign_unowned(today=grant.ends_on + timedelta(days=2)) == 0


def test_reminders_go_to_the_one_who_is_asked_as_well(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    run(10)  # The head is asked.
    Notification.objects.all().delete()
    send_reminders(today=grant.ends_on - timedelta(days=30))
    assert HEAD in Notification.objects.values_list("recipient", flat=True)


def test_a_hand_over_by_the_owner_that_is_still_open_is_left_as_it_is(cast: Cast, grant: Grant) -> None:
    managing.hand_over(grant=grant, actor=cast.requester, to=cast.outsider)
    leaves(cast.requester)
    run()
    assert Handover.objects.get(closed_at=None).offered_to == cast.outsider
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.outsider, accept=True)
    assert OwnerSearch.objects.get().outcome == SearchOutcome.CLAIMED


# ---------------------------------------------------------------- IT
def test_it_offers_it_to_somebody_in_place_of_the_offer_before(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    client = client_of(cast.reviewer)
    page = client.get(f"/permissions/unowned/{grant.reference}/").content.decode()
    assert "asked the co-owner" in page
    answer = client.post(
        f"/permissions/unowned/{grant.reference}/", {"to": "outsider@ttu.edu", "note": "Yours now?"}
    )
    assert answer.status_code == 302
    assert Handover.objects.get(closed_at=None).offered_to == cast.outsider
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.outsider, accept=True)
    assert client.get(f"/permissions/unowned/{grant.reference}/").status_code == 404
    assert grant.reference not in client.get("/permissions/unowned/").content.decode()


@pytest.mark.parametrize(
    ("to", "says"),
    [("", "required"), ("requester@ttu.edu", "no longer in the directory"), ("nobody@ttu.edu", "signed in")],
)
def test_an_offer_to_nobody_is_refused_beside_the_field(cast: Cast, grant: Grant, to: str, says: str) -> None:
    leaves(cast.requester)
    run()
    answer = client_of(cast.reviewer).post(
        f"/permissions/unowned/{grant.reference}/", {"to": to, "note": "A word kept."}
    )
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert "A word kept." in answer.content.decode()


def test_a_reviewer_with_a_part_in_it_does_not_offer_it(cast: Cast, grant: Grant) -> None:
    Grant.objects.filter(pk=grant.pk).update(co_owner=cast.reviewer)
    leaves(cast.requester)
    run()
    with pytest.raises(NotAllowed):
        claiming.offer(search=OwnerSearch.objects.get(), actor=cast.reviewer, to=cast.outsider)
    with pytest.raises(NotAllowed):
        claiming.offer(search=OwnerSearch.objects.get(), actor=cast.auditor, to=cast.outsider)


def test_an_offer_after_it_is_settled_is_a_wrong_state(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    run()
    search = OwnerSearch.objects.get()
    managing.answer_offer(grant=Grant.objects.get(pk=grant.pk), actor=cast.colleague, accept=True)
    with pytest.raises(WrongState):
        claiming.offer(search=search, actor=cast.reviewer, to=cast.outsider)


def test_the_pages_say_who_is_asked_since_when_and_what_comes_next(cast: Cast, grant: Grant) -> None:
    leaves(cast.requester)
    with time_machine.travel("2026-09-01 15:00:00+00:00", tick=False):
        run()
        found = panel_of(Grant.objects.get(pk=grant.pk))
        assert found is not None
        assert (found.who, found.next_who, found.next_on) == (
            "the co-owner",
            "the functional mailbox",
            date(2026, 9, 6),
        )
        page = client_of(cast.colleague).get(grant.get_absolute_url()).content.decode()
        assert "Its owner has left" in page
        assert "we ask the functional mailbox on" in page
        assert "Sep 6, 2026" in page
        assert "What was tried" not in page
        assert "Requester" in client_of(cast.auditor).get("/permissions/unowned/").content.decode()


def test_requests_that_nobody_answers_for_are_listed(cast: Cast) -> None:
    alone = submitted(cast)
    shared = submitted(cast, address="129.118.10.21", host="copier-8.ttu.edu", co_owner=cast.colleague)
    leaves(cast.requester)
    page = client_of(cast.reviewer).get("/permissions/unowned/").content.decode()
    assert alone.reference in page
    assert shared.reference not in page


@pytest.mark.parametrize("count", [2, 12])
def test_the_page_costs_the_same_for_few_and_many(
    cast: Cast, count: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(count):
        approved(cast, address=f"129.118.20.{10 + number}", host=f"copier-{number}.ttu.edu")
    leaves(cast.requester)
    run()
    client = client_of(cast.reviewer)
    client.get("/permissions/unowned/")
    with django_assert_max_num_queries(6):
        assert client.get("/permissions/unowned/").content.decode().count('scope="row"') == count


# ---------------------------------------------------------------- the import
CSV = "address,kind,name,department,head\n"


def imported(cast: Cast, *, without: tuple[str, ...] = (), more: str = "") -> None:
    rows = [
        f"{address},person,,,\n"
        for address in DirectoryAddress.objects.values_list("address", flat=True)
        if address not in without
    ]
    import_directory(file=io.StringIO(CSV + "".join(rows) + more))


@pytest.mark.django_db(transaction=True)
def test_the_import_notices_who_is_gone_and_who_is_back(cast: Cast, grant: Grant) -> None:
    imported(cast, without=(cast.requester.email,))
    assert stage(grant) == SearchStage.CO_OWNER
    imported(cast)
    assert OwnerSearch.objects.get().outcome == SearchOutcome.RETURNED


def test_heads_come_with_the_import(cast: Cast) -> None:
    imported(cast, more="chair@ttu.edu,person,Chair,Biology,yes\n")
    assert DirectoryAddress.objects.get(address="chair@ttu.edu").is_head
    with pytest.raises(ImportRefused, match="head must be yes, no or empty"):
        imported(cast, more="chair2@ttu.edu,person,Chair,Biology,perhaps\n")
    import_directory(file=io.StringIO("address,kind\nchair@ttu.edu,person\n"), accept_change=True)
    assert not DirectoryAddress.objects.get(address="chair@ttu.edu").is_head


def test_the_command_acts_for_a_day(cast: Cast, grant: Grant, capsys: pytest.CaptureFixture[str]) -> None:
    leaves(cast.requester)
    call_command("reassign_unowned")
    later = timezone.localdate() + timedelta(days=14)
    call_command("reassign_unowned", "--today", later.isoformat())
    assert capsys.readouterr().out.split() == ["moved", "2", "moved", "1"]


def test_the_old_command_name_works_and_says_the_new_one(
    cast: Cast, grant: Grant, capsys: pytest.CaptureFixture[str]
) -> None:
    leaves(cast.requester)
    call_command("chase_owners")
    told = capsys.readouterr()
    assert (told.out.split(), "now called reassign_unowned" in told.err) == (["moved", "2"], True)
