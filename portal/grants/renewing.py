"""The hook by which a room above judges renewals by their facts, before their route is chosen.

Without a judge a renewal whose answers are unchanged takes the short route, as its answers are all there is to know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.workflow.models import ServiceRequest


@dataclass(frozen=True)
class RenewalJudge:
    """`judge` gathers and keeps the facts of a renewal, outside transactions; `is_short` reads what was kept."""

    judge: Callable[["ServiceRequest"], None]
    is_short: Callable[["ServiceRequest"], bool]


_judges: list[RenewalJudge] = []


def register(judge: RenewalJudge) -> None:
    """Let `judge` have a say in every renewal from now on; registering it again changes nothing."""
    if judge not in _judges:
        _judges.append(judge)


def judge(service_request: "ServiceRequest") -> None:
    """Let every judge look at a renewal that is about to be submitted."""
    for one in _judges:
        one.judge(service_request)


def is_short(service_request: "ServiceRequest") -> bool:
    """Whether every judge is content with the short route."""
    return all(one.is_short(service_request) for one in _judges)
