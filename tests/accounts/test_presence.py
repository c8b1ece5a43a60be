"""Who is gone from the directory decides nothing more, at once and in sessions that go on; an outage locks nobody out."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from portal.accounts import presence
from portal.accounts.directory import DirectoryUnavailable, Entry
from portal.accounts.models import AddressKind, DirectoryAddress, User, people_with_role
from portal.accounts.roles import Role
from portal.lib.problems import NotAllowed
from portal.outbox.models import Notification
from portal.workflow.policies import is_decider
from tests.cast import Cast, approve, client_of, submitted

pytestmark = pytest.mark.django_db


class Ldap:
    """A directory elsewhere."""

    known: set[str] = set()
    answers = True

    def lookup(self, addresses: Iterable[str]) -> Mapping[str, Entry]:
        if not self.answers:
            raise DirectoryUnavailable
        return {address: Entry(address, AddressKind.PERSON) for address in addresses if address in self.known}


@pytest.fixture
def ldap(cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[Ldap]:
    settings.DIRECTORY = f"{__name__}.Ldap"
    monkeypatch.setattr(Ldap, "known", set(User.objects.values_list("email", flat=True)))
    monkeypatch.setattr(Ldap, "answers", True)
    return Ldap


def again(person: User) -> User:
    return User.objects.get(pk=person.pk)


def leaves(person: User) -> None:
    DirectoryAddress.objects.filter(address=person.email).update(gone_at=timezone.now())


def test_who_is_gone_decides_nothing_in_a_session_that_goes_on(cast: Cast) -> None:
    request = submitted(cast)
    client = client_of(cast.reviewer)
    assert client.get("/queue/").status_code == 200
    leaves(cast.reviewer)
    assert client.get("/queue/").status_code == 403
    assert client.get(request.get_absolute_url()).status_code == 404
    gone = again(cast.reviewer)
    assert (gone.roles, gone.sees_everything, is_decider(request, gone)) == (frozenset(), False, False)
    with pytest.raises(NotAllowed):
        approve(cast, request, actor=gone)


def test_nor_does_an_administrator_or_the_cios_office(cast: Cast) -> None:
    for person in (cast.admin, cast.cio, cast.auditor):
        leaves(person)
        assert again(person).roles == frozenset()


def test_who_is_gone_gets_no_email_of_a_stage(cast: Cast) -> None:
    leaves(cast.reviewer)
    submitted(cast)
    told = Notification.objects.filter(unique_key__startswith="request_waits").values_list(
        "recipient", flat=True
    )
    assert list(told) == [cast.second_reviewer.email]
    assert set(people_with_role([Role.REVIEWER])) == {cast.second_reviewer}


def test_an_account_that_the_directory_never_had_keeps_its_roles(cast: Cast) -> None:
    DirectoryAddress.objects.all().delete()
    assert Role.REVIEWER in again(cast.reviewer).roles
    assert Role.ADMINISTRATOR in again(cast.admin).roles


def test_another_directory_is_followed_and_who_returns_is_back(cast: Cast, ldap: type[Ldap]) -> None:
    assert presence.follow_directory() == 0
    ldap.known.discard(cast.reviewer.email)
    assert presence.follow_directory() == 1
    assert again(cast.reviewer).roles == frozenset()
    ldap.answers = False
    assert presence.follow_directory() == 0
    assert again(cast.reviewer).roles == frozenset()
    assert Role.CIO in again(cast.cio).roles
    ldap.answers = True
    ldap.known.add(cast.reviewer.email)
    call_command("follow_directory")
    assert Role.REVIEWER in again(cast.reviewer).roles


def test_a_directory_that_lost_most_people_is_not_believed(cast: Cast, ldap: type[Ldap]) -> None:
    ldap.known.clear()
    ldap.known.add(cast.cio.email)
    assert presence.follow_directory() == 0
    assert Role.REVIEWER in again(cast.reviewer).roles


def test_people_whom_another_directory_shows_for_the_first_time_are_noted(
    cast: Cast, ldap: type[Ldap]
) -> None:
    DirectoryAddress.objects.filter(address=cast.reviewer.email).delete()
    presence.follow_directory()
    assert DirectoryAddress.objects.filter(address=cast.reviewer.email, gone_at=None).exists()
    ldap.known.discard(cast.reviewer.email)
    assert presence.follow_directory() == 1
