"""An answer is declared once, on the field that asks for it: where it is kept, and how people read it.

`field_for` makes the field of a column of the kind's detail row; `declare` takes any other field. What is declared is
all that saving, the answers' page, the comparison of two submissions, copying at a renewal, the search and the API's
schema go by. `problems_of` says what a kind's pages forgot.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as made_by
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from django import forms
from django.db import models

from portal.workflow.details import Detail
from portal.workflow.fields import RowsField
from portal.workflow.kinds import Answer

if TYPE_CHECKING:
    from portal.workflow.forms import StepForm
    from portal.workflow.kinds import Form
    from portal.workflow.models import ServiceRequest

Field = TypeVar("Field", bound=forms.Field)
Words = Callable[[Any], str]


class Store(ABC):
    """Where an answer is kept."""

    @abstractmethod
    def read(self, service_request: "ServiceRequest") -> Any:
        """The saved answer."""

    @abstractmethod
    def write(self, service_request: "ServiceRequest", value: Any) -> None:
        """Save the answer. For `portal.workflow.services.answering` alone, which saves columns together."""


@dataclass(frozen=True)
class RequestColumn(Store):
    """A column that requests of every kind have, such as the purpose. The service that saves a page writes the row."""

    name: str

    def read(self, service_request: "ServiceRequest") -> Any:
        """The column's value."""
        return getattr(service_request, self.name)

    def write(self, service_request: "ServiceRequest", value: Any) -> None:
        """Set the column on the instance."""
        setattr(service_request, self.name, value)


@dataclass(frozen=True)
class DetailColumn(Store):
    """A column of the kind's detail row."""

    column: "models.Field[Any, Any]"

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    def detail(self, service_request: "ServiceRequest") -> Detail:
        """The row."""
        model = self.column.model
        assert issubclass(model, Detail), f"{model.__name__} is no detail row"
        return model.of(service_request)

    def read(self, service_request: "ServiceRequest") -> Any:
        """The column's value."""
        return getattr(self.detail(service_request), self.name)

    def write(self, service_request: "ServiceRequest", value: Any) -> None:
        """Set the column on the row."""
        setattr(self.detail(service_request), self.name, value)

    def in_words(self, value: Any) -> str:
        """The label of a choice; "" where the column has none or no choice was made."""
        return str(dict(self.column.flatchoices).get(value, "") or "")


@dataclass(frozen=True)
class Rows(Store):
    """A list, kept as rows below the detail row. `model` has one foreign key to the detail model.

    `value` makes the answer's value of a row, `columns` the columns of a new row of a value. `where` are columns that
    all rows of this list have, if several lists share the model. With `keeps_known` a row whose value stays is left
    as it is, for what else stands in it.
    """

    model: type[models.Model]
    value: Callable[[Any], Any]
    columns: Callable[[Any], Mapping[str, Any]]
    where: Mapping[str, Any] = made_by(default_factory=dict)
    keeps_known: bool = False

    def read(self, service_request: "ServiceRequest") -> list[Any]:
        """The values, in the order of the rows."""
        return [self.value(row) for row in self.rows(service_request)]

    def rows(self, service_request: "ServiceRequest") -> list[Any]:
        """The rows themselves."""
        detail: type[Detail] = self._key.related_model
        rows = getattr(detail.of(service_request), self.accessor).all()
        return [row for row in rows if all(getattr(row, name) == value for name, value in self.where.items())]

    def write(self, service_request: "ServiceRequest", value: Any) -> None:
        """Replace the rows by those of the values."""
        detail: type[Detail] = self._key.related_model
        detail.forget(service_request)
        there = {self.value(row): row for row in self.rows(service_request)}
        wanted = {self.value(row): row for row in self._made(service_request, value)}
        known = there.keys() & wanted.keys() if self.keeps_known else set()
        gone = [row.pk for key, row in there.items() if key not in known]
        self.model._default_manager.filter(pk__in=gone).delete()
        self.model._default_manager.bulk_create(row for key, row in wanted.items() if key not in known)
        detail.forget(service_request)

    def _made(self, service_request: "ServiceRequest", values: Any) -> list[models.Model]:
        key = {self._key.attname: service_request.pk}
        return [self.model(**key, **self.where, **self.columns(value)) for value in values]

    @classmethod
    def of(cls, model: type[models.Model], column: str, *, keeps_known: bool = False, **where: Any) -> "Rows":
        """Rows whose values are those of one column."""
        return cls(model, attrgetter(column), lambda value: {column: value}, where, keeps_known)

    @property
    def accessor(self) -> str:
        """The name of the list on the detail row."""
        return str(self._key.remote_field.get_accessor_name())

    @property
    def _key(self) -> Any:
        """The foreign key to the detail model."""
        fields = self.model._meta.concrete_fields
        return next(f for f in fields if f.many_to_one and issubclass(f.related_model, Detail))  # type: ignore[arg-type] # a string before the apps are loaded only


