"""Whose mail gets credit at Exchange Online, as PowerShell: transport rules that end by themselves.

Rules, since each has an end of its own and `-SenderDomainIs` would match subdomains as well. An entry is in an
audit rule first, where it only leaves a mark; after two days the next release moves it to a rule that is enforced.
The script is run whole: it makes or changes the rules that it names, and removes those of its name that it does not.

Quoting (about_Quoting_Rules): in single quotes only a single quote means something, and PowerShell takes the four
typographic ones for it too; each is doubled.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import NOTHING_HELD, Entry, Export, Held, LintError
from portal.lib.text import ascii_word, one_line
from portal.standards.clauses import current_edition
from whitelist.exports import InForce, entries_in_force, entry_pattern
from whitelist.models import EntryKind

APPLY, REMOVE = "techmail_rules.ps1", "techmail_remove_all.ps1"
PREFIX = "TechMail allow"
AUDIT_DAYS = 2
"""How many days an entry is watched before it counts."""
MOST_RULES = 250
"""Exchange Online takes 300 rules of an organization, others' included."""
MOST_RULE_CHARACTERS = 7_500
"""It takes 8 KB a rule; the rest is for the condition and the actions."""
MOST_COMMENT_CHARACTERS = 1_000
_SPANS = (1, 7, 31)
_QUOTES = "'\u2018\u2019\u201a\u201b"
_PROVEN = r"dkim=pass[^;]*;\s*dmarc=pass"
"""DMARC passed, and a DKIM signature with it (WHT-3), as Exchange Online writes it in Authentication-Results."""
_SET = (
    "if (Get-TransportRule -Identity $name -ErrorAction SilentlyContinue) "
    "{ Set-TransportRule -Identity $name @rule } else { New-TransportRule -Name $name @rule }"
)


@dataclass(frozen=True)
class EntryRow:
    """One pattern, under which grants, until when, and whether it is only watched."""

    pattern: str
    grants: tuple[str, ...]
    ends_on: date
    is_audited: bool


@dataclass(frozen=True)
class Rule:
    """One transport rule."""

    name: str
    mode: str
    rows: tuple[EntryRow, ...]

    @property
    def ends_on(self) -> date:
        """The first of the rows' last days."""
        return min(row.ends_on for row in self.rows)

    @property
    def comment(self) -> str:
        """The grants, as many as the comment takes."""
        words = list(dict.fromkeys(grant for row in self.rows for grant in row.grants))
        while len(" ".join(words)) > MOST_COMMENT_CHARACTERS:
            words = [*words[:-2], "..."]
        return " ".join(words)


def quoted(text: str) -> str:
    """The text as one PowerShell string in which nothing is expanded."""
    doubled = "".join(char * 2 if char in _QUOTES else char for char in one_line(text))
    return f"'{doubled}'"


class ExchangeOnline:
    """The Exchange Online target: a script that brings the rules up to date, and one that removes them all."""

    key = "exchange"
    label = "Exchange Online (transport rules)"
    kind = "whitelist"

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """Both scripts for `day`. Raises LintError where the rules are too many."""
        live = _with_kept(entries_in_force(day), held)
        rules = _rules(_rows(live, day))
        entries = tuple(Entry(entry.grant, entry.value, entry.ends_on) for entry in live)
        return Export({APPLY: _script(rules), REMOVE: _removal()}, entries)

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """What is written of `references`."""
        found: dict[str, list[InForce]] = defaultdict(list)
        for entry in entries_in_force(day, references):
            found[entry.grant].append(entry)
        yield from found.items()

    def lint(self, folder: Path) -> None:
        """Every line is of a form that this module writes. Raises LintError."""
        lint_script((folder / APPLY).read_text(encoding="utf-8"))
        lint_script((folder / REMOVE).read_text(encoding="utf-8"))


def _with_kept(live: list[InForce], held: Held) -> list[InForce]:
    """The entries, those of held permissions as they were kept."""
    kept = [
        InForce(grant, value, kind, date.fromisoformat(starts_on), date.fromisoformat(ends_on), is_open)
        for _, own in sorted(held.kept.items())
        for grant, value, kind, starts_on, ends_on, is_open in own
    ]
    return [entry for entry in live if entry.grant not in held] + kept


def _rows(live: Iterable[InForce], day: date) -> list[EntryRow]:
    found: dict[str, list[InForce]] = {}
    for entry in live:
        found.setdefault(_pattern(entry.kind, entry.value, entry.grant), []).append(entry)
    return [
        EntryRow(
            pattern,
            tuple(entry.grant for entry in entries),
            max(_last_day(entry, day) for entry in entries),
            all(entry.starts_on + timedelta(days=AUDIT_DAYS) > day for entry in entries),
        )
        for pattern, entries in found.items()
    ]


def _last_day(entry: InForce, day: date) -> date:
    # A renewal that is not decided holds a grant open past its term: a day at a time.
    return max(entry.ends_on, day + timedelta(days=1)) if entry.is_held_open else entry.ends_on


def _pattern(kind: str, value: str, grant: str = "") -> str:
    """A regular expression for exactly this address, or for every address of exactly this domain."""
    if not entry_pattern(EntryKind(kind)).fullmatch(value):
        raise LintError(f"{value[:80]!r} cannot stand in a script.", grant=grant)
    plain = re.sub(r"[.+]", r"\\\g<0>", value)
    return f"^{plain}$" if kind == EntryKind.ADDRESS else f"^[^@]+@{plain}$"


