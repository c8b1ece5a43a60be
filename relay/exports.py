"""Who may relay, as whom and to whom, as Postfix maps.

cidr_table(5): the first match wins, so the longest prefixes come first; host bits must be zero. A table
cannot be a table's result, so each grant has a restriction class (RESTRICTION_CLASS_README). Postfix skips a
malformed line with a warning: `lint` refuses to publish one.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.enforcement.publishing import SERIAL
from portal.enforcement.targets import NOTHING_HELD, Entry, Export, Held, LintError
from portal.grants.links import public_page
from portal.grants.states import GrantState
from portal.institution import institution
from portal.lib.networks import Network
from portal.lib.text import ascii_word, one_line
from portal.standards.clauses import current_edition
from relay import permitted
from relay.permitted import Permitted

CLIENTS = "relay_clients.cidr"
UNGRANTED_SENDERS = "ungranted_senders"
_POSTMAP_SECONDS = 60
_SETTLED_SECONDS = 10
_TABLES_AT_ONCE = 1000
"""Their names are one argument, and Linux takes 128 KB."""


def entries_of(permission: Permitted) -> Iterator[Entry]:
    """What the permission puts into force, in every format: each address as each sender."""
    for network in permission.networks:
        for sender in permission.senders:
            yield Entry(permission.reference, f"{network} {sender}", permission.ends_on)


def class_of(reference: str) -> str:
    """The name of the grant's restriction class: tm_r_1042."""
    return re.sub(r"[^a-z0-9]", "_", reference.lower())


_MEANING = re.compile(r"[^ -~]|[{}$,;]")


def _reply(text: str) -> str:
    """A REJECT with a text for the sender's operator: one line of ASCII, safe in a map and inside braces."""
    return f"REJECT 5.7.1 {_MEANING.sub('_', one_line(text))}"


def ended_reply(ended: Permitted) -> str:
    """The refusal for an address whose grant is out of force, and what to do."""
    name, link = f"Relay permission {ended.reference}", public_page(ended.reference)
    if ended.state == GrantState.SUSPENDED:
        return _reply(f"{name} is suspended. See {link}")
    if ended.state in (GrantState.REVOKED, GrantState.ENDED):
        return _reply(f"{name} was {ended.state} on {ended.state_changed_at:%Y-%m-%d}. See {link}")
    return _reply(f"{name} ended {ended.ends_on}. To renew it: {link}")


class PostfixRelay:
    """The Postfix target: client map, sender maps, recipient maps and the main.cf fragment."""

    key = "postfix"
    label = "Postfix (SMTP relay)"
    kind = "relay"

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """The maps for `day`."""
        live, ended = permitted.in_force(day), permitted.out_of_force(day)
        if held:
            live = [permission for permission in live if permission.reference not in held]
            live += [Permitted.from_kept(facts) for facts in held.kept.values()]
            live.sort(key=lambda permission: permission.reference)
            ended = [permission for permission in ended if permission.reference not in held.kept]
        files = {CLIENTS: _clients(live, ended)}
        for permission in live:
            files |= _class_files(permission)
        files[UNGRANTED_SENDERS] = _ungranted(live)
        files["main.cf"] = _main_cf(live, install_path)
        entries = tuple(entry for permission in live for entry in entries_of(permission))
        return Export(files, entries, {p.reference: _scope(p) for p in live if p.is_scoped})

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """What is written of `references`."""
        for permission in permitted.in_force(day, references):
            yield permission.reference, permission.to_keep()

    def lint(self, folder: Path) -> None:
        """Our own parser over every line, then Postfix's own reader where it is installed."""
        for path in sorted(folder.iterdir()):
            if path.suffix == ".cidr":
                lint_cidr(path.read_text(encoding="utf-8"))
            elif path.name != "main.cf":
                lint_map(path.read_text(encoding="utf-8"))
        postmap = shutil.which("postmap") or shutil.which("postmap", path="/usr/sbin:/usr/local/sbin")
        if postmap:
            _ask_postmap(postmap, folder)


# ---------------------------------------------------------------- the maps
def _scope(permission: Permitted) -> str:
    return f"to {permission.recipients} {' '.join(sorted(permission.recipient_domains.split()))}".strip()


