"""Every test starts from the same rows: those of the migrations and the cast, however the one before it ended."""

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from portal.accounts.models import DirectoryAddress, User
from portal.workflow.models import ServiceRequest
from tests.cast import Cast, make_cast, submitted
from tests.support.database import KEPT, restore


def rows() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table that had some at the start."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = {}
        for table in (name for name in tables if f"{KEPT}{name}" in tables):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found[table] = sorted(cursor.fetchall(), key=str)
    return found


@pytest.mark.django_db(transaction=True)
def test_what_was_added_changed_and_removed_is_put_back(cast: Cast) -> None:
    before = rows()
    assert {"accounts_user", "auth_group", "django_content_type"} <= set(before)
    submitted(cast)
    User.objects.filter(pk=cast.colleague.pk).update(name="Somebody Else")
    cast.outsider.delete()
    User.objects.create_user("new@ttu.edu", "techmail-demo", name="New")
    Group.objects.all().delete()
    ContentType.objects.all().delete()
    DirectoryAddress.objects.all().delete()
    assert rows() != before
    restore()
    assert rows() == before
    assert not ServiceRequest.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_rows_that_changed_places_are_put_back(cast: Cast) -> None:
    before = rows()
    one, other = cast.requester.email, cast.colleague.email
    for pk, email in ((cast.requester.pk, "x@ttu.edu"), (cast.colleague.pk, one), (cast.requester.pk, other)):
        User.objects.filter(pk=pk).update(email=email)
    assert make_cast().requester.pk == cast.colleague.pk
    restore()
    assert rows() == before


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_what_one_test_commits_the_next_does_not_see(cast: Cast, turn: int) -> None:
    assert ServiceRequest.objects.count() == 0
    submitted(cast)


def test_the_cast_costs_one_statement(cast: Cast, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert make_cast() == cast
