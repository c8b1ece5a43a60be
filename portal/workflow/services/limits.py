"""Limits that no person meets: how often one person, and everybody together, may do a thing to one request."""

from typing import TYPE_CHECKING

from portal.lib.throttle import Rate, TooOften, seconds_to_wait

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.workflow.models import ServiceRequest


def refuse_too_often(
    what: str,
    service_request: "ServiceRequest | None",
    actor: "User",
    *,
    of_person: Rate,
    of_request: Rate | None = None,
    sentence: str,
) -> None:
    """Take a slot of the person and of the request for `what`. Raises TooOften, with `sentence` and when it goes on."""
    wait = seconds_to_wait(f"{what}:person:{actor.pk}", of_person)
    if not wait and of_request is not None and service_request is not None:
        wait = seconds_to_wait(f"{what}:request:{service_request.pk}", of_request)
    if wait:
        raise TooOften(f"{sentence} You can go on in {_words(wait)}.", wait)


def _words(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} second{'s' if seconds > 1 else ''}"
    return f"{-(-seconds // 60)} minutes"