def _head(what: str) -> list[str]:
    return [
        f"# {what}",
        f"# serial={SERIAL} policy={current_edition().id}; written by the portal, not by hand",
    ]


def _clients(live: Sequence[Permitted], ended: Iterable[Permitted]) -> str:
    rows: list[tuple[tuple[int, int, int, int], str, str, str]] = []
    taken = set[Network]()
    for permission in live:
        for network in permission.networks:
            taken.add(network)
            rows.append(_row(network, 0, class_of(permission.reference), _note(permission)))
    for permission in ended:
        for network in permission.networks:
            if network not in taken:
                taken.add(network)
                note = f"# {permission.reference} out of force"
                rows.append(_row(network, 1, ended_reply(permission), note))
    rows += [
        _row(campus, 2, "tm_no_grant", "# the rest of the campus") for campus in institution().campus_networks
    ]
    lines = _head("Who may relay: the first match wins")
    for _, text, result, note in sorted(rows):
        lines += [note, f"{text}\t{result}"]
    return "\n".join(lines) + "\n"


def _row(
    network: Network, rank: int, result: str, note: str
) -> tuple[tuple[int, int, int, int], str, str, str]:
    length = network.prefixlen if network.version == 6 else network.prefixlen + 96
    return (-length, network.version, int(network.network_address), rank), str(network), result, note


def _note(permission: Permitted) -> str:
    owner = ascii_word(permission.owner)
    return f"# {ascii_word(permission.reference)} owner={owner} ends={permission.ends_on}"


def _class_files(permission: Permitted) -> dict[str, str]:
    reference, name = permission.reference, class_of(permission.reference)
    result = f"{name}_to" if permission.is_scoped else "OK"
    lines = _head(f"{reference}: as whom it may send")
    lines += [f"{_key(sender, _ADDRESS, reference)}\t{result}" for sender in permission.senders]
    none = f"{reference} may not send without a sender address. {public_page(reference)}"
    lines.append(f"<>\t{_reply(none)}")
    files = {name: "\n".join(lines) + "\n"}
    if permission.is_scoped:
        domains = [institution().mail_domain, *permission.recipient_domains.split()]
        to = _head(f"{reference}: to whom it may send")
        to += [f"{_key(domain, _DOMAIN, reference)}\tOK" for domain in dict.fromkeys(domains)]
        files[f"{name}_to"] = "\n".join(to) + "\n"
    return files


_DOMAIN = re.compile(r"(?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+")
_ADDRESS = re.compile(r"[^@\s<>\"\x00-\x20\x7f]+@(?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+")


def _key(value: str, pattern: re.Pattern[str], reference: str) -> str:
    """The value, where it is exact; LintError for one that Postfix would read as something wider."""
    if not pattern.fullmatch(value):
        raise LintError(f"{value[:80]!r} cannot stand in a map.", grant=reference)
    return value


def _ungranted(live: Sequence[Permitted]) -> str:
    # An address without a permission that uses a granted sender hears whose sender that is.
    holders: dict[str, list[str]] = {}
    for permission in live:
        for sender in permission.senders:
            holders.setdefault(sender, []).append(permission.reference)
    lines = _head("Senders of permissions, for addresses that have none")
    for address, references in sorted(holders.items()):
        text = f"{address} is for {' and '.join(references[:3])} and this system has no part in it. {_ask_link()}"
        lines.append(f"{address}\t{_reply(text)}")
    return "\n".join(lines) + "\n"


def _ask_link() -> str:
    return f"Ask: {settings.PUBLIC_URL}/new/"


def _main_cf(live: Sequence[Permitted], install_path: str) -> str:
    scoped = [class_of(p.reference) for p in live if p.is_scoped]
    names = ["tm_no_grant", *(class_of(p.reference) for p in live), *(f"{name}_to" for name in scoped)]
    lines = [*_head("Put this into main.cf, then: postfix reload"), "smtpd_restriction_classes ="]
    lines += [f"    {name}" for name in names]
    none = f"No relay permission for this system. {_ask_link()}"
    lines += _class("tm_no_grant", f"check_sender_access texthash:{install_path}/{UNGRANTED_SENDERS}", none)
    for permission in live:
        lines += _grant_classes(permission, install_path)
    lines += [
        "smtpd_relay_restrictions =",
        f"    check_client_access cidr:{install_path}/{CLIENTS}",
        "    reject_unauth_destination",
        *_milter(),
    ]
    return "\n".join(lines) + "\n"


