"""Every check of a campaign's message, in the order in which a person would read it."""

from campaigns.messages.bulk import bulk_rules, quality
from campaigns.messages.can_spam import can_spam
from campaigns.messages.findings import CampaignFacts, MessageFinding
from campaigns.messages.parsing import CampaignMessage
from campaigns.messages.surveys import survey_rules
from campaigns.messages.unsubscribe import unsubscribing

__all__ = ["CampaignFacts", "MessageFinding", "check_message"]


def check_message(message: CampaignMessage, facts: CampaignFacts) -> list[MessageFinding]:
    """The findings of every rule that concerns `message`; pure, and bounded by the message's size."""
    return [
        *can_spam(message, facts),
        *unsubscribing(message, facts),
        *bulk_rules(message, facts),
        *survey_rules(message, facts),
        *quality(message, facts),
    ]