def _rules(rows: Iterable[EntryRow]) -> list[Rule]:
    """Rules of one last day each; where those are too many, of a week's last days, or a month's.

    Such a rule ends with the first of its days, and each night's script gives it the next one.
    """
    ordered = sorted(rows, key=lambda row: (row.is_audited, row.ends_on, row.pattern))
    batches: list[list[EntryRow]] = []
    for days in _SPANS:
        batches = _batches(ordered, days)
        if len(batches) <= MOST_RULES:
            return list(_named(batches))
    raise LintError(f"{len(batches)} transport rules would be needed; Exchange Online takes 300 in all.")


def _batches(ordered: Iterable[EntryRow], days: int) -> list[list[EntryRow]]:
    batches: list[list[EntryRow]] = []
    key, size = (False, -1), 0
    for row in ordered:
        own, more = (row.is_audited, row.ends_on.toordinal() // days), len(quoted(row.pattern)) + 1
        if own != key or size + more > MOST_RULE_CHARACTERS:
            batches.append([])
            key, size = own, MOST_COMMENT_CHARACTERS
        batches[-1].append(row)
        size += more
    return batches


def _named(batches: Sequence[Sequence[EntryRow]]) -> Iterator[Rule]:
    counted: dict[str, int] = {}
    for batch in batches:
        stem = f"{PREFIX} {batch[0].ends_on:%Y-%m-%d} {'audit' if batch[0].is_audited else 'enforced'}"
        counted[stem] = counted.get(stem, 0) + 1
        mode = "AuditAndNotify" if batch[0].is_audited else "Enforce"
        yield Rule(f"{stem} {counted[stem]:02}", mode, tuple(batch))


def _script(rules: Sequence[Rule]) -> str:
    lines = [*_head("Brings the transport rules up to date"), "$wanted = @()"]
    for rule in rules:
        lines += _rule(rule)
    lines.append(_remove("-and $wanted -cnotcontains $_.Name "))
    return "\n".join(lines) + "\n"


def _removal() -> str:
    return "\n".join([*_head("Removes every transport rule of the portal"), _remove("")]) + "\n"


def _head(what: str) -> list[str]:
    return [
        f"# {what}; run it after Connect-ExchangeOnline",
        f"# serial={SERIAL} policy={ascii_word(current_edition().id)}; written by the portal, not by hand",
        "$ErrorActionPreference = 'Stop'",
    ]


def _rule(rule: Rule) -> list[str]:
    return [
        f"$name = {quoted(rule.name)}",
        "$wanted += $name",
        "$rule = @{",
        f"  Mode = {quoted(rule.mode)}",
        f"  FromAddressMatchesPatterns = @({','.join(quoted(row.pattern) for row in rule.rows)})",
        "  SenderAddressLocation = 'Header'",
        "  HeaderMatchesMessageHeader = 'Authentication-Results'",
        f"  HeaderMatchesPatterns = @({quoted(_PROVEN)})",
        "  SetSCL = -1",
        # The cast reads ISO 8601 everywhere; a bare string is read by the machine's own short form.
        f"  ExpiryDate = [datetime]'{rule.ends_on:%Y-%m-%d}T23:59:00'",
        f"  Comments = {quoted(rule.comment)}",
        "}",
        _SET,
    ]


def _remove(unless: str) -> str:
    return (
        f"Get-TransportRule | Where-Object {{ $_.Name -clike '{PREFIX} *' {unless}}} | "
        "Remove-TransportRule -Confirm:$false"
    )


# ---------------------------------------------------------------- lint
_STRING = rf"'(?:[^{_QUOTES}\r\n]|[{_QUOTES}]{{2}})*'"
_FORMS = re.compile(
    "|".join(
        [
            r"#[ -~]*",
            r"\$ErrorActionPreference = 'Stop'",
            r"\$wanted = @\(\)",
            r"\$wanted \+= \$name",
            r"\$rule = @\{",
            r"\}",
            rf"\$name = {_STRING}",
            rf"  (?:Mode|SenderAddressLocation|HeaderMatchesMessageHeader|Comments) = {_STRING}",
            rf"  (?:FromAddressMatchesPatterns|HeaderMatchesPatterns) = @\({_STRING}(?:,{_STRING})*\)",
            r"  SetSCL = -1",
            r"  ExpiryDate = \[datetime\]'\d{4}-\d\d-\d\dT23:59:00'",
            re.escape(_SET),
            re.escape(_remove("")),
            re.escape(_remove("-and $wanted -cnotcontains $_.Name ")),
        ]
    )
)


def lint_script(text: str) -> None:
    """Every line of a known form, no rule too long, no name twice. Raises LintError."""
    names = set()
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        if not _FORMS.fullmatch(line):
            raise LintError(f"Line {number} is malformed: {line[:80]!r}")
        if len(line) > MOST_RULE_CHARACTERS + 100:
            raise LintError(f"Line {number} is longer than Exchange Online takes.")
        if line.startswith("$name = "):
            if line in names:
                raise LintError(f"Line {number}: the same rule stands twice.")
            names.add(line)