def _milter() -> list[str]:
    # A name of its own, so that a host with other milters can put it beside them (docs/policy-service.md).
    if not settings.RELAY_MILTER:
        return [
            "# No milter is configured (RELAY_MILTER in docs/policy-service.md): this host checks neither the From",
            "# that recipients see nor mail to gated lists, and the volume only by the policy service.",
        ]
    bounds = "connect_timeout=5s, command_timeout=30s, content_timeout=90s, default_action=tempfail"
    return [
        f"techmail_milter = {{ {settings.RELAY_MILTER}, {bounds} }}",
        "smtpd_milters = $techmail_milter",
        "non_smtpd_milters = $techmail_milter",
        "milter_protocol = 6",
    ]


def _grant_classes(permission: Permitted, install_path: str) -> list[str]:
    reference, name, link = (
        permission.reference,
        class_of(permission.reference),
        public_page(permission.reference),
    )
    other = f"{reference} may send only as {' or '.join(permission.senders)}. {link}"
    lines = _class(name, f"check_sender_access texthash:{install_path}/{name}", other)
    if permission.is_scoped:
        scope = f"{reference} may not send to this recipient. {link}"
        lines += _class(f"{name}_to", f"check_recipient_access texthash:{install_path}/{name}_to", scope)
    return lines


def _class(name: str, check: str, otherwise: str) -> list[str]:
    # Braces keep the blanks of the reply together (Postfix 3.0 and later).
    return [f"{name} =", f"    {check}", f"    check_client_access static:{{{_reply(otherwise)}}}"]


# ---------------------------------------------------------------- lint
_RESULT = re.compile(r"(OK|tm_[a-z0-9_]+|REJECT 5\.7\.1 [ -~]+)")
_KEY = re.compile(r"<>|[!-~]+")


def _lines(text: str) -> Iterable[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#"):
            continue
        key, separator, result = line.partition("\t")
        if not separator or not _KEY.fullmatch(key) or not _RESULT.fullmatch(result):
            raise LintError(f"Line {number} is malformed: {line[:80]!r}")
        yield number, key, result


def lint_cidr(text: str) -> None:
    """Every line a network without host bits and a result, longest prefixes first. Raises LintError."""
    last = 1000
    for number, key, _ in _lines(text):
        try:
            network = ip_network(key)
        except ValueError as error:
            raise LintError(f"Line {number}: {error}") from None
        length = network.prefixlen if network.version == 6 else network.prefixlen + 96
        if length > last:
            raise LintError(f"Line {number}: a longer prefix after a shorter one would never match.")
        last = length


def lint_map(text: str) -> None:
    """Every line a key and a result, each key once. Raises LintError."""
    seen = set()
    for number, key, _ in _lines(text):
        if key.lower() in seen:
            raise LintError(f"Line {number}: {key} stands twice.")
        seen.add(key.lower())


def _ask_postmap(postmap: str, folder: Path) -> None:
    """Let Postfix open every table. Raises LintError with what it complains about."""
    tables = [path for path in sorted(folder.iterdir()) if path.name != "main.cf"]
    settled = time.time() - _SETTLED_SECONDS
    for path in tables:
        # Postfix reads a table over and over while it looks younger than this, in case somebody still writes it
        # (dict_thash.c): two seconds here, and two for every mail that meets the new table.
        os.utime(path, (settled, settled))
    for start in range(0, len(tables), _TABLES_AT_ONCE):
        names = [path.name for path in tables[start : start + _TABLES_AT_ONCE]]
        maps = ",".join(f"{'cidr' if name.endswith('.cidr') else 'texthash'}:{name}" for name in names)
        done = subprocess.run(  # noqa: S603 - our own files, no shell
            [postmap, "-q", "192.0.2.1", f"unionmap:{{{maps}}}"],
            capture_output=True,
            text=True,
            timeout=_POSTMAP_SECONDS,
            check=False,
            cwd=folder,
        )
        complaints = [line for line in done.stderr.splitlines() if any(name in line for name in names)]
        if complaints:
            raise LintError(f"postmap: {complaints[0]}")
