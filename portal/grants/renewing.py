"""The hook through which an app above classifies renewals by their facts, before their route is chosen. Without
one, a renewal with unchanged answers takes the short route.
"""

from collections.abc import Callable
from dataclasses import dataclass

from portal.lib.registration import ExtensionPoint
from portal.workflow.models import ServiceRequest


@dataclass(frozen=True)
class RenewalJudge:
    """`judge` collects and stores the facts of a renewal, outside transactions; `is_short` reads the stored result."""

    judge: Callable[[ServiceRequest], None]
    is_short: Callable[[ServiceRequest], bool]


JUDGES: ExtensionPoint[RenewalJudge] = ExtensionPoint()


def judge(service_request: ServiceRequest) -> None:
    """Have every judge classify a renewal that is about to be submitted."""
    for one in JUDGES:
        one.judge(service_request)


def is_short(service_request: ServiceRequest) -> bool:
    """Whether every judge allows the short route."""
    return all(one.is_short(service_request) for one in JUDGES)
