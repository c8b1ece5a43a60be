"""Formatted answers that come from several fields."""

from campaigns.models import CampaignRequest
from portal.institution import institution


def from_of(detail: CampaignRequest) -> str:
    """Return From as people read it."""
    return f"{detail.from_name} <{detail.from_address}>" if detail.from_address else ""


def audience_lines(people: dict[str, int]) -> list[str]:
    """Return the populations with their numbers, in the institution's order."""
    known = {entry.key: entry.label for entry in institution().populations}
    ordered = sorted(people, key=lambda key: (list(known).index(key) if key in known else len(known), key))
    return [f"{known.get(key, key)}: {people[key]:,}" for key in ordered]


def stopper_of(detail: CampaignRequest) -> str:
    """Return who can stop it, with the phone number."""
    return f"{detail.stopper}, {detail.stopper_phone}" if detail.stopper else ""


def limits_of(detail: CampaignRequest) -> str:
    """Return the stop limits."""
    if detail.stop_complaint_percent is None or detail.stop_bounce_percent is None:
        return ""
    return f"{detail.stop_complaint_percent} % complaints, {detail.stop_bounce_percent} % hard bounces"
