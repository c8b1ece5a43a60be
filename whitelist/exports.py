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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.db.models import QuerySet

from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import Entry, Export, LintError
from portal.grants.models import Grant
from portal.lib.text import ascii_word, one_line
from portal.mailauth.organizational import by_public_suffix
from portal.standards.clauses import current_edition
from whitelist.entries import domain_of
from whitelist.models import EntryKind, WhitelistPermission

ADDRESSES = "allow_addr.map"
DOMAINS = "wl_domains.map"
RSPAMD_CONF = "multimap.conf"
SPAMASSASSIN_CONF = "techmail_welcomelist.cf"
_LINT_SECONDS = 60

_NAME = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(_NAME)
_ADDRESS = re.compile(rf"[a-z0-9_+=.-]{{1,64}}@{_NAME}")
_WELCOME = re.compile(rf"welcomelist_from_dkim (?:\*|[a-z0-9_+=.-]{{1,64}})@{_NAME}(?: {_NAME})?")


@dataclass(frozen=True)
class Row:
    """One entry in force: its value, the grants it stands under, and the latest of their last days."""

    value: str
    grants: tuple[str, ...]
    note: str


def permissions_in_force(day: date) -> QuerySet[WhitelistPermission]:
    """The whitelist permissions in force on `day`, with their entries."""
    grants = Grant.objects.in_force(day).filter(kind="whitelist")
    return (
        WhitelistPermission.objects.filter(grant__in=grants)
        .select_related("grant__owner")
        .prefetch_related("entries")
        .order_by("grant__reference")
    )


def _rows(live: Iterable[WhitelistPermission], kind: EntryKind) -> list[Row]:
    """The entries of one sort, each value once, sorted."""
    found: dict[str, list[Grant]] = {}
    for permission in live:
        for entry in permission.entries.all():
            if entry.kind == kind:
                found.setdefault(_safe(entry.value, kind), []).append(permission.grant)
    return [
        Row(value, tuple(grant.reference for grant in grants), "; ".join(_note(grant) for grant in grants))
        for value, grants in sorted(found.items())
    ]


def entry_pattern(kind: EntryKind) -> re.Pattern[str]:
    """What an entry of this sort looks like, in full."""
    return _ADDRESS if kind == EntryKind.ADDRESS else _DOMAIN


def _safe(value: str, kind: EntryKind) -> str:
    """The value, which is exact by now; LintError for one that a map would read as something else."""
    if not entry_pattern(kind).fullmatch(value):
        raise LintError(f"{value[:80]!r} cannot stand in a map.")
    return value


def _note(grant: Grant) -> str:
    return (
        f"{ascii_word(grant.reference)} owner={ascii_word(grant.owner.email)} ends={grant.ends_on:%Y-%m-%d}"
    )


def _entries(live: Iterable[WhitelistPermission]) -> tuple[Entry, ...]:
    return tuple(
        Entry(permission.grant.reference, entry.value, permission.grant.ends_on)
        for permission in live
        for entry in permission.entries.all()
    )


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

    def render(self, *, day: date, install_path: str) -> Export:
        """The maps for `day`."""
        live = list(permissions_in_force(day))
        files = {
            ADDRESSES: _map("Addresses with credit, as in From", _rows(live, EntryKind.ADDRESS)),
            DOMAINS: _map("Domains with credit, exactly as in From", _rows(live, EntryKind.DOMAIN)),
            RSPAMD_CONF: _multimap(install_path),
        }
        return Export(files, _entries(live))

    def lint(self, folder: Path) -> None:
        """Every line a comment or one value, each value once. Raises LintError."""
        lint_map((folder / ADDRESSES).read_text(encoding="utf-8"), _ADDRESS)
        lint_map((folder / DOMAINS).read_text(encoding="utf-8"), _DOMAIN)


def _map(what: str, rows: Iterable[Row]) -> str:
    lines = _head(what)
    for row in rows:
        lines += [f"# {row.note}", row.value]
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

    def render(self, *, day: date, install_path: str) -> Export:
        """The file for `day`; it lies in SpamAssassin's own folder, so `install_path` does not appear in it."""
        live = list(permissions_in_force(day))
        lines = _head("Put this beside local.cf, then reload spamd or amavis; network tests must be on")
        for row in _rows(live, EntryKind.ADDRESS):
            lines += [f"# {row.note}", *_welcome(row.value, domain_of(row.value))]
        for row in _rows(live, EntryKind.DOMAIN):
            lines += [f"# {row.note}", *_welcome(f"*@{row.value}", row.value)]
        return Export({SPAMASSASSIN_CONF: _text(lines)}, _entries(live))

    def lint(self, folder: Path) -> None:
        """Our own parser over every line, then SpamAssassin itself where it is installed. Raises LintError."""
        lint_spamassassin((folder / SPAMASSASSIN_CONF).read_text(encoding="utf-8"))
        installed = shutil.which("spamassassin")
        if installed:
            _ask_spamassassin(installed, folder / SPAMASSASSIN_CONF)


def _welcome(pattern: str, domain: str) -> Iterator[str]:
    yield f"welcomelist_from_dkim {pattern}"
    # Without a second word only the author's very domain counts. DMARC takes a signature of the organizational
    # domain as well (relaxed alignment, RFC 9989 section 4.4.1), and vendors sign so.
    owner = by_public_suffix(domain)
    if owner != domain:
        yield f"welcomelist_from_dkim {pattern} {owner}"


def _ask_spamassassin(installed: str, path: Path) -> None:
    """Let SpamAssassin read the file, without the network (-L). Raises LintError with what it complains about."""
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
