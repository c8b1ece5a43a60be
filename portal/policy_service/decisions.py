"""May this client send this? One pure function over the index: no clock, no counters, no network."""

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from portal.grants.relay_rules import RelayRule
from portal.policy_service import replies
from portal.policy_service.index import Index
from portal.policy_service.protocol import PolicyRequest

JUDGED = frozenset({"RCPT", "DATA", "END-OF-MESSAGE"})
"""The stages that stand between a client and its message; before them nothing can be relayed."""
_UNTRUSTED = frozenset("@%!")
"""What in a local part may lead to another domain further on (postconf, allow_untrusted_routing)."""


class PolicyOutcome(StrEnum):
    """What comes of an ask."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
    SILENT = "silent"
    """Not for the service to say: DUNNO."""


class Decision(NamedTuple):
    """An outcome, the grant that it rests on, and its sentence (made only when it is needed)."""

    outcome: PolicyOutcome
    rule: RelayRule | None = None
    say: Callable[[], str] | None = None
    is_recipient_open: bool = False
    """Accepted but for the recipients, who stood in the asks before this one (DATA, several recipients)."""


SILENT = Decision(PolicyOutcome.SILENT)


def decide(index: Index, ask: PolicyRequest, day: date, trusted: date | None = None) -> Decision:
    """The decision for `ask` on `day`, apart from the volume. Raises NoAddress.

    `trusted`, where `day` is in doubt: the last day that was in order.
    """
    if ask.state not in JUDGED:
        return SILENT
    found = index.find(ask.client, day, trusted)
    if found is None:
        return SILENT
    rule, is_in_force = found
    if rule is None:
        return Decision(
            PolicyOutcome.REFUSED,
            None,
            lambda: replies.no_grant(ask.sender, index.holders(ask.sender, day, trusted)),
        )
    return _by_grant(rule, ask, is_in_force)


def _by_grant(rule: RelayRule, ask: PolicyRequest, is_in_force: bool) -> Decision:
    if not is_in_force:
        return Decision(PolicyOutcome.REFUSED, rule, lambda: replies.out_of_force(rule))
    if ask.sender not in rule.senders:
        text = replies.wrong_sender if ask.sender else replies.no_sender
        return Decision(PolicyOutcome.REFUSED, rule, lambda: text(rule))
    is_open = rule.recipient_domains is not None and not ask.recipient and ask.state != "RCPT"
    if rule.recipient_domains is None or is_open or is_inside(ask.recipient, rule.recipient_domains):
        return Decision(PolicyOutcome.ACCEPTED, rule, None, is_open)
    return Decision(PolicyOutcome.REFUSED, rule, lambda: replies.wrong_recipient(rule))


def is_inside(recipient: str, domains: tuple[str, ...]) -> bool:
    """Whether the recipient's domain is one of `domains` or lies below one.

    Below counts as in the exported map: Postfix's access maps take a domain for its subdomains as well
    (postconf, parent_domain_matches_subdomains). Local parts that name a way onward are outside.
    """
    local, at, domain = recipient.rpartition("@")
    if not at or not local or not domain or not _UNTRUSTED.isdisjoint(local):
        return False
    while domain:
        if domain in domains:
            return True
        domain = domain.partition(".")[2]
    return False
