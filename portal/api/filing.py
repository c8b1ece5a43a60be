"""Filing by programs, through the pages' own forms and services: the same answers, the same refusals."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.lib.problem_json import Unusable
from portal.renewals.services import filing
from portal.workflow import registry
from portal.workflow.models import ServiceRequest
from portal.workflow.services import requesting, talking

REFUSED = "Some answers are missing or refused. Each is named under errors; nothing was filed."


def file_request(*, kind: str, owner: User, answers: Mapping[str, Any], through: str) -> ServiceRequest:
    """File a request of `kind` for `owner`; `through` names the service account on its timeline.

    Asks the DNS outside any transaction. Raises Unusable with the forms' own sentences by field, and what
    submitting raises.
    """
    draft = _draft(kind, owner, answers)
    talking.note_program(service_request=draft, actor=owner, name=through)
    return _submit(draft, owner)


def renew(*, grant: Grant, owner: User, through: str) -> ServiceRequest:
    """Confirm a permission as it is for another term, as its page does. Raises what that raises."""
    filed = filing.confirm(grant=grant, actor=owner, revision=grant.revision)
    talking.note_program(service_request=filed, actor=owner, name=through)
    return filed


@transaction.atomic
def _draft(kind: str, owner: User, answers: Mapping[str, Any]) -> ServiceRequest:
    entry, errors, known = registry.get(kind), dict[str, list[str]](), set[str]()
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


def as_typed(answers: Mapping[str, Any]) -> QueryDict:
    """Answers in JSON as a browser would send them: lists as repeated values, true as a ticked box."""
    query = QueryDict(mutable=True)
    for name, value in answers.items():
        query.setlist(name, list(_texts(value)))
    return query


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif value is True:
        yield "on"
    elif value is not None and value is not False:
        yield str(value)
