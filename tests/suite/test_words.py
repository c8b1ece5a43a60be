"""The check of words: it finds a planted word in each place, and the repository has none."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check_words
from scripts.check_words import NAME, PROSE, SCREEN, Place

ROOT = Path(__file__).resolve().parents[2]


def found(root: Path, path: str, text: str) -> list[tuple[int, str, str]]:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return [(one.line, one.word, one.place) for one in check_words.check(root, [path])]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("portal/a.py", "def chase_owners() -> None: ...\n", (1, "chase", NAME)),
        ("portal/a.py", "class OwnerChase: ...\n", (1, "chase", NAME)),
        ("portal/a.py", "class Found: ...\n", (1, "Found", NAME)),
        ("portal/desk_views.py", "", (0, "desk", NAME)),
        ("portal/a.py", '"""The first line.\n\nThe room of requests.\n"""\n', (3, "room", PROSE)),
        ("portal/a.py", "x = 1  # IPv6 clothes\n", (1, "clothes", PROSE)),
        ("portal/a.py", 'x = "See your grants"\n', (1, "grant", SCREEN)),
        ("portal/a.py", 'x = f"The grant {1} ends."\n', (1, "grant", SCREEN)),
        ("templates/a.html", "{% if grant %}\n<p>Your grant ends.</p>\n{% endif %}\n", (2, "grant", SCREEN)),
        ("templates/a.html", '<a aria-label="Open the letter">x</a>\n', (1, "letter", SCREEN)),
        ("templates/a.html", '{% include "b.html" with title="Mail out" %}\n', (1, "mail out", SCREEN)),
        ("templates/mail/a.txt", "Subject: x\n\nThis letter tells you.\n", (3, "letter", SCREEN)),
        ("docs/a.md", "# A\n\nWhoever looks at the desk.\n", (3, "desk", PROSE)),
        ("docs/a.md", "An e-mail.\n", (1, "e-mail", PROSE)),
    ],
)
def test_a_planted_word_is_found_where_it_is_retired(
    tmp_path: Path, path: str, text: str, expected: tuple[int, str, str]
) -> None:
    assert found(tmp_path, path, text) == [expected]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("portal/a.py", "def grant_of(row: 'Grant | None') -> 'Grant | None': ...\n"),
        ("portal/a.py", '"""Issue the grant."""\n'),
        ("portal/a.py", "x = 'grants/grant.html'\n"),
        ("portal/a.py", "reward, deskew = 1, 2\n"),
        ("templates/a.html", '{# the grant #}<p class="grant">{{ grant.title }}</p>\n'),
        ("templates/a.html", '<a aria-label="Suspend {{ row.grant }}">Suspend</a>\n'),
        ("docs/a.md", "Run `chase_owners`.\n\n    the room\n"),
        ("portal/migrations/0001_desk.py", "chase = 1\n"),
    ],
)
def test_what_is_no_retired_word_is_left_alone(tmp_path: Path, path: str, text: str) -> None:
    assert found(tmp_path, path, text) == []


def test_an_exception_covers_its_file_or_folder_alone_and_must_be_needed() -> None:
    places = [Place(path, 1, "letter", PROSE, "letter", "email") for path in ("a/b.py", "a/c/d.py", "e.py")]
    left, unused = check_words.without_exceptions(
        places, [("a/", "letter", "alphabet"), ("e.py", "desk", "furniture"), ("f.py", "letter", "none")]
    )
    assert [one.path for one in left] == ["e.py"]
    assert [line.split(":")[0] for line in unused] == ["e.py", "f.py"]


def test_every_exception_gives_a_reason_and_names_a_file_that_is_there() -> None:
    for path, _, reason in check_words.EXCEPTIONS:
        assert (ROOT / path).exists(), path
        assert len(reason) > 10


def test_the_repository_has_no_retired_word() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/check_words.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)
