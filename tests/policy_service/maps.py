"""Reads the exported Postfix files as Postfix does: what do the maps say to a client, a sender, a recipient?"""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network

_TABLE = re.compile(r"(check_(?:sender|recipient)_access) texthash:.*/([a-z0-9_]+)")


class Maps:
    """The exported files of the Postfix target."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._tables = {name: _table(text) for name, text in files.items() if name != "main.cf"}
        self._classes = _settings(files["main.cf"])

    def say(self, client: str, sender: str, recipient: str) -> str:
        """OK, REJECT with its text, or DUNNO."""
        for line in self._classes["smtpd_relay_restrictions"]:
            kind, _, table = line.partition(" cidr:")
            if kind == "check_client_access":
                for network, result in self._tables[table.rpartition("/")[2]]:
                    if _covers(network, client):
                        return self._follow(result, sender, recipient)
            else:
                assert line == "reject_unauth_destination"
        return "DUNNO"

    def _follow(self, result: str, sender: str, recipient: str) -> str:
        if result == "OK" or result.startswith("REJECT "):
            return result
        for check in self._classes[result]:
            static = re.fullmatch(r"check_client_access static:\{(.*)\}", check)
            if static:
                return static[1]
            what, table = _TABLE.fullmatch(check).groups()  # type: ignore[union-attr]
            found = self._look_up(table, sender if what == "check_sender_access" else recipient)
            if found is not None:
                return self._follow(found, sender, recipient)
        raise AssertionError(f"The class {result} ends without a word.")

    def _look_up(self, table: str, address: str) -> str | None:
        # access(5), "EMAIL ADDRESS PATTERNS": the address, its domain and the domains above, the local part.
        rows = dict(self._tables[table])
        folded = address.lower() or "<>"
        local, at, domain = folded.rpartition("@")
        keys = [folded]
        while domain:
            keys.append(domain)
            domain = domain.partition(".")[2]
        keys += [f"{local}@"] if at else []
        return next((rows[key] for key in keys if key in rows), None)


def _covers(network: str, client: str) -> bool:
    parsed = ip_network(network)
    return parsed.version == ip_address(client).version and ip_address(client) in parsed


def _table(text: str) -> list[tuple[str, str]]:
    rows = [line.split("\t", 1) for line in text.splitlines() if not line.startswith("#")]
    return [(key, result) for key, result in rows]


def _settings(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith(" "):
            found[name].append(line.strip())
        else:
            name = line.partition(" =")[0]
            found[name] = []
    return found
