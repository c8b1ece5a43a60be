"""Who decides in the stead of a stage's own people, whatever the kind of the request.

An app that knows of deputies adds a source in its registration. The policies ask all of them, so that a
delegation of an office counts wherever that office has a stage.
"""

from collections.abc import Sequence
from typing import Protocol

from portal.accounts.models import User
from portal.lib.registration import ExtensionPoint
from portal.workflow.models import ServiceRequest


class Source(Protocol):
    """Answers of one app; each is about the stage that has the request now, or had it last."""

    def capacity(self, service_request: ServiceRequest, actor: User) -> str:
        """In whose stead `actor` may decide, such as "for the CIO"; "" where they may not. It is kept with each step."""

    def deputies(self, service_request: ServiceRequest) -> Sequence[User]:
        """Who may decide in somebody's stead today, and is told of the request like the people of the stage."""


STAND_INS: ExtensionPoint[Source] = ExtensionPoint()
"""The apps that know of deputies."""


def capacity(service_request: ServiceRequest, actor: User) -> str:
    """In whose stead `actor` may decide; "" where they may not. Four eyes bar them all the same (policies.bar_of)."""
    return next(filter(None, (source.capacity(service_request, actor) for source in STAND_INS)), "")


def deputies(service_request: ServiceRequest) -> list[User]:
    """Everybody who may decide in somebody's stead today, each once."""
    people = [person for source in STAND_INS for person in source.deputies(service_request)]
    return list({person.pk: person for person in people}.values())
