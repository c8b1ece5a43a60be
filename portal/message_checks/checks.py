"""Every check of a campaign's message, in the order in which a person would read it."""

from portal.lib import confined
from portal.message_checks.budgets import BEYOND, MEGABYTES, SECONDS, UnreadableMessage
from portal.message_checks.bulk import bulk_rules, quality
from portal.message_checks.can_spam import can_spam
from portal.message_checks.findings import CampaignFacts, MessageFinding
from portal.message_checks.parsing import CampaignMessage, read_here
from portal.message_checks.surveys import survey_rules
from portal.message_checks.unsubscribe import unsubscribing

__all__ = ["CampaignFacts", "MessageFinding", "check_message", "check_octets"]


def check_octets(raw: bytes, facts: CampaignFacts) -> list[MessageFinding]:
    """The findings of an .eml, read and checked in one confined process.

    Raises UnreadableMessage, with one sentence, where `raw` is no message or costs more than a message may;
    `confined.Busy`, which says nothing of the message.
    """
    try:
        return confined.run(_check_here, raw, facts, seconds=SECONDS, megabytes=MEGABYTES)
    except confined.Exceeded as error:
        raise UnreadableMessage(BEYOND.get(error.limit, str(error))) from error


def _check_here(raw: bytes, facts: CampaignFacts) -> list[MessageFinding]:
    return check_message(read_here(raw), facts)


def check_message(message: CampaignMessage, facts: CampaignFacts) -> list[MessageFinding]:
    """The findings of every rule that concerns `message`; pure, and bounded by the message's size."""
    return [
        *can_spam(message, facts),
        *unsubscribing(message, facts),
        *bulk_rules(message, facts),
        *survey_rules(message, facts),
        *quality(message, facts),
    ]
