"""The calendar's configuration in the institution's file, and what the calendar's pages cost."""

from datetime import date
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.configuration import ConfigurationError
from portal.institution import load
from tests.campaigns.cast import free_days, submitted
from tests.cast import Cast, approve, client_of


def write(folder: Path, text: str) -> Path:
    path = folder / "institution.toml"
    path.write_text(text)
    return path


def test_populations_and_blackouts_come_from_the_file(tmp_path: Path) -> None:
    place = load(
        write(
            tmp_path,
            """
            campaign_lead_days = 5
            [[populations]]
            key = "pupils"
            label = "Pupils"
            survey_budget = 2
            [[blackouts]]
            starts = "2027-04-01"
            ends = "2027-04-05"
            label = "Easter"
            populations = ["pupils"]
            """,
        )
    )
    assert [entry.key for entry in place.populations] == ["pupils"]
    assert place.population("students") is None
    assert place.blackouts[0].populations == ("pupils",)
    assert place.blackouts[0].starts == date(2027, 4, 1)


@pytest.mark.parametrize(
    "text",
    [
        '[[blackouts]]\nstarts = "2027-04-05"\nends = "2027-04-01"\nlabel = "x"',
        '[[blackouts]]\nstarts = "soon"\nends = "2027-04-01"\nlabel = "x"',
        '[[populations]]\nkey = "a"',
        '[[populations]]\nkey = "a"\nlabel = "A"\ncolour = "red"',
    ],
)
def test_a_wrong_file_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        load(write(tmp_path, text))


@pytest.mark.django_db
def test_the_calendar_and_the_queue_cost_the_same_for_few_and_for_many(cast: Cast) -> None:
    pages = (f"/calendar/?month={free_days():%Y-%m}", "/calendar/agenda/", "/campaigns/")
    client = client_of(cast.cio)

    def costs() -> list[int]:
        counted = []
        for page in pages:
            client.get(page)
            with CaptureQueriesContext(connection) as queries:
                client.get(page)
            counted.append(len(queries))
        return counted

    approve(cast, submitted(cast), actor=cast.cio)
    submitted(cast, requester=cast.colleague)
    few = costs()
    for number in range(4):
        submitted(cast, requester=cast.sponsor, people={"students": number + 1, "staff": 2})
    assert costs() == few


# ---------------------------------------------------------------- the large lists
def test_gated_lists_come_from_the_file_and_take_the_mail_domain(tmp_path: Path) -> None:
    place = load(
        write(
            tmp_path,
            """
            mail_domain = "Example.EDU"
            [[gated_lists]]
            address = "Everybody"
            populations = ["students", "staff"]
            [[gated_lists]]
            address = "pupils@lists.example.edu"
            populations = ["students"]
            """,
        )
    )
    assert list(place.gated) == ["everybody@example.edu", "pupils@lists.example.edu"]
    assert place.lists_of(["students", "staff", "alumni"]) == list(place.gated)
    assert place.lists_of(["students"]) == ["pupils@lists.example.edu"]
    assert place.lists_of([]) == []
    assert load(write(tmp_path, "gated_lists = []")).gated == {}
    default = load(write(tmp_path, 'mail_domain = "example.edu"\n[[populations]]\nkey = "a"\nlabel = "A"'))
    assert "students-all@example.edu" in default.gated


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('address = "all students@ttu.edu"\npopulations = ["students"]', "is no address"),
        ('address = "@ttu.edu"\npopulations = ["students"]', "is no address"),
        ('address = "a+b@ttu.edu"\npopulations = ["students"]', "is no address"),
        ('address = "a"\npopulations = []', "names no population"),
        ('address = "a"\npopulations = ["nobody", "students"]', "unknown populations: nobody"),
        ('address = "a"\npopulations = "students"', "populations must be a list"),
        ('address = "a"', "populations"),
        ('address = 7\npopulations = ["students"]', "address must be text"),
        (
            'address = "a"\npopulations = ["students"]\n[[gated_lists]]\naddress = "A@ttu.edu"\npopulations = ["staff"]',
            "twice",
        ),
    ],
)
def test_a_wrong_list_is_refused_at_the_start(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load(write(tmp_path, f"[[gated_lists]]\n{text}"))
