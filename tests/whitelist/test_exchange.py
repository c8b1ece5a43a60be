"""The scripts for Exchange Online: golden, read by a PowerShell parser, bounded, and closed to injection."""

import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
import tree_sitter_powershell
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser

from portal.enforcement.targets import LintError
from portal.grants.models import Grant
from portal.lib.text import one_line
from tests.cast import Cast, approve
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import ADDRESS, submitted
from whitelist import exchange
from whitelist.models import EntryKind, PermittedEntry

GOLDEN = Path(__file__).parent / "golden" / "exchange"
TODAY = "2026-11-23T12:00:00-06:00"
PARSER = Parser(Language(tree_sitter_powershell.language()))
QUOTES = "'\u2018\u2019\u201a\u201b"


def parsed(text: str) -> Node:
    tree = PARSER.parse(text.encode())
    assert not tree.root_node.has_error, text
    return tree.root_node


def nodes(node: Node, kind: str) -> list[Node]:
    found = [node] if node.type == kind else []
    return found + [hit for child in node.children for hit in nodes(child, kind)]


def words(text: str, kind: str) -> list[str]:
    return [(node.text or b"").decode() for node in nodes(parsed(text), kind)]


@pytest.fixture
def grant(names: DnsServer, cast: Cast) -> Grant:
    with time_machine.travel(TODAY, tick=True):
        return approve(cast, submitted(cast, addresses=("orders@mail.vendor.example", ADDRESS)))


def rendered(day: date) -> dict[str, str]:
    return dict(exchange.ExchangeOnline().render(day=day, install_path="/x").files)


@pytest.mark.django_db
@pytest.mark.parametrize("age", [0, exchange.AUDIT_DAYS])
def test_the_scripts_are_the_golden_ones_and_powershell_reads_them(
    grant: Grant, tmp_path: Path, age: int
) -> None:
    for name, text in rendered(grant.starts_on + timedelta(days=age)).items():
        golden = GOLDEN / f"day{age}" / name
        if os.environ.get("REWRITE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8"), (
            f"{golden} differs; REWRITE_GOLDEN=1 writes it anew"
        )
        (tmp_path / name).write_text(text, encoding="utf-8")
        parsed(text)
    exchange.ExchangeOnline().lint(tmp_path)


@pytest.mark.django_db
def test_an_entry_is_watched_first_then_counts_then_goes(grant: Grant) -> None:
    first, later = grant.starts_on, grant.starts_on + timedelta(days=exchange.AUDIT_DAYS)
    assert "'AuditAndNotify'" in rendered(first)[exchange.APPLY]
    assert "'Enforce'" not in rendered(first)[exchange.APPLY]
    assert "'Enforce'" in rendered(later)[exchange.APPLY]
    assert f"[datetime]'{grant.ends_on}T23:59:00'" in rendered(later)[exchange.APPLY]
    over = rendered(grant.ends_on + timedelta(days=1))[exchange.APPLY]
    assert "vendor" not in over
    assert "Remove-TransportRule" in over
    assert "$wanted -cnotcontains $_.Name" in over


@pytest.mark.django_db
def test_nothing_that_a_person_typed_leaves_its_string(grant: Grant) -> None:
    commands = set(words(rendered(grant.starts_on)[exchange.APPLY], "command_name"))
    assert commands == {
        "Get-TransportRule",
        "Set-TransportRule",
        "New-TransportRule",
        "Remove-TransportRule",
        "Where-Object",
    }
    for evil in (
        "a'; Remove-Mailbox x; '@b.example",
        "a\u2019; x@b.example",
        "a@b.example\nRemove-Mailbox x",
        "$(x)@b.example",
        "a`n@b.example",
    ):
        entry = PermittedEntry.objects.create(permission=grant.whitelist, kind=EntryKind.ADDRESS, value=evil)
        with pytest.raises(LintError):
            rendered(grant.starts_on)
        entry.delete()
    Grant.objects.filter(pk=grant.pk).update(reference="W'\u2019; Remove-X x")
    script = rendered(grant.starts_on)[exchange.APPLY]
    exchange.lint_script(script.replace("\u2019", "'"))
    assert "Comments = 'W''\u2019\u2019; Remove-X x'" in script
    exchange.lint_script(script)