@dataclass(frozen=True)
class Declaration:
    """What is declared of one answer.

    `words` makes what people read of the saved value, `composed` of the whole detail row; None for the usual words.
    """

    stored: Store
    label: str
    """Before the answer, where it is read; "" for a value that is read as a part of another answer."""
    key: str = ""
    """The answer's name in snapshots, changes and questions, where that is not the field's."""
    is_code: bool = False
    is_searched: bool = False
    is_shown_empty: bool = True
    is_statement: bool = False
    """Whether it is a box that the requester must tick, and ticks anew at each renewal."""
    words: Words | None = None
    composed: Words | None = None

    def text(self, service_request: "ServiceRequest") -> str:
        """The saved answer as people read it."""
        if self.composed is not None and isinstance(self.stored, DetailColumn):
            return self.composed(self.stored.detail(service_request))
        return self.text_of(self.stored.read(service_request))

    def text_of(self, value: Any) -> str:
        """A value of this answer as people read it."""
        if self.words is not None:
            return self.words(value)
        if isinstance(self.stored, DetailColumn) and self.stored.column.choices:
            return self.stored.in_words(value)
        if self.is_statement:
            return "Stated by the requester" if value else ""
        return in_words(value)

    def terms(self, service_request: "ServiceRequest") -> set[str]:
        """The words by which the request is found: each line of the answer."""
        found = replace(self, composed=None).text(service_request)
        return set(found.splitlines())


def in_words(value: Any) -> str:
    """A value as people read it: "Yes" and "No", a day, a number; "" for nothing."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None or value == "":
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, date):
        return f"{value:%-d %B %Y}"
    return str(value)


# ---------------------------------------------------------------- declaring
class Column(Protocol):
    """A column as an attribute of its model's class: `RelayRequest.hostname`."""

    @property
    def field(self) -> "models.Field[Any, Any]":
        """The column itself."""


def declare(
    field: Field,
    stored: Store | Column,
    answer: str,
    *,
    key: str = "",
    is_code: bool = False,
    is_searched: bool = False,
    is_shown_empty: bool | None = None,
    words: Words | None = None,
    composed: Words | None = None,
    shown_when: tuple[str, tuple[str, ...]] | None = None,
    note: str = "",
) -> Field:
    """`field`, with what it asks for: `answer` is the label where the answer is read, `stored` where it is kept.

    An answer that need not be given is left out where it is empty, unless `is_shown_empty`. `shown_when` and `note`
    are for the page (`portal.ui.fields`). `key` names the answer where that is not the field's own name. Where one answer is
    read of several fields, one of them is `composed` of the row and the others have "" as their label.
    """
    store = stored if isinstance(stored, Store) else DetailColumn(stored.field)
    if words is None and isinstance(field, RowsField):
        words = field.in_lines
    field.answer = Declaration(  # type: ignore[attr-defined] # read by `declared`
        stored=store,
        label=answer,
        key=key,
        is_code=is_code,
        is_searched=is_searched,
        is_shown_empty=field.required if is_shown_empty is None else is_shown_empty,
        is_statement=isinstance(field, forms.BooleanField) and field.required,
        words=words,
        composed=composed,
    )
    if shown_when is not None:
        field.shown_when = shown_when  # type: ignore[attr-defined] # read by portal.ui.fields
    if note:
        field.note = note  # type: ignore[attr-defined] # read by portal.ui.fields
    return field


