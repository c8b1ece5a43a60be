"""The import of valid addresses: idempotent, and it reports what it did."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from portal.accounts.directory import ImportRefused, directory, import_directory
from portal.accounts.models import DirectoryAddress

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nobody")]
HEAD = "address,kind,name,department\n"


def load(text: str, *, accept_change: bool = False) -> tuple[int, int, int, int]:
    report = import_directory(file=io.StringIO(HEAD + text), accept_change=accept_change)
    return report.added, report.changed, report.gone, report.same


def test_running_twice_changes_nothing_the_second_time() -> None:
    rows = "Lab@ttu.edu,shared,Lab,Physics\nriley@ttu.edu,person,Riley,Physics\n"
    assert load(rows) == (2, 0, 0, 0)
    assert load(rows) == (0, 0, 0, 2)


def test_changes_and_departures_are_reported_and_a_return_counts_as_a_change() -> None:
    load("a@ttu.edu,shared,,\nb@ttu.edu,shared,,\nc@ttu.edu,shared,,\n")
    assert load("a@ttu.edu,list,,\nb@ttu.edu,shared,,\n") == (0, 1, 1, 1)
    assert set(directory().lookup(["a@ttu.edu", "c@ttu.edu"])) == {"a@ttu.edu"}
    assert load("a@ttu.edu,list,,\nb@ttu.edu,shared,,\nc@ttu.edu,shared,,\n") == (0, 1, 0, 2)


def test_a_file_that_would_empty_the_directory_is_refused() -> None:
    load("a@ttu.edu,shared,,\nb@ttu.edu,shared,,\nc@ttu.edu,shared,,\n")
    with pytest.raises(ImportRefused, match="3 of 3"):
        load("")
    assert DirectoryAddress.objects.filter(gone_at__isnull=True).count() == 3
    assert load("", accept_change=True) == (0, 0, 3, 0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a@gmail.com,shared,,\n", "Line 3: The address must be on ttu.edu"),
        ("a@ttu.edu,ghost,,\n", "kind must be one of"),
        ('"a@ttu.edu\nBcc: x@ttu.edu",shared,,\n', "Line"),
    ],
)
def test_a_malformed_line_is_named_and_nothing_is_imported(text: str, sentence: str) -> None:
    with pytest.raises(ImportRefused, match=sentence):
        load("ok@ttu.edu,shared,,\n" + text)
    assert not DirectoryAddress.objects.exists()


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "addresses.csv"
    file.write_text(HEAD + "a@ttu.edu,shared,,\n")
    call_command("import_directory", str(file))
    assert capsys.readouterr().out == "added 1, changed 0, gone 0, same 0\n"
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_directory", str(tmp_path / "none.csv"))


OWNED = "address,kind,name,department,head,owner\n"


def test_an_owner_of_a_shared_mailbox_is_kept_and_changed() -> None:
    rows = "riley@ttu.edu,person,Riley,Physics,,\nlab@ttu.edu,shared,Lab,Physics,,Riley@TTU.edu\n"
    import_directory(file=io.StringIO(OWNED + rows))
    assert directory().lookup(["lab@ttu.edu"])["lab@ttu.edu"].owner == "riley@ttu.edu"
    report = import_directory(file=io.StringIO(OWNED + rows.replace("Riley@TTU.edu", "left@ttu.edu")))
    assert report.changed == 1
    # A file from before has no such column: nobody is on record then.
    load("riley@ttu.edu,person,Riley,Physics\nlab@ttu.edu,shared,Lab,Physics\n")
    assert directory().lookup(["lab@ttu.edu"])["lab@ttu.edu"].owner == ""


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a@ttu.edu,shared,,,,a@gmail.com\n", "Line 3: owner: The address must be on ttu.edu"),
        ("a@ttu.edu,shared,,,,nobody\n", "Line 3: owner:"),
        ("a@ttu.edu,person,,,,riley@ttu.edu\n", "Line 3: a person's own address has no owner"),
        ("a@ttu.edu,shared,,,,a@ttu.edu\n", "its owner a@ttu.edu is not a person"),
    ],
)
def test_an_owner_who_cannot_be_one_is_refused(row: str, sentence: str) -> None:
    with pytest.raises(ImportRefused, match=sentence):
        import_directory(file=io.StringIO(OWNED + "riley@ttu.edu,person,,,,\n" + row))
    assert not DirectoryAddress.objects.exists()
