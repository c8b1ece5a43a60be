"""The grants of the relay in memory, found by client address: the longest network wins, as in the exported map.

Rules are put in and taken out one by one as grants change; nothing is decided here but which rule it is. What
is in force is asked for a day at every look-up, so an index that nobody touched still lets no grant outlive
its last day.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from socket import AF_INET, AF_INET6, inet_pton

from portal.grants.relay_rules import RelayRule
from portal.lib.networks import Network

_BITS = {4: 32, 6: 128}


class NoAddress(ValueError):
    """The text is no IP address."""


RuleMatch = tuple[RelayRule | None, bool]
"""The rule of the grant in force, or of the one that was (None where the campus alone covers the address), and
whether it is in force."""


class Index:
    """Rules by network and by sender. Not for two threads at once."""

    def __init__(self, rules: Iterable[RelayRule], campus: Iterable[Network]) -> None:
        self._rules: dict[int, RelayRule] = {}
        self._tables: dict[int, dict[int, dict[int, list[RelayRule | None]]]] = {4: {}, 6: {}}
        self._lengths: dict[int, list[tuple[int, dict[int, list[RelayRule | None]]]]] = {4: [], 6: []}
        self._hosts: dict[str, list[RelayRule | None]] = {}
        """The slots of single addresses by their usual spelling: most clients are found here at once."""
        self._by_sender: dict[str, dict[int, RelayRule]] = {}
        self._holders: dict[tuple[str, date, date | None], tuple[str, ...]] = {}
        for network in campus:
            self._slot(network).append(None)
        for rule in rules:
            self.put(rule)

    def __len__(self) -> int:
        return len(self._rules)

    @property
    def grant_ids(self) -> list[int]:
        """The grants whose rules are here."""
        return sorted(self._rules)

    # ------------------------------------------------------------------ changes
    def apply(self, changes: Mapping[int, RelayRule | None]) -> None:
        """Put each grant's present rule in place; None takes it out."""
        for grant_id, rule in changes.items():
            if rule is None:
                self.drop(grant_id)
            else:
                self.put(rule)

    def put(self, rule: RelayRule) -> None:
        """Add the rule, in place of the grant's former one."""
        if self._rules.get(rule.grant_id) == rule:
            return
        self.drop(rule.grant_id)
        self._rules[rule.grant_id] = rule
        for network in rule.networks:
            self._slot(network).append(rule)
        for sender in rule.senders:
            self._by_sender.setdefault(sender, {})[rule.grant_id] = rule

    def drop(self, grant_id: int) -> None:
        """Take a grant's rule out, if it is there."""
        rule = self._rules.pop(grant_id, None)
        if self._holders:
            self._holders.clear()
        if rule is None:
            return
        for network in rule.networks:
            slot = self._slot(network)
            slot[:] = [other for other in slot if other is None or other.grant_id != grant_id]
            if not slot:
                if network.num_addresses == 1:
                    self._hosts.pop(str(network.network_address), None)
                del self._tables[network.version][network.prefixlen][_key(network)]
        for sender in rule.senders:
            holders = self._by_sender.get(sender, {})
            holders.pop(grant_id, None)
            if not holders:
                self._by_sender.pop(sender, None)

    def _slot(self, network: Network) -> list[RelayRule | None]:
        tables = self._tables[network.version]
        if network.prefixlen not in tables:
            tables[network.prefixlen] = {}
            bits = _BITS[network.version]
            self._lengths[network.version] = [
                (bits - length, tables[length]) for length in sorted(tables, reverse=True)
            ]
        slot = tables[network.prefixlen].setdefault(_key(network), [])
        if network.num_addresses == 1:
            self._hosts[str(network.network_address)] = slot
        return slot

    # ------------------------------------------------------------------ questions
    def find(self, client: str, day: date, trusted: date | None = None) -> RuleMatch | None:
        """What the address `client` leads to on `day`; None outside the relay's scope. Raises NoAddress.

        `trusted`, where `day` is in doubt: the last day that was in order.
        """
        host = self._hosts.get(client)
        if host is not None and (known := _choose(host, day, trusted)) is not None:
            return known
        version = 6 if ":" in client else 4
        try:
            packed = inet_pton(AF_INET6 if version == 6 else AF_INET, client)
        except (OSError, ValueError):
            raise NoAddress("The client's address is no IP address.") from None
        number = int.from_bytes(packed, "big")
        for shift, table in self._lengths[version]:
            slot = table.get(number >> shift)
            if slot is not None:
                found = _choose(slot, day, trusted)
                if found is not None:
                    return found
        return None

    def holders(self, sender: str, day: date, trusted: date | None = None) -> tuple[str, ...]:
        """The references of the grants in force on `day` that may send as `sender`, at most three."""
        key = (sender, day, trusted)
        if sender not in self._by_sender:
            return ()
        if key not in self._holders:
            rules = self._by_sender[sender].values()
            live = (rule.reference for rule in rules if rule.is_in_force(day, trusted))
            self._holders[key] = tuple(sorted(live)[:3])
        return self._holders[key]


def _key(network: Network) -> int:
    return int(network.network_address) >> (_BITS[network.version] - network.prefixlen)


def _choose(slot: list[RelayRule | None], day: date, trusted: date | None) -> RuleMatch | None:
    # The order of the exported map: grants in force, grants that were, the campus.
    if len(slot) == 1 and (rule := slot[0]) is not None and rule.is_in_force(day, trusted):
        return rule, True
    rules = [rule for rule in slot if rule is not None]
    live = [rule for rule in rules if rule.is_in_force(day, trusted)]
    if live:
        return min(live, key=lambda rule: re.sub(r"[^a-z0-9]", "_", rule.reference.lower())), True
    ended = sorted(
        (rule for rule in rules if rule.is_remembered(day, trusted)), key=lambda rule: rule.reference
    )
    if ended:
        return max(ended, key=lambda rule: rule.ends_on), False
    return (None, False) if None in slot else None
