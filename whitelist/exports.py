"""Whose mail gets credit against the content filter, for rspamd and for SpamAssassin.

Credit, never acceptance (WHT-0): neither target skips the virus scanner or a reject. Both ask for proof that
the mail is the vendor's (WHT-3): rspamd for a DMARC pass with a DKIM signature (require_symbols of multimap),
SpamAssassin for a DKIM signature of the author's domain (Mail::SpamAssassin::Plugin::DKIM).

The domains go to rspamd's multimap and not to its whitelist module: that module looks up the organizational
domain first (src/plugins/lua/whitelist.lua), so that an entry for vendor.example would let in every name below.
"""

import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from django.db.models import QuerySet

from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import NOTHING_HELD, Entry, Export, Held, LintError
from portal.grants.models import Grant
from portal.lib import gc_pause
from portal.lib.text import ascii_word, one_line
from portal.mailauth.organizational import by_public_suffix
from portal.standards.clauses import current_edition
from whitelist.entries import domain_of
from whitelist.models import EntryKind, PermittedEntry

ADDRESSES = "allow_addr.map"
DOMAINS = "wl_domains.map"
RSPAMD_CONF = "multimap.conf"
SPAMASSASSIN_CONF = "techmail_welcomelist.cf"
_LINT_SECONDS = 60
_CHUNK = 5000

_NAME = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(_NAME)
_ADDRESS = re.compile(rf"[a-z0-9_+=.-]{{1,64}}@{_NAME}")
_WELCOME = re.compile(rf"welcomelist_from_dkim (?:\*|[a-z0-9_+=.-]{{1,64}})@{_NAME}(?: {_NAME})?")


class InForce(NamedTuple):
    """One entry of a grant in force."""

    grant: str
    value: str
    kind: str
    starts_on: date
    ends_on: date
    is_held_open: bool
    """Whether a renewal that is not decided yet keeps the grant past its term."""


def _in_force(day: date, references: Collection[str] | None = None) -> QuerySet[PermittedEntry]:
    grants = Grant.objects.in_force(day).filter(kind="whitelist")
    if references is not None:
        grants = grants.filter(reference__in=references)
    rows = PermittedEntry.objects.filter(permission__grant__in=grants)
    return rows.order_by("permission__grant__reference", "kind", "value")


def entries_in_force(day: date, references: Collection[str] | None = None) -> list[InForce]:
    """The entries of the whitelist grants in force on `day`, by grant; of `references` alone, where given."""
    rows = _in_force(day, references).values_list(
        "permission__grant__reference",
        "value",
        "kind",
        "permission__grant__starts_on",
        "permission__grant__ends_on",
        "permission__grant__held_open_by_id",
    )
    return [InForce._make((*facts, holder is not None)) for *facts, holder in rows.iterator(_CHUNK)]


@dataclass
class Standing:
    """What both content filters are told: by value the remark above it, and what the manifest lists."""

    addresses: dict[str, str] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)


_Row = tuple[str, str, str, str, date]
_COLUMNS = (
    "value",
    "kind",
    "permission__grant__reference",
    "permission__grant__owner__email",
    "permission__grant__ends_on",
)


