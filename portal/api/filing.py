"""Filing by programs, through the pages' own forms and services: the same answers, the same refusals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict
from django.urls import reverse
from ninja import Field as SchemaField
from ninja import Schema
from pydantic import create_model

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.lib.problem_json import Unusable
from portal.lib.problems import WrongState
from portal.lib.registration import ExtensionPoint
from portal.renewals.services import filing as renewing
from portal.workflow import registry
from portal.workflow.fields import RowsField
from portal.workflow.models import ServiceRequest
from portal.workflow.services import commenting, requesting


@dataclass(frozen=True)
class Filing:
    """That programs may file requests of a kind, and how the document of the API describes it."""

    kind: str
    summary: str
    description: str = "Files at once what the pages file; every refusal is the page's own, by field."
    examples: Mapping[str, Any] = made_by(default_factory=dict)
    """Of the answers, by the names of the forms' fields."""

    @property
    def path(self) -> str:
        """Where requests are filed, below `/api/v1`."""
        return f"/{self.kind}-requests"

    @property
    def name(self) -> str:
        """The operation's name, for programs that are written from the document."""
        return f"file_{self.kind}_request"

    def answers(self) -> type[Schema]:
        """What the document says of the answers: the fields of the kind's pages. The forms judge what is sent."""
        fields: dict[str, Any] = {
            name: self._described(name, field)
            for step in registry.get(self.kind).steps
            for name, field in step.form_class.base_fields.items()
        }
        made: type[Schema] = create_model(f"{self.kind.title()}Answers", __base__=Schema, **fields)
        made.__doc__ = (
            "The answers by the names of the form's fields; choices by their keys. See docs/api.md."
        )
        return made

    def _described(self, name: str, field: forms.Field) -> tuple[Any, Any]:
        sort = next((sort for cls, sort in _SORTS if isinstance(field, cls)), str)
        words = f"{field.label or ''} {field.help_text}".strip()
        if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
            words += f" One of {', '.join(str(key) for key, _ in _choices(field) if key)}."
        examples = [self.examples[name]] if name in self.examples else None
        if field.required:
            return sort, SchemaField(..., description=words, examples=examples)
        default = {list[str]: [], bool: False, str: ""}.get(sort)
        return sort if default is not None else sort | None, SchemaField(
            default, description=words, examples=examples
        )


_SORTS: Final[tuple[tuple[type[forms.Field], Any], ...]] = (
    (RowsField, list[str]),
    (forms.BooleanField, bool),
    (forms.DecimalField, float),
    (forms.IntegerField, int),
)
"""What a field takes in JSON; every other one takes text. The first that fits counts."""


def _choices(field: forms.ChoiceField) -> Iterable[tuple[Any, Any]]:
    choices: Any = field.choices
    yield from choices


FILINGS: ExtensionPoint[Filing] = ExtensionPoint(lambda filing: filing.kind)

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
