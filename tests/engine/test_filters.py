"""Every filter of every list, by hostile values: an answer with a sentence, never an error, never silence."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.test import Client

from portal.api.accounts import make_token
from tests.api.test_api import ALL
from tests.cast import Cast, approved, client_of, submitted

LISTS: dict[str, tuple[str, ...]] = {
    "/queue/": (
        "tab",
        "kind",
        "state",
        "stage",
        "department",
        "assignee",
        "older",
        "q",
        "sort",
        "after",
        "before",
    ),
    "/requests/": ("after", "before"),
    "/search/": ("q", "after", "before"),
    "/new/": ("at",),
    "/renewals/": ("after", "before", "more_after", "more_before", "all"),
    "/enforcement/unproven/": ("kind", "all", "page"),
    "/calendar/": ("month", "population"),
    "/calendar/agenda/": ("month", "population"),
}
API = {
    "/api/v1/requests": ("kind", "state", "after", "limit", "updated_since"),
    "/api/v1/grants": ("kind", "state", "after", "limit"),
}
ELSEWHERE = {"then", "seen", "scheme"}
"""Parameters of single pages that are compared with a fixed word and reach no query."""
VALUES = (
    "0",
    "-1",
    "1",
    "999999999",
    "999999999999999999",
    "9" * 40,
    "9" * 5000,
    "1e9",
    "0x10",
    "1_0",
    " 1 ",
    "²",
    "٣",
    "NaN",
    "9" * 20 + "-1",
    "2026-13",
    "2026-00",
    "0000-01",
    "9999-12",
    "10000-01",
    "-2026-1",
    "2026-1-1",
    "0001-01-01",
    "0001-01-01_1",
    "9999-12-31_9" + "9" * 30,
    "2026-02-30_1",
    "_",
    "_1",
    "1_",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+16:00",
    "99999999999999999999",
    "-99999999999999999999",
    "'",
    '"><script>',
    "%",
    "\\",
    "x" * 3000,
    "💩",
    "\u202e",
    "\ufffd",
    "due",
    "closed",
    "draft",
    "None",
    "",
)
RAW = ("%00", "a%00b", "%ED%A0%80", "%FF%FE", "%C0%80", "%")
"""What no browser sends: NUL, half a character, bytes that are no UTF-8."""
FINE = {200, 302, 400, 404, 422}

pytestmark = pytest.mark.django_db


def addresses(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(path, name) for path, names in table.items() for name in names]


@pytest.fixture
def filled(cast: Cast) -> Cast:
    approved(cast)
    submitted(cast, address="129.118.10.30", host="other.ttu.edu")
    return cast


@pytest.mark.parametrize(("path", "name"), addresses(LISTS))
def test_a_list_answers_whatever_a_filter_says(filled: Cast, path: str, name: str) -> None:
    client, wrong = client_of(filled.reviewer), {}
    for value in [*map(quote, VALUES), *RAW]:
        found = client.get(f"{path}?{name}={value}").status_code
        if found not in FINE:
            wrong[value[:60]] = found
    assert wrong == {}


@pytest.mark.parametrize(("path", "name"), addresses(API))
def test_the_api_answers_whatever_a_filter_says(
    filled: Cast, path: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.api.v1.refuse_over", lambda *args, **names: None)
    token = make_token(actor=filled.admin, name="fuzz", owner=filled.requester, scopes=ALL, days=1)[1]
    client, wrong = Client(HTTP_AUTHORIZATION=f"Bearer {token}"), {}
    for value in [*map(quote, VALUES), *RAW]:
        found = client.get(f"{path}?{name}={value}").status_code
        if found not in FINE:
            wrong[value[:60]] = found
    assert wrong == {}


def test_every_parameter_that_a_view_reads_is_in_the_table() -> None:
    read = set()
    for room in ("portal", "relay", "senders", "whitelist", "campaigns"):
        for file in (Path(django_settings.BASE_DIR) / room).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            if "request.GET" in text:
                read |= set(re.findall(r'(?:GET|query)\.get\(\s*"(\w+)"', text))
    assert read <= {name for names in LISTS.values() for name in names} | ELSEWHERE


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/queue/?older=999999999", "“999999999” is no number of days"),
        ("/queue/?older=soon", "“soon” is no number of days"),
        ("/queue/?assignee=x", "“x” is nobody to whom"),
        ("/queue/?state=draft", "“draft” is no state"),
        ("/queue/?kind=wish", "“wish” is no kind of request"),
        ("/queue/?stage=moon&tab=all", "“moon” is no stage"),
        ("/queue/?sort=up", "“up” is no order"),
        ("/queue/?tab=theirs", "“theirs” is no tab"),
        ("/calendar/?month=99999999999999999999-1", "is not a month from 2000-01 to 2100-12"),
        ("/calendar/?month=2026-13", "“2026-13” is not a month"),
        ("/calendar/?population=martians", "“martians” is not a population"),
    ],
)
def test_a_value_that_is_none_is_said(cast: Cast, path: str, sentence: str) -> None:
    page = client_of(cast.reviewer).get(path).content.decode()
    assert 'id="filter-problems"' in page
    assert sentence in page


def test_what_was_typed_as_days_stays_in_its_field(cast: Cast) -> None:
    assert 'value="soon"' in client_of(cast.reviewer).get("/queue/?older=soon").content.decode()


@pytest.mark.parametrize(
    "path", ["/queue/?older=3&sort=newest&tab=all&state=approved", "/calendar/?month=2027-2"]
)
def test_a_value_that_is_one_is_followed_without_a_word(cast: Cast, path: str) -> None:
    assert 'id="filter-problems"' not in client_of(cast.reviewer).get(path).content.decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("requests?kind=wish", "kind"),
        ("requests?state=lost", "state"),
        ("grants?state=in_review", "state"),
        ("requests?updated_since=0001-01-01T00:00:00%2B23:59", "updated_since"),
        ("requests?updated_since=2026-01-01T00:00:00", "updated_since"),
    ],
)
def test_the_api_names_the_filter_that_is_wrong(cast: Cast, query: str, field: str) -> None:
    token = make_token(actor=cast.admin, name="fuzz", owner=cast.requester, scopes=ALL, days=1)[1]
    answer: Any = Client(HTTP_AUTHORIZATION=f"Bearer {token}").get(f"/api/v1/{query}")
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]
