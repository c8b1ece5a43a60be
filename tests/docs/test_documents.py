"""What the documents name exists: commands, variables, files, links, pictures; and the drawing is that of the contracts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from portal.env import Environment
from scripts.draw_apps import drawing, with_drawing
from scripts.screenshots import LARGEST_BYTES, PICTURES
from scripts.tasks import COMMANDS, packages

ROOT = Path(settings.BASE_DIR)
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PRESENT = [page for page in PAGES if page.parent.name != "decisions"]
"""Without the decisions: those tell of their day."""
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(
    r"`((?:portal|relay|senders|whitelist|campaigns|templates|tests|scripts|docs)/[\w./-]+)`"
)
MADE_BY_READERS = {"tests/maillists/"}
"""Named in CONTRIBUTING, where it says what to add with a kind."""
TABLE_CELL = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def heading_ids(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_column(page: str) -> Iterator[str]:
    """The words in backticks in the first column of a page's tables."""
    for cell in TABLE_CELL.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        yield from re.findall(r"`([^`]+)`", cell)


def own_commands() -> set[str]:
    """The commands of the project's apps."""
    ours = set(packages()) - {"tests"}
    return {name for name, app in get_commands().items() if app.partition(".")[0] in ours}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), f"{named(page)} links to {target}"
        if anchor:
            assert anchor in heading_ids(linked), f"{named(page)} links to {target}"


@pytest.mark.parametrize("page", PRESENT, ids=named)
def test_every_file_that_is_named_exists(page: Path) -> None:
    paths = set(NAMED_FILE.findall(page.read_text(encoding="utf-8"))) - MADE_BY_READERS
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert not missing, named(page)


@pytest.mark.parametrize("page", PRESENT, ids=named)
def test_every_command_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    asked = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert asked <= set(get_commands()), named(page)
    made = set(re.findall(r"(?:`|^    )make ([a-z]+)", text, re.MULTILINE))
    assert made <= set(COMMANDS) | {"clean"}, named(page)


def test_the_commands_page_has_every_command_and_no_other() -> None:
    assert {words.split()[0] for words in first_column("commands.md")} == own_commands()


def test_the_configuration_page_has_every_variable_and_no_other() -> None:
    assert set(first_column("configuration.md")) == set(Environment.model_fields)


def test_every_make_target_is_one_of_the_script() -> None:
    (targets,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(targets.split()) == set(COMMANDS) | {"clean"}


def test_pictures_are_those_that_the_script_takes_and_the_readme_shows() -> None:
    pictures = {f"docs/img/{picture.name}.webp" for picture in PICTURES}
    shown = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert pictures == shown == {named(path) for path in (ROOT / "docs" / "img").iterdir()}
    for path in pictures:
        assert (ROOT / path).stat().st_size <= LARGEST_BYTES, path


def test_the_walk_through_the_code_names_what_there_is() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\| .*?\| `([\w/]+\.py)` \| `(\w+)` \|$", text, re.MULTILINE)
    assert len(steps) == text.count("` | `"), "a row of the walk is not read by this test"
    for path, name in steps:
        defined = re.compile(rf"^\s*(?:def|class) {name}\b|^{name}\b.*=", re.MULTILINE)
        assert defined.search((ROOT / path).read_text(encoding="utf-8")), f"{path} has no {name}"


# ---------------------------------------------------------------- the architecture
def test_the_architecture_draws_the_contracts_of_today() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert with_drawing(page, (ROOT / "pyproject.toml").read_text(encoding="utf-8")) == page


def test_a_drawing_has_every_layer_its_libraries_and_its_exceptions() -> None:
    drawn = drawing("""
[[tool.importlinter.contracts]]
type = "layers"
layers = ["portal.grants | portal.samples", "portal.lib"]
ignore_imports = ["portal.samples.* -> portal.grants.*"]

[[tool.importlinter.contracts]]
type = "forbidden"
source_modules = ["portal.lib"]
forbidden_modules = ["portal.grants"]
""")
    assert drawn.splitlines()[2:] == [
        '    kinds["each kind of request, a folder at the top"] --> layer1',
        '    subgraph layer1[" "]',
        "        direction LR",
        '        portal_grants["portal.grants"]',
        '        portal_samples["portal.samples"]',
        "    end",
        '    subgraph layer2[" "]',
        "        direction LR",
        '        portal_lib(["portal.lib"])',
        "    end",
        "    layer1 --> layer2",
        "    portal_samples -.-> portal_grants",
        "```",
    ]


def test_a_drawing_needs_its_marks_and_layers() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_drawing("nothing here", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="layers"):
        drawing("[tool.importlinter]\ncontracts = []")


def test_every_app_is_in_a_layer_and_in_the_table_of_apps() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layers = drawing((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for package in (ROOT / "portal").glob("*/__init__.py"):
        name = package.parent.name
        assert f'"portal.{name}"' in layers, name
        assert f"| `portal/{name}` |" in page, name