def field_for(
    column: Column,
    label: str,
    *,
    answer: str,
    key: str = "",
    is_code: bool = False,
    is_searched: bool = False,
    is_shown_empty: bool | None = None,
    words: Words | None = None,
    composed: Words | None = None,
    shown_when: tuple[str, tuple[str, ...]] | None = None,
    note: str = "",
    rows: int = 3,
    required: bool = True,
    **options: Any,
) -> forms.Field:
    """The form field of a column, by its type, length and choices, declared as by `declare`.

    `label` is the question. Choices are radio buttons, days a date box, long text a box of `rows` lines; `options` are
    those of the form field, `form_class` is another class of it.
    """
    options |= {"label": label, "required": required}
    if column.field.choices:
        options = {"choices": column.field.choices, "widget": forms.RadioSelect} | options
    elif isinstance(column.field, models.TextField):
        options = {"widget": forms.Textarea(attrs={"rows": rows})} | options
    elif isinstance(column.field, models.DateField):
        options = {"widget": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")} | options
    field = column.field.formfield(**options)
    assert field is not None, "columns that no form shows are not asked for"
    return declare(
        field,
        column,
        answer,
        key=key,
        is_code=is_code,
        is_searched=is_searched,
        is_shown_empty=is_shown_empty,
        words=words,
        composed=composed,
        shown_when=shown_when,
        note=note,
    )


# ---------------------------------------------------------------- reading what is declared
def declared(form_class: "type[StepForm]") -> Iterator[tuple[str, Declaration]]:
    """(name, declaration) of the fields of a page that are kept, those that are made at run time first."""
    yield from form_class.made_later.items()
    for name, field in form_class.base_fields.items():
        declaration: Declaration | None = getattr(field, "answer", None)
        if declaration is not None:
            yield name, declaration


def declared_of(kind: "Form") -> Iterator[tuple[str, Declaration]]:
    """The same of all pages of a kind."""
    for step in kind.steps:
        yield from declared(step.form_class)


def answers_of(form_class: "type[StepForm]", service_request: "ServiceRequest") -> Iterator[Answer]:
    """The answers of one page as people read them; one that need not be given is left out where it is empty."""
    for name, one in declared(form_class):
        text = one.text(service_request) if one.label else ""
        if one.label and (text or one.is_shown_empty):
            yield Answer(one.key or name, one.label, text, one.is_code)


def problems_of(kind: "Form") -> list[str]:
    """What the pages of a kind forgot, in sentences: a field that is kept nowhere, a column that is never asked for."""
    problems = [
        f"{step.form_class.__name__}.{name} is not declared: use field_for, declare, or name it in `undeclared`."
        for step in kind.steps
        for name, field in step.form_class.base_fields.items()
        if not hasattr(field, "answer") and name not in step.form_class.undeclared
    ]
    stores = [one.stored for _, one in declared_of(kind)]
    asked = [store.name for store in stores if isinstance(store, DetailColumn)]
    model = kind.detail_model
    problems += [
        f"{model.__name__}.{name} is asked for by no page: ask for it, or name it in `unasked`."
        for name in model.columns()
        if name not in asked and name not in model.unasked
    ]
    problems += [
        f"{model.__name__}.{name} is asked for twice." for name in sorted(set(asked)) if asked.count(name) > 1
    ]
    listed = {str(store.accessor) for store in stores if isinstance(store, Rows)}
    problems += [
        f"{model.__name__}.{name}: no page declares these rows, so a renewal would lose them."
        for name in model.rows_below()
        if name not in listed
    ]
    return problems
