"""`python -m portal.message_checks`: the checks without Django, without settings and without a database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from portal.message_checks.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = Path(__file__).parent / "messages"
GOOD = str(MESSAGES / "01_good_marketing.eml")
SURVEY = str(MESSAGES / "38_survey_anonymous_with_personal_link.eml")


def findings(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, str]]:
    assert main([*arguments, "--json"]) == 0
    return {one["rule"]: one for one in json.loads(capsys.readouterr().out)}


def test_it_needs_no_django_and_no_environment() -> None:
    program = (
        "import sys; from portal.message_checks.__main__ import main; status = main(sys.argv[1:]); "
        "sys.exit(status or 9 * any(name.partition('.')[0] == 'django' for name in sys.modules))"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            str(MESSAGES / "02_no_postal_address.eml"),
            "--own-domain",
            "ttu.edu",
        ],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == [
        "findings",
        (
            "    [fail] CS-9 (MKT-4): There is no postal address in the text. Add the unit’s street address or PO box, city, "
            "state and ZIP code."
        ),
    ]


def test_standard_input_is_read_as_a_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "portal.message_checks", "-", "--json"],
        cwd=ROOT,
        input=Path(GOOD).read_bytes(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert {one["outcome"] for one in json.loads(done.stdout)} >= {"pass", "person"}


@pytest.mark.parametrize(
    ("options", "rule", "outcome"),
    [
        (["--own-domain", "ttu.edu"], "CS-1", "pass"),
        (["--own-domain", "example.org"], "CS-1", "fail"),
        (["--own-domain", "example.org", "--sending-domain", "TTU.EDU"], "CS-1", "pass"),
        (["--purpose", "transactional"], "CS-11", "pass"),
        (["--people", "9000"], "B-7", "person"),
        (["--survey", "--messages-each", "3"], "S-10", "warn"),
        (["--survey", "--messages-each", "2"], "S-10", "pass"),
    ],
)
def test_options_say_what_the_message_cannot(
    capsys: pytest.CaptureFixture[str], options: list[str], rule: str, outcome: str
) -> None:
    assert findings(capsys, GOOD, *options)[rule]["outcome"] == outcome


def test_a_survey_that_promises_anonymity_is_checked_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "S-4" not in findings(capsys, SURVEY)
    assert findings(capsys, SURVEY, "--survey", "--anonymous")["S-4"]["outcome"] == "fail"


def test_consent_is_an_answer_to_cs_7(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(MESSAGES / "29_not_marked_as_advertisement.eml")
    assert findings(capsys, path)["CS-7"]["outcome"] != "pass"
    assert findings(capsys, path, "--consent")["CS-7"]["outcome"] == "pass"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/nonexistent.eml"], "cannot be read"),
        ([str(ROOT / "manage.py")], "no header field"),
        ([GOOD, "--resolver", "not a server"], "not a server"),
    ],
)
def test_bad_input_ends_with_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
    assert told.err.count("\n") == 1
