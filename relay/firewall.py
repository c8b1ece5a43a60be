"""Who may reach the mail relay, for the firewall at the border: one CSV that a rule's address list is made from.

A row is one network of one grant. Every cell is one line, and none begins as a formula does, since people open such
files in spreadsheets (OWASP, CSV injection).
"""

import csv
import io
from collections.abc import Iterator
from datetime import date
from ipaddress import ip_network
from pathlib import Path

from portal.enforcement.targets import Entry, Export, LintError
from portal.lib.text import ascii_word, csv_cell
from relay import permitted
from relay.exports import entries_of
from relay.permitted import Permitted

CLIENTS = "smtp_clients.csv"
COLUMNS = ("grant", "network", "ports", "ends_on", "host", "owner")
PORTS = "25 587"
"""SMTP and submission (RFC 5321 section 4.5.4.2, RFC 6409 section 3.1)."""


class Firewall:
    """The firewall target: one CSV of networks with their grant and last day."""

    key = "firewall"
    label = "Firewall (who may reach the relay)"

    def render(self, *, day: date, install_path: str) -> Export:
        """The list for `day`. It names no other file, so `install_path` does not appear in it."""
        text, entries = io.StringIO(), list[Entry]()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for permission in permitted.in_force(day):
            writer.writerows(_rows(permission))
            entries += entries_of(permission)
        return Export({CLIENTS: text.getvalue()}, tuple(entries))

    def lint(self, folder: Path) -> None:
        """Every row has its cells, a network, a day, and nothing that a spreadsheet computes. Raises LintError."""
        lint_clients((folder / CLIENTS).read_text(encoding="utf-8"))


def _rows(permission: Permitted) -> Iterator[tuple[str, ...]]:
    grant, owner = csv_cell(ascii_word(permission.reference)), csv_cell(permission.owner)
    host = csv_cell(permission.hostname)
    for network in sorted(permission.networks):
        yield grant, csv_cell(network), PORTS, permission.ends_on.isoformat(), host, owner


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
