"""How answers that stand in several fields read."""

from campaigns.models import CampaignRequest
from portal.institution import institution


def from_of(detail: CampaignRequest) -> str:
    """From as it reads."""
    return f"{detail.from_name} <{detail.from_address}>" if detail.from_address else ""


def audience_lines(people: dict[str, int]) -> list[str]:
    """The populations with their numbers, in the institution's order."""
    known = {entry.key: entry.label for entry in institution().populations}
    ordered = sorted(people, key=lambda key: (list(known).index(key) if key in known else len(known), key))
    return [f"{known.get(key, key)}: {people[key]:,}" for key in ordered]


def stopper_of(detail: CampaignRequest) -> str:
    """Who can stop it, with the telephone."""
    return f"{detail.stopper}, {detail.stopper_phone}" if detail.stopper else ""


def limits_of(detail: CampaignRequest) -> str:
    """The figures at which it stops."""
    if detail.stop_complaint_percent is None or detail.stop_bounce_percent is None:
        return ""
    return f"{detail.stop_complaint_percent} % complaints, {detail.stop_bounce_percent} % hard bounces"
