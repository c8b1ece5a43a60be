"""How many queries each list and page takes: the same at two rows and at twelve, in numbers written out."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.grants.models import Grant
from portal.workflow.models import ServiceRequest
from portal.workflow.services import commenting, reviewing
from tests.cast import Cast, approve, client_of, fresh, submitted

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 12


def queries(client: Client, path: str) -> int:
    client.get(path)  # what a process reads once (the content types, say) is not the page's own
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def requests_up_to(cast: Cast, count: int) -> list[ServiceRequest]:
    for number in range(ServiceRequest.objects.count(), count):
        submitted(cast, address=f"129.118.10.{20 + number}", host=f"copier-{number}.ttu.edu")
    return list(ServiceRequest.objects.order_by("pk"))


def grants_up_to(cast: Cast, count: int) -> list[Grant]:
    for request in requests_up_to(cast, count):
        if request.state == "in_review":
            approve(cast, request)
    return list(Grant.objects.order_by("pk"))


def at_both_sizes(fill: Callable[[int], object], count: Callable[[], int]) -> list[int]:
    found = []
    for size in (FEW, MANY):
        fill(size)
        found.append(count())
    return found


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/queue/", 8),
        ("/queue/?tab=all&sort=newest", 8),
        ("/queue/?q=copier", 8),
        ("/queue/?tab=unassigned&kind=relay&department=Physics", 8),
    ],
)
def test_the_queue(cast: Cast, path: str, number: int) -> None:
    client = client_of(cast.reviewer)
    found = at_both_sizes(lambda size: requests_up_to(cast, size), lambda: queries(client, path))
    assert found == [number, number]
    assert number <= 8


def test_my_requests(cast: Cast) -> None:
    client = client_of(cast.requester)
    assert at_both_sizes(lambda n: requests_up_to(cast, n), lambda: queries(client, "/requests/")) == [4, 4]


def test_the_home_page(cast: Cast) -> None:
    client = client_of(cast.requester)
    assert at_both_sizes(lambda n: requests_up_to(cast, n), lambda: queries(client, "/")) == [6, 6]


def test_the_search(cast: Cast) -> None:
    client = client_of(cast.reviewer)
    path = "/search/?q=copier"
    assert at_both_sizes(lambda n: requests_up_to(cast, n), lambda: queries(client, path)) == [5, 5]


def grow_story(cast: Cast, request: ServiceRequest, size: int) -> None:
    """`size` comments and assignments on one request."""
    for number in range(size):
        commenting.comment(service_request=request, actor=cast.reviewer, text=f"Note {number}")
        act = reviewing.take if number % 2 == 0 else reviewing.release
        act(service_request=request, actor=cast.reviewer, revision=request.revision)


def test_the_page_of_a_request(cast: Cast) -> None:
    request = requests_up_to(cast, FEW)[0]
    client, path = client_of(cast.reviewer), f"/requests/{request.reference}/"
    found = at_both_sizes(lambda n: grow_story(cast, fresh(request), n), lambda: queries(client, path))
    assert found == [15, 15]


def test_my_grants(cast: Cast) -> None:
    client = client_of(cast.requester)
    assert at_both_sizes(lambda n: grants_up_to(cast, n), lambda: queries(client, "/permissions/mine/")) == [
        6,
        6,
    ]


def test_the_page_of_a_grant(cast: Cast) -> None:
    grant = grants_up_to(cast, FEW)[0]
    client, path = client_of(cast.requester), f"/permissions/{grant.reference}/"

    def remind(size: int) -> None:
        for number in range(size):
            grant.events.create(action="suspend", at=timezone.now() + timedelta(minutes=number))

    found = at_both_sizes(remind, lambda: queries(client, path))
    assert found == [21, 21]