def facts_of(day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
    """What both content filters are told of `references`: their rows."""
    found: dict[str, list[_Row]] = defaultdict(list)
    for row in _in_force(day, references).values_list(*_COLUMNS):
        found[row[2]].append(row)
    yield from found.items()


def _with_kept(rows: Iterable[_Row], held: Held) -> Iterable[_Row]:
    """The rows, those of held permissions as they were kept."""
    if not held:
        return rows
    kept = (
        (value, kind, reference, owner, date.fromisoformat(ends_on))
        for _, own in sorted(held.kept.items())
        for value, kind, reference, owner, ends_on in own
    )
    return chain((row for row in rows if row[2] not in held), kept)


def standing(day: date, held: Held = NOTHING_HELD) -> Standing:
    """The entries in force on `day`. Raises LintError for one that a map would read as something else.

    One pass over one query, fetched whole (40 MB for a hundred thousand): a cursor on the server takes half as
    long again.
    """
    found, words = Standing(), _Words()
    is_address, is_domain = (entry_pattern(kind).fullmatch for kind in (EntryKind.ADDRESS, EntryKind.DOMAIN))
    rows = _in_force(day).values_list(*_COLUMNS)
    for value, kind, reference, owner, ends_on in _with_kept(rows, held):
        is_exact, notes = (
            (is_address, found.addresses) if kind == EntryKind.ADDRESS else (is_domain, found.domains)
        )
        if not is_exact(value):
            raise LintError(f"{value[:80]!r} cannot stand in a map.", grant=reference)
        note = f"{words[reference]} owner={words[owner]} ends={ends_on.isoformat()}"
        notes[value] = f"{notes[value]}; {note}" if value in notes else note
        found.entries.append(Entry(reference, value, ends_on))
    return found


class _Words(dict[str, str]):
    """Each text as one word of ASCII, worked out once."""

    def __missing__(self, text: str) -> str:
        self[text] = ascii_word(text)
        return self[text]


def entry_pattern(kind: EntryKind) -> re.Pattern[str]:
    """What an entry of this sort looks like, in full."""
    return _ADDRESS if kind == EntryKind.ADDRESS else _DOMAIN


def _head(what: str) -> list[str]:
    return [
        f"# {what}",
        f"# serial={SERIAL} policy={ascii_word(current_edition().id)}; written by the portal, not by hand",
    ]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- rspamd
class Rspamd:
    """The rspamd target: two maps, and the multimap rules that read them."""

    key = "rspamd"
    label = "rspamd (content filter)"
    kind = "whitelist"

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """The maps for `day`."""
        with gc_pause.paused():
            live = standing(day, held)
        files = {
            ADDRESSES: _map("Addresses with credit, as in From", live.addresses),
            DOMAINS: _map("Domains with credit, exactly as in From", live.domains),
            RSPAMD_CONF: _multimap(install_path),
        }
        return Export(files, tuple(live.entries))

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """What is written of `references`."""
        return facts_of(day, references)

    def lint(self, folder: Path) -> None:
        """Every line a comment or one value, each value once. Raises LintError."""
        lint_map((folder / ADDRESSES).read_text(encoding="utf-8"), _ADDRESS)
        lint_map((folder / DOMAINS).read_text(encoding="utf-8"), _DOMAIN)


def _map(what: str, notes: Mapping[str, str]) -> str:
    lines = _head(what)
    lines += [f"# {notes[value]}\n{value}" for value in sorted(notes)]
    return _text(lines)


def _multimap(install_path: str) -> str:
    path = _quoted(install_path)
    lines = _head("Put this into local.d/multimap.conf; rspamd reads the maps anew by itself")
    for symbol, part, name, score, what in (
        ("TECHMAIL_ALLOW_ADDR", "email", ADDRESSES, -6.0, "Approved address"),
        ("TECHMAIL_ALLOW_DOMAIN", "email:domain", DOMAINS, -4.0, "Approved domain"),
    ):
        lines += [
            f"{symbol} {{",
            '  type = "from";',
            '  extract_from = "mime";',
            f'  filter = "{part}";',
            f'  map = "{path}/{name}";',
            '  require_symbols = "DMARC_POLICY_ALLOW & R_DKIM_ALLOW";',
            f"  score = {score};",
            f'  description = "{what}: credit against the content filter only";',
            "}",
        ]
    return _text(lines)


def _quoted(path: str) -> str:
    """The path inside a quoted UCL string."""
    return one_line(path).replace("\\", "\\\\").replace('"', '\\"')


# ---------------------------------------------------------------- SpamAssassin
class SpamAssassin:
    """The SpamAssassin target: one file of welcomelist_from_dkim lines, for 4.0 and later."""

    key = "spamassassin"
    label = "SpamAssassin (content filter)"
    kind = "whitelist"

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """The file for `day`; it lies in SpamAssassin's own folder, so `install_path` does not appear in it."""
        with gc_pause.paused():
            live = standing(day, held)
        lines = _head("Put this beside local.cf, then reload spamd or amavis; network tests must be on")
        for address in sorted(live.addresses):
            lines += [f"# {live.addresses[address]}", *_welcome(address, domain_of(address))]
        for domain in sorted(live.domains):
            lines += [f"# {live.domains[domain]}", *_welcome(f"*@{domain}", domain)]
        return Export({SPAMASSASSIN_CONF: _text(lines)}, tuple(live.entries))

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """What is written of `references`."""
        return facts_of(day, references)

    def lint(self, folder: Path) -> None:
        """Our own parser over every line, then SpamAssassin itself where it is installed. Raises LintError."""
        text = (folder / SPAMASSASSIN_CONF).read_text(encoding="utf-8")
        lint_spamassassin(text)
        installed = shutil.which("spamassassin")
        if installed:
            _ask_spamassassin(installed, "".join(line for line in text.splitlines(True) if line[0] != "#"))


def _welcome(pattern: str, domain: str) -> Iterator[str]:
    yield f"welcomelist_from_dkim {pattern}"
    # Without a second word only the author's very domain counts. DMARC takes a signature of the organizational
    # domain as well (relaxed alignment, RFC 9989 section 4.4.1), and vendors sign so.
    owner = _organization(domain)
    if owner != domain:
        yield f"welcomelist_from_dkim {pattern} {owner}"


@lru_cache(maxsize=8192)
def _organization(domain: str) -> str:
    # A list of thousands names the same domains again and again.
    return by_public_suffix(domain)


@lru_cache(maxsize=2)
def _ask_spamassassin(installed: str, rules: str) -> None:
    """Let SpamAssassin read the rules, without the network (-L). Raises LintError with what it complains about.

    It takes seconds to start, and most publications are of other targets: rules that it took it takes again.
    """
    with tempfile.TemporaryDirectory(prefix="techmail-lint-") as folder:
        path = Path(folder) / SPAMASSASSIN_CONF
        path.write_text(rules, encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603 - our own file, no shell
                [installed, "--lint", "-L", f"--cf=include {path}"],
                capture_output=True,
                text=True,
                timeout=_LINT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LintError(f"spamassassin did not read {path.name} in {_LINT_SECONDS} seconds.") from None
    complaints = [line for line in done.stderr.splitlines() if path.name in line]
    if complaints:
        raise LintError(f"spamassassin: {one_line(complaints[0])}")


# ---------------------------------------------------------------- lint
def lint_map(text: str, pattern: re.Pattern[str]) -> None:
    """Every line a comment or one value that `pattern` takes, each value once. Raises LintError."""
    _lint(text, pattern)


def lint_spamassassin(text: str) -> None:
    """Every line a comment or a welcomelist_from_dkim of one sender. Raises LintError."""
    _lint(text, _WELCOME)


def _lint(text: str, pattern: re.Pattern[str]) -> None:
    known: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("#") or not line:
            continue
        if not pattern.fullmatch(line):
            raise LintError(f"Line {number} is malformed: {line[:80]!r}")
        if line in known:
            raise LintError(f"Line {number}: the same stands in line {known[line]}.")
        known[line] = number
