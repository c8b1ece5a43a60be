"""The hook by which an app above judges renewals by their facts, before their route is chosen.

Without a judge a renewal whose answers are unchanged takes the short route, as its answers are all there is to know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portal.lib.registration import ExtensionPoint

if TYPE_CHECKING:
    from portal.workflow.models import ServiceRequest


@dataclass(frozen=True)
class RenewalJudge:
    """`judge` gathers and keeps the facts of a renewal, outside transactions; `is_short` reads what was kept."""

    judge: Callable[["ServiceRequest"], None]
    is_short: Callable[["ServiceRequest"], bool]


JUDGES: ExtensionPoint[RenewalJudge] = ExtensionPoint()


def judge(service_request: "ServiceRequest") -> None:
    """Let every judge look at a renewal that is about to be submitted."""
    for one in JUDGES:
        one.judge(service_request)


def is_short(service_request: "ServiceRequest") -> bool:
    """Whether every judge is content with the short route."""
    return all(one.is_short(service_request) for one in JUDGES)
