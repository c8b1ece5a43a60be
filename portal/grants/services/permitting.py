"""Writing what a grant allows: the columns that a kind's permission shares with its answers."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import models

from portal.grants.models import Grant
from portal.workflow.details import Detail

Permission = TypeVar("Permission", bound=models.Model)


def shared_columns(model: type[models.Model], detail: type[Detail]) -> list[str]:
    """The names of the columns that a permission has in common with the kind's answers."""
    answered = set(detail.columns())
    return [field.name for field in model._meta.concrete_fields if field.name in answered]


def write_permission(
    *,
    model: type[Permission],
    grant: Grant,
    detail: Detail,
    instead: Mapping[str, Any] | None = None,
) -> Permission:
    """Write the permission of a grant as it was asked for, with `instead` where a reviewer cut something; returns it.

    `model` is the kind's permission, one to one with its grant.
    """
    columns = {name: getattr(detail, name) for name in shared_columns(model, type(detail))}
    permission, _ = model._default_manager.update_or_create(
        grant=grant, defaults=columns | dict(instead or {})
    )
    return permission
