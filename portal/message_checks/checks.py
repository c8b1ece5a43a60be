"""All checks of a message, in the order in which a person reads them."""

from portal.lib import confined
from portal.message_checks.budgets import BEYOND, MEGABYTES, SECONDS, UnreadableMessage
from portal.message_checks.bulk import bulk_rules, quality
from portal.message_checks.can_spam import can_spam
from portal.message_checks.findings import MailingFacts, MessageFinding
from portal.message_checks.parsing import ParsedMessage, read_here
from portal.message_checks.surveys import survey_rules
from portal.message_checks.unsubscribe import unsubscribing

__all__ = ["MailingFacts", "MessageFinding", "check_message", "check_octets"]


def check_octets(raw: bytes, facts: MailingFacts) -> list[MessageFinding]:
    """Return the findings of a message in RFC 5322 octets, read and checked in one confined process.

    Raises UnreadableMessage with one sentence if `raw` is not a message or costs too much to read, and `confined.Busy`,
    which says nothing about the message.
    """
    try:
        return confined.run(_check_here, raw, facts, seconds=SECONDS, megabytes=MEGABYTES)
    except confined.Exceeded as error:
        raise UnreadableMessage(BEYOND.get(error.limit, str(error))) from error


def _check_here(raw: bytes, facts: MailingFacts) -> list[MessageFinding]:
    return check_message(read_here(raw), facts)


def check_message(message: ParsedMessage, facts: MailingFacts) -> list[MessageFinding]:
    """Return the findings of every rule that applies to `message`; its cost is bounded by the limits of `budgets`."""
    return [
        *can_spam(message, facts),
        *unsubscribing(message, facts),
        *bulk_rules(message, facts),
        *survey_rules(message, facts),
        *quality(message, facts),
    ]