def read_string(source: str) -> tuple[str, str]:
    """A PowerShell string in single quotes and what follows it, by the rules of its tokenizer (ScanStringLiteral):

    any of five characters opens it, any closes it, and two in a row stand for the second.
    """
    assert source[0] in QUOTES
    value, at = "", 1
    while True:
        char = source[at]
        if char in QUOTES:
            if at + 1 < len(source) and source[at + 1] in QUOTES:
                at += 1
            else:
                return value, source[at + 1 :]
        value, at = value + source[at], at + 1


@given(st.text(st.sampled_from([*QUOTES, "a", " ", "$", "`", '"', ";", "\n", "\x00", "\u2028", ")"])))
def test_whatever_the_text_the_string_ends_where_it_should(text: str) -> None:
    value, rest = read_string(exchange.quoted(text) + ";next")
    assert rest == ";next"
    assert value == one_line(text)


@given(st.text(st.characters(codec="ascii")))
def test_the_parser_takes_any_ascii_text_for_one_string(text: str) -> None:
    root = parsed(f"$a = {exchange.quoted(text)}")
    found = nodes(root, "verbatim_string_characters")
    assert len(found) == 1
    assert (found[0].text or b"").decode() == exchange.quoted(text)


def many(count: int, ends_on: date, *, audited: bool = False) -> list[exchange.EntryRow]:
    return [
        exchange.EntryRow(
            rf"^notices{n:05}@vendor-with-a-long-name\.example$", (f"TM-W-{n:05}",), ends_on, audited
        )
        for n in range(count)
    ]


def test_rules_stay_within_the_limits_and_do_not_depend_on_the_order(settings: Any) -> None:
    day = date(2027, 5, 31)
    rows = many(2_000, day) + many(10, day, audited=True) + many(10, day + timedelta(days=1))
    rules = exchange._rules(rows)
    assert rules == exchange._rules(rows[::-1])
    assert sum(len(rule.rows) for rule in rules) == len(rows)
    assert len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        assert len("\n".join(exchange._rule(rule)).encode()) - len(exchange._SET) < 8 * 1024
        assert len(rule.comment) <= 1024
        assert len({(row.ends_on, row.is_audited) for row in rule.rows}) == 1
    spread = exchange._rules([row for n in range(400) for row in many(1, day + timedelta(days=n))])
    assert len(spread) <= exchange.MOST_RULES
    assert all(row.ends_on >= rule.ends_on for rule in spread for row in rule.rows)
    with pytest.raises(LintError, match="takes 300"):
        exchange._rules([row for n in range(251) for row in many(1, day + timedelta(days=31 * n))])


@pytest.mark.parametrize(
    "line",
    [
        "Remove-Mailbox x",
        "$name = 'a'; x",
        "$name = 'a'b'",
        "  Comments = 'a\u2019; x'",
        "}; x",
        "  SetSCL = -2",
        "  FromAddressMatchesPatterns = @('a',$(x))",
        '$name = "$(x)"',
    ],
)
def test_lint_knows_its_own_forms_alone(line: str) -> None:
    exchange.lint_script("# fine\n$name = 'a''b'\n")
    with pytest.raises(LintError):
        exchange.lint_script(f"{line}\n")


def test_a_domain_lets_in_itself_and_nothing_below_it() -> None:
    pattern = re.compile(exchange._pattern(EntryKind.DOMAIN, "vendor.example"))
    assert pattern.search("a@vendor.example")
    for other in ("a@sub.vendor.example", "a@vendorxexample", "a@vendor.example.org", "a@b@vendor.example"):
        assert not pattern.search(other)
