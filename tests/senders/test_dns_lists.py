"""The DNS team's page: every record can be reached, by pages that hold while records come and go, and by filters."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from senders import dns_lists
from senders.models import PlannedRecord
from tests.cast import Cast, client_of
from tests.senders.cast import waiting
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
COUNT = 120
NAME = re.compile(r"r\d{3}\.example\.ttu\.edu")
NEXT = re.compile(r'rel="next" href="([^"]+)"')
PREVIOUS = re.compile(r'rel="prev" href="([^"]+)"')


@pytest.fixture
def client(names: DnsServer, cast: Cast) -> Client:
    grant = waiting(cast)
    PlannedRecord.objects.bulk_create(
        PlannedRecord(
            authorization=grant.senders,
            purpose="key",
            name=f"r{number:03}.example.ttu.edu",
            rdtype="CNAME",
            value=f"t{number}.vendor.example",
        )
        for number in range(COUNT)
    )
    return client_of(cast.auditor)


def names_on(page: str) -> list[str]:
    return list(dict.fromkeys(NAME.findall(page)))


def read(client: Client, path: str) -> str:
    answer = client.get(f"/dns-records/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def link(page: str, what: "re.Pattern[str]") -> str:
    found = what.search(page)
    return html.unescape(found[1]) if found else ""


def test_all_lists_begin_on_one_page_and_each_leads_to_the_whole(client: Client) -> None:
    page = read(client, "")
    assert len(names_on(page)) < dns_lists.AT_FIRST + 1
    assert f"Show all {COUNT + 2}" in page
    assert "?list=to_add" in page


def test_every_record_is_reached_once_forwards_and_back(client: Client) -> None:
    seen, path, pages = [], "?list=to_add", []
    while path:
        page = read(client, path)
        pages.append(names_on(page))
        seen += pages[-1]
        path = link(page, NEXT)
    assert seen == sorted(seen)
    assert (len(seen), len(set(seen)), len(pages)) == (COUNT, COUNT, 3)
    assert names_on(read(client, link(page, PREVIOUS))) == pages[-2]


def test_a_record_that_goes_while_somebody_reads_hides_no_other(client: Client) -> None:
    first = read(client, "?list=to_add")
    PlannedRecord.objects.filter(name__in=names_on(first)[-3:]).delete()
    following = read(client, link(first, NEXT))
    assert names_on(following)[0] == f"r{int(names_on(first)[-1][1:4]) + 1:03}.example.ttu.edu"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("r007", ["r007.example.ttu.edu"]),
        ("R007.EXAMPLE.ttu.edu.", ["r007.example.ttu.edu"]),
        ("t119.vendor", ["r119.example.ttu.edu"]),
        ("no such record", []),
    ],
)
def test_records_are_found_by_what_they_say(client: Client, query: str, expected: list[str]) -> None:
    answer = client.get("/dns-records/", {"q": query})
    page = answer.content.decode()
    assert names_on(page) == expected
    assert ("No record fits" in page) == (not expected)


def test_they_are_found_by_their_permission_and_stay_so_on_the_next_page(client: Client, cast: Cast) -> None:
    page = client.get("/dns-records/", {"q": "tm-i-", "list": "to_add"}).content.decode()
    assert "q=tm-i-" in link(page, NEXT)
    assert len(names_on(read(client, link(page, NEXT)))) == dns_lists.PAGE_SIZE


@pytest.mark.parametrize(
    "path",
    [
        "?list=to_add&after=x",
        "?list=to_add&after=[1]",
        "?list=to_add&after=" + "[" * 1500,
        "?list=to_add&after={}&before=null",
        "?list=to_add&after=[null,2,3,4]",
        "?after=[]",
    ],
)
def test_a_key_that_is_none_gives_the_first_page(client: Client, path: str) -> None:
    assert "r000.example.ttu.edu" in read(client, path)


def test_a_list_that_is_none_is_said(client: Client) -> None:
    page = read(client, "?list=%3Cb%3E")
    assert "“&lt;b&gt;” is no list, so all are shown." in page


def test_lists_without_a_record_are_not_shown_when_another_is_chosen(client: Client, **_: Any) -> None:
    page = read(client, "?list=gone")
    assert "To add" not in re.sub(r"<option.*?</option>", "", page, flags=re.DOTALL)
