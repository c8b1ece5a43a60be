"""Every answer of every kind is declared once: what is forgotten does not start, what is declared comes through whole."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django import forms
from django.db import models

from portal.workflow import answers, registry
from portal.workflow.answers import (
    DetailColumn,
    RequestColumn,
    Rows,
    declare,
    declared,
    declared_of,
    field_for,
)
from portal.workflow.forms import StepForm
from portal.workflow.kinds import Kind, Step
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering, requesting
from relay.models import RelayRequest
from tests.cast import Cast, relay_draft

KINDS = registry.kinds()


def key_of(kind: Kind) -> str:
    return kind.key


class HostStep(StepForm):
    hostname = field_for(RelayRequest.hostname, "Host name", answer="Host name")


class Careless(StepForm):
    hostname = forms.CharField()


def with_steps(*forms_of_steps: type[StepForm]) -> Kind:
    class Short(type(registry.get("relay"))):  # type: ignore[misc] # a class made for the test
        key, prefix = "short", "X"
        steps = tuple(Step(form.__name__, form.__name__, form) for form in forms_of_steps)

    return Short()


@pytest.mark.parametrize("kind", KINDS, ids=key_of)
def test_no_kind_forgot_an_answer(kind: Kind) -> None:
    assert answers.problems_of(kind) == []


def test_a_column_that_no_page_asks_for_does_not_start() -> None:
    with pytest.raises(ValueError, match=r"RelayRequest\.asset_tag is asked for by no page"):
        registry.KINDS.add(with_steps(HostStep))
    assert "short" not in {kind.key for kind in registry.kinds()}


def test_rows_that_no_page_declares_do_not_start() -> None:
    assert "RelayRequest.senders: no page declares these rows, so a renewal would lose them." in (
        answers.problems_of(with_steps(HostStep))
    )


def test_a_field_that_is_kept_nowhere_and_a_column_asked_for_twice_do_not_start() -> None:
    problems = answers.problems_of(with_steps(Careless, HostStep, HostStep))
    assert any("Careless.hostname is not declared" in problem for problem in problems)
    assert "RelayRequest.hostname is asked for twice." in problems


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS, ids=key_of)
def test_every_answer_comes_to_a_renewal_and_a_statement_does_not(cast: Cast, kind: Kind) -> None:
    """With a value in every column, so that none is the same by being empty."""
    old = requesting.create_draft(kind=kind, requester=cast.requester)
    stores = {name: one for name, one in declared_of(kind) if isinstance(one.stored, DetailColumn)}
    written = {name: a_value(one.stored.column, cast) for name, one in stores.items()}  # type: ignore[attr-defined]
    answering.write_answers(service_request=old, answers=written)
    new = requesting.create_draft(kind=kind, requester=cast.requester)
    answering.copy_answers(source=old, target=new, instead={})
    kind.detail_model.forget(new)
    for name, one in stores.items():
        found = one.stored.read(new)
        if one.is_statement:
            assert found is False, name
        else:
            assert str(found) == str(written[name]), name


def a_value(column: "models.Field[Any, Any]", cast: Cast) -> Any:
    """Some value that fits a column and is not its default."""
    if column.choices:
        return list(dict(column.flatchoices))[-1]
    if isinstance(column, models.ForeignKey):
        return cast.colleague if column.related_model is type(cast.colleague) else None
    for kind, value in (
        (models.BooleanField, True),
        (models.DateField, date(2026, 11, 24)),
        (models.DecimalField, Decimal("0.25")),
        (models.IntegerField, 7),
        (models.EmailField, "noreply-lab@ttu.edu"),
    ):
        if isinstance(column, kind):
            return value
    return "Something"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS, ids=key_of)
def test_every_answer_with_a_label_is_read_under_it(cast: Cast, kind: Kind) -> None:
    draft = requesting.create_draft(kind=kind, requester=cast.requester)
    written = {
        name: a_value(one.stored.column, cast)
        for name, one in declared_of(kind)
        if isinstance(one.stored, DetailColumn) and not isinstance(one.stored.column, models.ForeignKey)
    }
    answering.write_answers(service_request=draft, answers=written)
    for step in kind.steps:
        read = {answer.field: answer for answer in step.form_class.answers(draft)}
        for name, one in declared(step.form_class):
            if name in written and one.label:
                found = read[one.key or name]
                assert (found.label, bool(found.value)) == (one.label, True) or one.composed, name


@pytest.mark.django_db
def test_what_is_read_of_each_sort_of_value(cast: Cast) -> None:
    draft = relay_draft(cast)
    answering.write_answers(service_request=draft, answers={"most_per_day": 1000})
    read = {row["field"]: row["value"] for row in requesting.answers_of(draft)}
    assert read["system_kind"] == "A copier or scanner"  # a choice by its label
    assert read["most_per_day"] == "1,000"
    assert read["is_fed_by_web_form"] == "No"
    assert read["is_attested"] == "Stated by the requester"
    assert read["addresses"] == "129.118.10.20"  # a network of one address, as people write it
    assert read["bounce_address"] == ""  # shown though it is empty
    assert "capability_reason" not in read  # left out while it is empty
    assert registry.get("relay").search_terms(draft) == {
        "129.118.10.20",
        "copier-7.ttu.edu",
        "noreply-lab@ttu.edu",
    }


@pytest.mark.django_db
def test_a_page_shows_what_was_saved_as_it_is_typed(cast: Cast) -> None:
    draft = relay_draft(cast)
    entry = next(step for step in registry.get("relay").steps if step.key == "network")
    form = entry.form_class(draft)
    assert form["addresses"].value() == ["129.118.10.20"]
    assert form["hostname"].value() == "copier-7.ttu.edu"


@pytest.mark.django_db
def test_rows_keep_what_else_stands_in_them_only_where_they_say_so(cast: Cast) -> None:
    draft = relay_draft(cast)
    before = {row.address: row.pk for row in RelayRequest.of(draft).senders.all()}
    (address,) = before
    answering.write_answers(service_request=draft, answers={"senders": ["alerts@ttu.edu", address]})
    after = {row.address: row.pk for row in RelayRequest.of(draft).senders.all()}
    assert after[address] == before[address]
    assert set(after) == {"alerts@ttu.edu", address}
    kept = [row.pk for row in RelayRequest.of(draft).addresses.all()]
    answering.write_answers(service_request=draft, answers={"addresses": [row_value(draft) for _ in kept]})
    assert [row.pk for row in RelayRequest.of(draft).addresses.all()] != kept


def row_value(draft: ServiceRequest) -> Any:
    store = dict(declared_of(draft.kind_entry))["addresses"].stored
    assert isinstance(store, Rows)
    return store.read(draft)[0]


@pytest.mark.django_db
def test_a_request_read_again_has_the_row_as_it_is_now(cast: Cast, django_assert_num_queries: Any) -> None:
    draft = relay_draft(cast)
    with django_assert_num_queries(3):  # the row, and the two lists below it
        detail = RelayRequest.of(draft)
    with django_assert_num_queries(0):
        assert RelayRequest.of(draft) is detail
        assert detail.service_request is draft
    RelayRequest.objects.filter(pk=draft.pk).update(hostname="other.ttu.edu")
    draft.refresh_from_db()
    assert RelayRequest.of(draft).hostname == "other.ttu.edu"


def test_a_declared_field_keeps_its_place_on_the_page() -> None:
    field = declare(
        forms.CharField(), RequestColumn("purpose"), "Purpose", shown_when=("a", ("b",)), note="short"
    )
    assert (field.shown_when, field.note) == (("a", ("b",)), "short")  # type: ignore[attr-defined]
