"""The base of every kind's own row: the answers of one request, in columns and in rows below it."""

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import models
from django.db.models import prefetch_related_objects

if TYPE_CHECKING:
    from portal.workflow.models import ServiceRequest


class Detail(models.Model):
    """The answers of one request. A kind's model adds `service_request`, one to one and its key, and the columns."""

    joined: ClassVar[tuple[str, ...]] = ()
    """The foreign keys that are read together with the row."""
    unasked: ClassVar[tuple[str, ...]] = ()
    """The columns that no field of a page asks for by itself; a renewal copies them like the others."""

    class Meta:
        abstract = True

    @classmethod
    def begin(cls, service_request: "ServiceRequest") -> Self:
        """Create the empty row of a new draft."""
        columns: dict[str, Any] = {"service_request": service_request}
        return cls._default_manager.create(**columns)

    @classmethod
    def of(cls, service_request: "ServiceRequest") -> Self:
        """The request's own row with the rows below it; read once for an instance, until `forget`."""
        relation = cls._relation()
        if not relation.is_cached(service_request):
            rows = cls._default_manager.all()
            rows = rows.select_related(*cls.joined) if cls.joined else rows
            found = rows.get(pk=service_request.pk)
            relation.field.set_cached_value(found, service_request)
            relation.set_cached_value(service_request, found)
        detail: Self = relation.get_cached_value(service_request)
        prefetch_related_objects([detail], *cls.rows_below())
        return detail

    @classmethod
    def forget(cls, service_request: "ServiceRequest") -> None:
        """Read the row anew next time."""
        relation = cls._relation()
        if relation.is_cached(service_request):
            relation.delete_cached_value(service_request)

    @classmethod
    def rows_below(cls) -> list[str]:
        """The names of the lists of rows that belong to the row, such as "addresses"."""
        return [str(one.get_accessor_name()) for one in cls._meta.related_objects if one.one_to_many]

    @classmethod
    def columns(cls) -> list[str]:
        """The names of the columns that hold answers."""
        return [field.name for field in cls._meta.concrete_fields if not field.primary_key]

    @classmethod
    def column(cls, name: str) -> "models.Field[Any, Any]":
        """The column of this name."""
        return next(field for field in cls._meta.concrete_fields if field.name == name)

    @classmethod
    def _relation(cls) -> Any:
        # Where Django itself keeps a related row on an instance, so that refresh_from_db forgets it as well.
        return cls._meta.get_field("service_request").remote_field
