"""Find retired words in names, docstrings, comments, documents, emails and pages (docs/words.md has the glossary).

Needs Python alone. Prints one line for each place, and exits with 1 where there is one or where an exception is unused.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

NAME, PROSE, SCREEN = "name", "prose", "screen"
"""Names of files, functions, classes and variables; docstrings, comments and documents; what people read on screens."""

TABLE = (
    # word, where it is retired, regular expression of whole words, what to write
    ("aftermath", (NAME, PROSE, SCREEN), "aftermath", "delivery and results; post_approval"),
    (
        "ask",
        (SCREEN,),
        "ask for something|sign in and ask|ask for a (?:change|permission)",
        "new request; request a change",
    ),
    ("chase", (NAME, PROSE, SCREEN), "chas(?:e|es|ed|ing)", "find a new owner; reassign_unowned"),
    ("clothes", (PROSE, SCREEN), "clothes", "a plain word"),
    ("collector", (NAME,), "collector", "gc_pause"),
    ("colour", (NAME, PROSE, SCREEN), "colours?|coloured|colouring", "color"),
    ("desk", (NAME, PROSE, SCREEN), "desks?", "queue"),
    ("e-mail", (PROSE, SCREEN), "e-mails?", "email"),
    ("grant", (SCREEN,), "grants?", "permission"),
    ("letter", (NAME, PROSE, SCREEN), "letters?", "email, notice"),
    ("mail out", (PROSE, SCREEN), "mail out", "outbound email"),
    ("ownerless", (PROSE, SCREEN), "ownerless", "unowned, without an owner"),
    ("room", (PROSE,), "rooms?", "app"),
    ("waking", (NAME,), "wak(?:e|es|ing)", "dispatch"),
    ("wish", (NAME, PROSE, SCREEN), "wish(?:es|ed)?", "request"),
    (
        "literary",
        (PROSE, SCREEN),
        "by nobody's hand|whom today asks for|louder word|comes of it|came of it|directory no more|stands still",
        "a plain sentence",
    ),
    ("spelling", (PROSE, SCREEN), "cancelled|licence|favour(?:ed|s)?|behaviour|grey", "American spelling"),
)
"""The retired words, in the order of the alphabet."""

CLASSES = {"Found": "Finding", "Remarks": "Finding", "Verdict": "Finding, or a word of its own"}
"""Names of classes that are retired as a whole."""

ALPHABET = "letters of an alphabet"
OF_THE_CIO = "the PDF of the CIO's decision is a letter"
EXCEPTIONS: tuple[tuple[str, str, str], ...] = (
    ("campaigns/", "letter", OF_THE_CIO),
    ("docs/campaigns.md", "letter", OF_THE_CIO),
    ("docs/decisions/0004-letters-as-pdf.md", "letter", OF_THE_CIO),
    ("templates/campaigns/", "letter", OF_THE_CIO),
    ("tests/browser/test_campaign_story.py", "letter", OF_THE_CIO),
    ("tests/campaigns/", "letter", OF_THE_CIO),
    ("docs/decisions/0011-milter-protocol.md", "letter", "the command byte of a milter packet"),
    ("portal/api/forms.py", "letter", ALPHABET),
    ("portal/enforcement/forms.py", "letter", ALPHABET),
    ("portal/lib/", "letter", ALPHABET),
    ("portal/mailauth/names.py", "letter", ALPHABET),
    ("portal/message_checks/", "letter", ALPHABET),
    ("portal/policy_service/milter_protocol.py", "letter", ALPHABET),
    ("portal/policy_service/protocol.py", "letter", ALPHABET),
    ("portal/ui/samples.py", "letter", ALPHABET),
    ("portal/workflow/templatetags/portal_words.py", "letter", ALPHABET),
    ("tests/accounts/test_single_sign_on.py", "letter", ALPHABET),
    ("tests/engine/test_transition_table.py", "letter", ALPHABET),
    ("tests/mailauth/", "letter", ALPHABET),
    ("tests/policy_service/test_protocol.py", "letter", ALPHABET),
    ("tests/whitelist/test_refusals.py", "letter", ALPHABET),
    ("whitelist/", "letter", ALPHABET),
    ("templates/workflow/answers.html", "letter", "a file that somebody attaches"),
    ("portal/message_checks/postal.py", "wish", "what an opt-out in a checked message says"),
    ("portal/accounts/models.py", "e-mail", "Django's own label, which a change would migrate for nothing"),
    ("portal/lib/confined_server.py", "waking", "Python's `signal.set_wakeup_fd`"),
    ("portal/mailauth/verdict.py", "Verdict", "DMARC's term"),
    ("portal/mailauth/message_report.py", "Verdict", "DMARC's term"),
    (
        "portal/ownership/management/commands/chase_owners.py",
        "chase",
        "the old name of a command, for one version",
    ),
    ("relay/api.py", "desk", "a help desk is an office of the university"),
    ("tests/policy_service/test_protocol.py", "desk", "a mailbox in an example"),
)
"""File or folder (with a final slash), word, and why it means something else there."""

FOLDERS = ("*.py", "*.md", "templates", "pyproject.toml")
SKIPPED = ("/migrations/", "tests/message_checks/messages/", "docs/words.md")
"""Migrations keep the names they were made with, the tests' messages are what strangers write, the glossary explains."""


