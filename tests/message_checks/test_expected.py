"""Forty messages written for this test, each with what the checks must find in it."""

import json
import tomllib
from pathlib import Path

import pytest
from django.core.management import call_command

from portal.message_checks.checks import MailingFacts, check_message
from portal.message_checks.parsing import parse_message

HERE = Path(__file__).parent
MESSAGES = sorted((HERE / "messages").glob("*.eml"))
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text())
ALWAYS_ASKED = {
    "B-1",
    "U-8",
    "CS-2",
    "CS-3",
    "CS-6",
    "CS-10",
    "CS-14",
    "CS-15",
    "U-5",
    "U-6",
    "U-7",
    "B-2",
    "B-3",
    "B-4",
    "B-5",
    "B-7",
    "S-2",
    "S-3",
    "S-5",
    "S-6",
    "S-7",
    "S-8",
}
FACTS = {
    "marketing": MailingFacts(
        own_domain="ttu.edu",
        promotes=True,
        has_transactional=False,
        subject_reads_commercial=True,
        body_reads_commercial=True,
        people=6000,
    ),
    "survey": MailingFacts(
        own_domain="ttu.edu",
        promotes=False,
        has_transactional=False,
        is_survey=True,
        is_anonymous=True,
        people=6000,
        messages_each=2,
    ),
}


def test_there_are_forty_and_each_has_its_expectation() -> None:
    assert len(MESSAGES) == 40
    assert {path.stem for path in MESSAGES} == set(EXPECTED)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_a_message_gives_what_is_expected_and_nothing_else(path: Path) -> None:
    wanted = EXPECTED[path.stem]
    found = check_message(parse_message(path.read_bytes()), FACTS[wanted["as"]])
    noted = [
        f"{one.rule} {one.outcome.value}" for one in found if one.outcome.value in ("fail", "warn", "unknown")
    ]
    noted += [
        f"{one.rule} person"
        for one in found
        if one.outcome.value == "person" and one.rule not in ALWAYS_ASKED
    ]
    assert noted == wanted["findings"]
    for one in found:
        assert one.message.endswith((".", "?")), one
        assert one.clause in ("MKT-4", "MKT-5")


def test_every_rule_that_a_message_shows_is_looked_at() -> None:
    rules = {
        one.rule
        for path in MESSAGES
        for one in check_message(parse_message(path.read_bytes()), FACTS[EXPECTED[path.stem]["as"]])
    }
    assert rules >= {f"CS-{number}" for number in range(1, 16)}
    assert rules >= {f"U-{number}" for number in range(1, 9)}
    assert rules >= {f"B-{number}" for number in range(1, 9)}
    assert rules >= {f"S-{number}" for number in range(1, 11)}


def test_the_command_adds_the_findings(capsys: pytest.CaptureFixture[str]) -> None:
    path = HERE / "messages" / "02_no_postal_address.eml"
    call_command("check_message", str(path), "--campaign", "--json", "--resolver", "127.0.0.1:9")
    report = json.loads(capsys.readouterr().out)
    postal = [one for one in report["findings"] if one["rule"] == "CS-9"]
    assert postal == [
        {
            "rule": "CS-9",
            "clause": "MKT-4",
            "outcome": "fail",
            "where": "the end",
            "message": "There is no postal address in the text. Add the unit’s street address or PO box, city, state and ZIP code.",
        }
    ]
    assert report["from_domain"] == "ttu.edu"
    call_command("check_message", str(path), "--campaign", "--resolver", "127.0.0.1:9")
    assert "[fail] CS-9 (MKT-4)" in capsys.readouterr().out
