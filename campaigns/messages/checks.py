"""Every check of a campaign's message, in the order in which a person would read it."""

from campaigns.messages.budgets import BEYOND, MEGABYTES, SECONDS, UnreadableMessage
from campaigns.messages.bulk import bulk_rules, quality
from campaigns.messages.can_spam import can_spam
from campaigns.messages.findings import CampaignFacts, MessageFinding
from campaigns.messages.parsing import CampaignMessage, read_here
from campaigns.messages.surveys import survey_rules
from campaigns.messages.unsubscribe import unsubscribing
from portal.lib import confined

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
