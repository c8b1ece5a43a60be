"""The firewall's list: golden, whole, and nothing in it that a spreadsheet would compute."""

import csv
import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from portal.enforcement.targets import LintError
from portal.grants.models import Grant
from portal.lib.text import csv_cell
from relay import firewall
from tests.cast import Cast, approved

GOLDEN = Path(__file__).parent / "golden" / firewall.CLIENTS


@pytest.fixture
def grant(cast: Cast) -> Grant:
    with time_machine.travel("2026-08-22T15:00:00+00:00", tick=True):
        return approved(cast)


def text_of(grant: Grant, days: int = 0) -> str:
    day = grant.starts_on + timedelta(days=days)
    return firewall.Firewall().render(day=day, install_path="/x").files[firewall.CLIENTS]


@pytest.mark.django_db
def test_the_list_is_the_golden_one(grant: Grant, tmp_path: Path) -> None:
    text = text_of(grant)
    if os.environ.get("REWRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    (tmp_path / firewall.CLIENTS).write_text(text)
    firewall.Firewall().lint(tmp_path)
    assert text_of(grant, days=(grant.ends_on - grant.starts_on).days + 1).count("\n") == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "evil", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\uff1dx", 'a"\n=x,"', "a\r\n=x", "\t=x"]
)
def test_what_people_typed_is_text_in_a_spreadsheet(grant: Grant, evil: str) -> None:
    permission = grant.relay
    permission.hostname = evil
    permission.save(update_fields=["hostname"])
    grant.owner.email = f"{evil}@ttu.edu"
    grant.owner.save(update_fields=["email"])
    text = text_of(grant)
    firewall.lint_clients(text)
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 2
    for cell in rows[1]:
        assert cell[0] not in "=+-@\uff1d\t\r"


@given(st.text())
def test_a_cell_never_begins_a_formula_and_is_one_line(text: str) -> None:
    cell = csv_cell(text)
    assert not cell.startswith(("=", "+", "-", "@"))
    assert not set(cell) & set("\r\n\t\x00")
    assert csv_cell(cell) == cell


@pytest.mark.parametrize(
    "row",
    [
        "a,b",
        "R-1,129.118.1.1/24,25,2027-01-01,h,o",
        "R-1,129.118.1.1/32,25,soon,h,o",
        "R-1,129.118.1.1/32,25,2027-01-01,=h,o",
    ],
)
def test_the_lint_sees_a_row_that_is_not_whole(row: str) -> None:
    head = ",".join(firewall.COLUMNS)
    firewall.lint_clients(f"{head}\nR-1,129.118.1.1/32,25,2027-01-01,h,o\n")
    with pytest.raises(LintError):
        firewall.lint_clients(f"{head}\n{row}\n")
