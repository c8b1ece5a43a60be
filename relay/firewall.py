"""Who may reach the mail relay, for the firewall at the border: one CSV that a rule's address list is made from.

A row is one network of one grant. Every cell is one line, and none begins as a formula does, since people open such
files in spreadsheets (OWASP, CSV injection).
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from ipaddress import ip_network
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from portal.enforcement.targets import NOTHING_HELD, Entry, Export, Held, LintError
from portal.grants.models import Grant
from portal.lib import gc_pause
from portal.lib.text import ascii_word, csv_cell
from relay.models import PermittedAddress

CLIENTS = "smtp_clients.csv"
COLUMNS = ("grant", "network", "ports", "ends_on", "host", "owner")
PORTS = "25 587"
"""SMTP and submission (RFC 5321 section 4.5.4.2, RFC 6409 section 3.1)."""


class Firewall:
    """The firewall target: one CSV of networks with their grant and last day."""

    key = "firewall"
    label = "Firewall (who may reach the relay)"
    kind = "relay"

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """The list for `day`. It names no other file, so `install_path` does not appear in it."""
        lines, entries, last = [",".join(COLUMNS)], list[Entry](), ("", "")
        with gc_pause.paused():
            for reference, network, ends_on, hostname, owner, sender in _with_kept(
                _written(_pairs(day)), held
            ):
                if sender is not None:  # As every target's entries of the relay: each address as each sender.
                    entries.append(Entry(reference, f"{network} {sender}", ends_on))
                if last != (reference, network):
                    last = (reference, network)
                    lines.append(_line(reference, network, PORTS, ends_on.isoformat(), hostname, owner))
        return Export({CLIENTS: "\n".join(lines) + "\n"}, tuple(entries))

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """What is written of `references`: their rows."""
        rows = _pairs(day).filter(permission__grant__reference__in=references)
        for reference, own in groupby(_written(rows), key=itemgetter(0)):
            yield reference, list(own)

    def lint(self, folder: Path) -> None:
        """Every row has its cells, a network, a day, and nothing that a spreadsheet computes. Raises LintError."""
        lint_clients((folder / CLIENTS).read_text(encoding="utf-8"))


_Pair = tuple[str, str, date, str, str, str | None]


def _with_kept(pairs: Iterable[_Pair], held: Held) -> Iterable[_Pair]:
    """The pairs, those of held permissions as they were kept."""
    if not held:
        return pairs
    kept = (
        (reference, network, date.fromisoformat(ends_on), hostname, owner, sender)
        for _, rows in sorted(held.kept.items())
        for reference, network, ends_on, hostname, owner, sender in rows
    )
    return chain((pair for pair in pairs if pair[0] not in held), kept)


def _written(rows: Iterable[tuple[Any, ...]]) -> Iterator[_Pair]:
    """The rows, with each network in CIDR form."""
    for reference, network, ends_on, hostname, owner, sender in rows:
        yield reference, str(network), ends_on, hostname, owner, sender


def _pairs(day: date) -> "QuerySet[PermittedAddress, Any]":
    """Each network in force on `day` with each of its senders, by grant; with the last day, host and owner."""
    grants = Grant.objects.in_force(day).filter(kind="relay")
    about = "permission__grant__"
    columns = (
        f"{about}reference",
        "network",
        f"{about}ends_on",
        "permission__hostname",
        f"{about}owner__email",
        "permission__senders__address",
    )
    rows = PermittedAddress.objects.filter(permission__grant__in=grants)
    return rows.order_by(columns[0], "network", columns[-1]).values_list(*columns)


_PLAIN = re.compile(r"[A-Za-z0-9][!#-+\-.-~]*(?:,[A-Za-z0-9][!#-+\-.-~]*(?: [!#-+\-.-~]+)*){5}")


def _line(*cells: str) -> str:
    """The cells as one line of CSV. Nearly all are plain words, which stand as they are."""
    line = ",".join(cells)
    if _PLAIN.fullmatch(line) and "  " not in line:
        return line
    text = io.StringIO()
    name, *others = cells
    csv.writer(text, lineterminator="").writerow([csv_cell(ascii_word(name)), *map(csv_cell, others)])
    return text.getvalue()


def lint_clients(text: str) -> None:
    """Raises LintError for the first row that is not as `Firewall` writes it."""
    rows = list(csv.reader(io.StringIO(text), strict=True))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise LintError("Line 1 does not name the columns.")
    for number, cells in enumerate(rows[1:], start=2):
        if len(cells) != len(COLUMNS) or any(csv_cell(cell) != cell for cell in cells):
            raise LintError(f"Line {number} is malformed: {','.join(cells)[:80]!r}")
        try:
            ip_network(cells[1])
            date.fromisoformat(cells[3])
        except ValueError as error:
            raise LintError(f"Line {number}: {error}") from None