UNSEEN = ("tests/", "benchmarks/", "scripts/check_words.py")
"""Whose strings no person reads as text of the portal."""


@dataclass(frozen=True)
class Word:
    """One row of the table."""

    name: str
    places: tuple[str, ...]
    pattern: str
    instead: str

    @cached_property
    def in_text(self) -> re.Pattern[str]:
        """Matches the word in a sentence."""
        return re.compile(rf"(?<![\w-])(?:{self.pattern})(?![\w-])", re.IGNORECASE)

    @cached_property
    def in_name(self) -> re.Pattern[str]:
        """Matches one part of an identifier, in lower case."""
        return re.compile(self.pattern)


@dataclass(frozen=True, order=True)
class Place:
    """One retired word at one place."""

    path: str
    line: int
    word: str
    place: str
    text: str = field(compare=False)
    instead: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: “{self.text}” ({self.place}): write {self.instead}"


WORDS = tuple(Word(*row) for row in TABLE)


def parts_of(name: str) -> list[str]:
    """The words of an identifier or a file name, in lower case."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def in_name(path: str, line: int, name: str) -> Iterator[Place]:
    """The retired words in one name."""
    for word in WORDS:
        if NAME in word.places and any(word.in_name.fullmatch(part) for part in parts_of(name)):
            yield Place(path, line, word.name, NAME, name, word.instead)
    if name in CLASSES:
        yield Place(path, line, name, NAME, name, CLASSES[name])


def in_text(path: str, line: int, text: str, place: str) -> Iterator[Place]:
    """The retired words in text that begins at `line`."""
    for word in WORDS:
        if place in word.places:
            for match in word.in_text.finditer(text):
                yield Place(
                    path, line + text.count("\n", 0, match.start()), word.name, place, match[0], word.instead
                )


def _docstrings(tree: ast.AST) -> set[int]:
    """The ids of the constants that are docstrings, of attributes as well."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _annotations(tree: ast.AST) -> set[int]:
    """The ids of the constants that are quoted types."""
    types = [
        part
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if part is not None
    ]
    return {id(node) for part in types for node in ast.walk(part)}


def in_python(path: str, source: str) -> Iterator[Place]:
    """The retired words in a module: its names, its docstrings and comments, and its sentences."""
    tree = ast.parse(source)
    docstrings, types = _docstrings(tree), _annotations(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in types:
            if id(node) in docstrings:
                yield from in_text(path, node.lineno, node.value, PROSE)
            elif " " in node.value.strip() and not path.startswith(UNSEEN):
                yield from in_text(path, node.lineno, node.value, SCREEN)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield from in_name(path, token.start[0], token.string)
        elif token.type == tokenize.COMMENT:
            yield from in_text(path, token.start[0], token.string, PROSE)


_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<(?:[^>\"]|\"[^\"]*\")*>", re.DOTALL)
_SHOWN = re.compile(r"\b(?:aria-label|title|placeholder|alt|text|label|action_label)=\"([^\"]*)\"")
_VALUE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")


def in_template(path: str, source: str) -> Iterator[Place]:
    """The retired words that a page or an email shows: its text, and the attributes that are read aloud."""
    blank = _CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    yield from in_text(path, 1, blank, SCREEN)
    for match in _SHOWN.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        yield from in_text(path, line, _VALUE.sub(" ", match[1]), SCREEN)


def in_document(path: str, source: str) -> Iterator[Place]:
    """The retired words of a document, without its code: what stands between backticks or is indented by four."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    text = re.sub(r"```.*?```|`[^`\n]*`|^    .*$|\]\([^)]*\)", blank, source, flags=re.DOTALL | re.MULTILINE)
    yield from in_text(path, 1, text, PROSE)


def check(root: Path, paths: Iterable[str]) -> list[Place]:
    """All retired words in the files `paths` below `root`, in order."""
    found: list[Place] = []
    for path in paths:
        if any(skipped in path for skipped in SKIPPED):
            continue
        found += in_name(path, 0, path)
        source = (root / path).read_text(encoding="utf-8")
        if path.endswith(".py"):
            found += in_python(path, source)
        elif path.endswith(".md"):
            found += in_document(path, source)
        elif path.startswith("templates/"):
            found += in_template(path, source)
    return sorted(set(found))


def without_exceptions(
    found: Iterable[Place], exceptions: Iterable[tuple[str, str, str]]
) -> tuple[list[Place], list[str]]:
    """What no exception allows, and the exceptions that allow nothing."""
    left, used = [], set()
    table = [(path, word) for path, word, _ in exceptions]
    for one in found:
        rows = [
            (path, word)
            for path, word in table
            if word == one.word and (one.path == path or (path.endswith("/") and one.path.startswith(path)))
        ]
        used.update(rows)
        if not rows:
            left.append(one)
    unused = [
        f"{path}: the exception for “{word}” is not needed"
        for path, word in table
        if (path, word) not in used
    ]
    return left, unused


def main() -> int:
    """Check the files that git knows; returns the exit code."""
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *FOLDERS],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [path for path in listed.stdout.split("\0") if path and (root / path).is_file()]
    left, unused = without_exceptions(check(root, paths), EXCEPTIONS)
    for line in [*map(str, left), *unused]:
        print(line)
    return 1 if left or unused else 0


if __name__ == "__main__":
    sys.exit(main())
