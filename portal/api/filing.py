"""Filing by programs, through the pages' own forms and services: the same answers, the same refusals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict
from django.urls import reverse
from ninja import Schema

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.lib.problem_json import Unusable
from portal.lib.problems import WrongState
from portal.lib.registration import ExtensionPoint
from portal.renewals.services import filing as renewing
from portal.workflow import registry
from portal.workflow.models import ServiceRequest
from portal.workflow.services import commenting, requesting


@dataclass(frozen=True)
class Filing:
    """That programs may file requests of a kind, and how the document of the API describes it."""

    kind: str
    path: str
    """Below `/api/v1`."""
    name: str
    """Of the operation, for programs that are written from the document."""
    summary: str
    description: str
    answers: type[Schema]
    """The answers by the names of the forms' fields. The forms judge them; this only describes them."""


FILINGS: ExtensionPoint[Filing] = ExtensionPoint(lambda filing: filing.kind, lambda filing: filing.path)

REFUSED = "Some answers are missing or refused. Each is named under errors; nothing was filed."


def file_request(*, kind: str, owner: User, answers: Mapping[str, Any], through: str) -> ServiceRequest:
    """File a request of `kind` for `owner`; `through` names the service account on its timeline.

    Asks the DNS outside any transaction. Raises Unusable with the forms' own sentences by field, and what
    submitting raises.
    """
    draft = _draft(kind, owner, answers)
    commenting.note_program(service_request=draft, actor=owner, name=through)
    return _submit(draft, owner)


def renew(*, grant: Grant, owner: User, through: str) -> ServiceRequest:
    """Confirm a permission as it is for another term, as its page does; confirming again gives the same renewal.

    Raises Unusable or WrongState where a person has to go through the form, and what the page's service raises.
    """
    try:
        filed = renewing.confirm(grant=grant, actor=owner, revision=grant.revision)
    except renewing.NotConfirmable as problem:
        page = f"{settings.PUBLIC_URL}{reverse('grant_renew', args=[grant.reference])}"
        raise WrongState(
            f"Something changed since it was approved. Its owner renews it at {page}"
        ) from problem
    except ValidationError as error:
        raise Unusable(" ".join(error.messages)) from error
    if not filed.events.filter(action="program").exists():
        commenting.note_program(service_request=filed, actor=owner, name=through)
    return filed


@transaction.atomic
def _draft(kind: str, owner: User, answers: Mapping[str, Any]) -> ServiceRequest:
    entry, errors, known = registry.get(kind), unreadable(answers), set[str]()
    if errors:
        raise Unusable(REFUSED, errors)
    draft = requesting.create_draft(kind=entry, requester=owner)
    for step in entry.steps_for(draft):
        form = step.form_class(draft, as_typed(answers))
        known |= set(form.fields)
        if form.is_valid():
            requesting.save_step(
                service_request=draft, actor=owner, step=step.key, form=form, revision=draft.revision
            )
        else:
            errors |= {name: [str(e) for e in found] for name, found in form.errors.items()}
    errors |= {name: ["There is no such answer."] for name in answers if name not in known}
    if errors:
        raise Unusable(REFUSED, errors)
    return draft


def _submit(draft: ServiceRequest, owner: User) -> ServiceRequest:
    draft.refresh_from_db()
    try:
        requesting.submit(service_request=draft, actor=owner, revision=draft.revision)
    except ValidationError as error:
        raise Unusable(f"{draft.reference} is kept as a draft: {' '.join(error.messages)}") from error
    return draft


def unreadable(answers: Mapping[str, Any]) -> dict[str, list[str]]:
    """What no page could send, by field: JSON nests and holds halves of characters, a form does neither."""
    return {
        ascii(name)[1:-1][:60]: ["Send text, a number, true, false or null, or a list of these."]
        for name, value in answers.items()
        if not all(map(_is_readable, [name, *(value if isinstance(value, list) else [value])]))
    }


def _is_readable(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)
    return value is None or isinstance(value, bool | int | float)


def as_typed(answers: Mapping[str, Any]) -> QueryDict:
    """Answers in JSON as a browser would send them: lists as repeated values, true as a ticked box."""
    query = QueryDict(mutable=True)
    for name, value in answers.items():
        found = [_text(each) for each in (value if isinstance(value, list) else [value])]
        query.setlist(name, [text for text in found if text is not None])
    return query


def _text(value: Any) -> str | None:
    if value is True:
        return "on"
    return None if value is None or value is False else str(value)
