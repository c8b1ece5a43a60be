"""Saving answers where their fields say that they are kept, and copying them to a renewal."""

from collections.abc import Iterable, Mapping
from typing import Any

from portal.workflow.answers import DetailColumn, RequestColumn, Store, declared_of
from portal.workflow.details import Detail
from portal.workflow.models import ServiceRequest


def write_columns(*, detail: Detail, columns: Mapping[str, Any]) -> None:
    """Write columns of a kind's detail row, with its history."""
    for name, value in columns.items():
        setattr(detail, name, value)
    detail.save(update_fields=list(columns))


def write(*, service_request: ServiceRequest, values: Iterable[tuple[Store, Any]]) -> None:
    """Save values where they are kept: the detail row's columns at once, then each list of rows.

    A column of the request itself is set on the instance, which the caller saves.
    """
    pairs = list(values)
    columns = {store.name: value for store, value in pairs if isinstance(store, DetailColumn)}
    if columns:
        detail = service_request.kind_entry.detail_model.of(service_request)
        write_columns(detail=detail, columns=columns)
    for store, value in pairs:
        if not isinstance(store, DetailColumn):
            store.write(service_request, value)


def write_answers(*, service_request: ServiceRequest, answers: Mapping[str, Any]) -> None:
    """Save answers by the names of their fields, unchecked: for what the portal itself fills in. KeyError for no field."""
    stores = {name: one.stored for name, one in declared_of(service_request.kind_entry)}
    write(service_request=service_request, values=[(stores[name], value) for name, value in answers.items()])


def copy_answers(*, source: ServiceRequest, target: ServiceRequest, instead: Mapping[str, Any]) -> None:
    """Copy the answers of one request to another of its kind; `instead` has other values, by the fields' names.

    What the requester states is stated anew, and the columns that all kinds share are the caller's.
    """
    kind, model = target.kind_entry, target.kind_entry.detail_model
    stores = [
        (name, one.stored)
        for name, one in declared_of(kind)
        if not (one.is_statement or isinstance(one.stored, RequestColumn))
    ]
    stores += [(name, DetailColumn(model.column(name))) for name in model.unasked]
    values = [(store, instead[name] if name in instead else store.read(source)) for name, store in stores]
    write(service_request=target, values=values)
