"""Limits that no person meets: how often one person, and everybody together, may do a thing to one request."""

from portal.accounts.models import User
from portal.lib.throttle import Rate, refuse_over
from portal.workflow.models import ServiceRequest


def refuse_too_often(
    what: str,
    service_request: ServiceRequest | None,
    actor: User,
    *,
    of_person: Rate,
    of_request: Rate | None = None,
    sentence: str,
) -> None:
    """Take a slot of the person and of the request for `what`. Raises TooOften, with `sentence` and when to try again."""
    limits = [(f"{what}:person:{actor.pk}", of_person)]
    if of_request is not None and service_request is not None:
        limits.append((f"{what}:request:{service_request.pk}", of_request))
    refuse_over(*limits, sentence=sentence)
