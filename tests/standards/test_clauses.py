"""The clauses: every id of the standards is there, dated, in the institution's names."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from portal.standards import clauses as lookup
from portal.standards.clauses import UnknownClause, clause, clauses, current_edition, sections
from portal.standards.editions import CHAPTERS, EDITIONS, Chapter, Clause, Edition, Section
from portal.workflow import registry

IDS = [
    "OVR-1",
    "OVR-2",
    "OVR-3",
    "OVR-4",
    "OVR-5",
    "REL-0",
    "REL-1",
    "REL-2",
    "REL-3",
    "WKS-1",
    "AUT-0",
    "AUT-1",
    "AUT-2",
    "AUT-3",
    "WHT-0",
    "WHT-1",
    "WHT-2",
    "WHT-3",
    "WHT-4",
    "WHT-5",
    "WHT-6",
    "MKT-1",
    "MKT-2",
    "MKT-3",
    "MKT-4",
    "MKT-5",
]
NEVER_WAIVED = ("REL-2", "REL-3", "OVR-4", "AUT-1", "WHT-2", "WHT-3", "WHT-4", "WHT-5", "MKT-4", "MKT-5")
NEXT = Edition("2030-01", date(2030, 1, 1), ())
RELAY = Section(
    "relay", "Relay", (Clause("REL-2", "Newer", "Newer words for {mail_domain}.", "Held.", must=True),)
)
NO_CAMPAIGNS = Section("campaigns", "Campaigns", ())


@pytest.fixture
def two_editions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lookup, "EDITIONS", (*EDITIONS, NEXT))
    newer = (Chapter(RELAY, place=1, since=NEXT.id), Chapter(NO_CAMPAIGNS, place=2, since=NEXT.id))
    with CHAPTERS.replaced_by(*CHAPTERS, *newer):
        yield


def test_every_clause_is_there_once_and_in_order() -> None:
    found = [entry.id for entry in clauses()]
    assert len(found) == len(set(found))
    # A further kind brings clauses of its own; these are those of the standards as they are.
    assert [one for one in found if one in IDS] == IDS


@pytest.mark.parametrize("clause_id", NEVER_WAIVED)
def test_a_must_clause_says_so(clause_id: str) -> None:
    assert clause(clause_id).must


@pytest.mark.parametrize("clause_id", [entry.id for entry in clauses()])
def test_a_clause_says_what_it_asks_and_how_it_is_held(clause_id: str) -> None:
    entry = clause(clause_id)
    for words in (entry.title, entry.meaning, entry.held):
        assert words
        assert not set("{}") & set(words)
    assert entry.meaning.endswith(".")
    assert entry.held.endswith(".")


def test_every_clause_that_a_kind_cites_exists() -> None:
    kinds = registry.kinds()
    assert kinds
    for kind in kinds:
        assert set(kind.clauses) <= {entry.id for entry in clauses()}, kind.key


def test_an_unknown_clause_is_an_error() -> None:
    with pytest.raises(UnknownClause):
        clause("REL-99")


def test_another_institution_reads_its_own_names(settings: Any) -> None:
    assert "ttu.edu" in clause("REL-3").meaning
    settings.INSTITUTION = replace(
        settings.INSTITUTION,
        mail_domain="example.edu",
        authenticated_smtp_host="smtp.example.edu",
        mail_service="ExampleMail",
        network_name="ExampleNet",
        short_name="Example",
        cio_office="Office of the Provost",
    )
    everything = " ".join(
        [section.title for section in sections()] + [f"{c.title} {c.meaning} {c.held}" for c in clauses()]
    )
    for word in ("ttu.edu", "office365", "TechMail", "TTUnet", "Texas", "CIO"):
        assert word not in everything
    assert "@example.edu" in clause("REL-3").meaning
    assert "smtp.example.edu" in clause("WKS-1").meaning


# ---------------------------------------------------------------- editions
def test_the_edition_is_the_one_in_force_on_the_day(two_editions: None) -> None:
    assert current_edition(date(2029, 12, 31)).id == "2026-03"
    assert current_edition(date(2030, 1, 1)).id == "2030-01"
    assert current_edition(date(2020, 1, 1)).id == "2026-03"


def test_a_chapter_holds_until_a_newer_edition_has_another(two_editions: None) -> None:
    # Clauses of a further kind are left out, as above.
    before, after = [
        [entry.id for entry in clauses(date(year, 5, 5)) if entry.id in IDS] for year in (2029, 2031)
    ]
    assert before == IDS
    others = [entry for entry in IDS if entry.startswith(("AUT", "WHT"))]
    assert after == ["REL-2", *others]


@pytest.mark.parametrize(
    ("now", "edition"), [("2030-01-01T05:59:00Z", "2026-03"), ("2030-01-01T06:01:00Z", "2030-01")]
)
def test_a_new_edition_begins_at_midnight_where_the_institution_is(
    two_editions: None, time_machine: Any, now: str, edition: str
) -> None:
    time_machine.move_to(now, tick=False)
    assert current_edition().id == edition


def test_a_clause_that_a_later_edition_dropped_can_still_be_read(
    two_editions: None, time_machine: Any
) -> None:
    time_machine.move_to("2030-06-01T12:00:00Z", tick=False)
    assert clause("REL-2").meaning == "Newer words for ttu.edu."
    assert clause("MKT-5").title == "Surveys need approval"


def test_editions_stand_in_the_order_of_their_days() -> None:
    days = [edition.in_force_from for edition in EDITIONS]
    assert days == sorted(set(days))
