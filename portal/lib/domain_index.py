"""Finding names and addresses at or below a domain by an index, whatever the size of the table.

A domain is the end of a name, and an index finds beginnings: so the index is of the name turned round. Its pieces:
`DomainIndex` for a model's Meta, and two lookups for text columns. Where a column has no such index the lookups work
as well, by reading the table.

    Host.objects.filter(hostname__at_or_below="example.edu")         # example.edu, www.example.edu
    Sender.objects.filter(address__mailbox_at_or_below="example.edu")  # a@example.edu, a@www.example.edu
"""

from typing import TYPE_CHECKING, Any

from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.models import CharField, Index, Lookup


class DomainIndex(Index):
    """An index of one text column, turned round and in lower case, for the lookups of this module."""

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Statement:
        """The statement that makes it. PostgreSQL compares by its locale unless it is told to compare characters."""
        (name,) = self.fields
        table, quote = model._meta.db_table, schema_editor.quote_name
        how = " text_pattern_ops" if schema_editor.connection.vendor == "postgresql" else ""
        return Statement(
            f"CREATE INDEX %(name)s ON %(table)s (REVERSE(LOWER(%(columns)s)){how})",
            table=Table(table, quote),
            name=quote(self.name),
            columns=Columns(table, [model._meta.get_field(name).column], quote),
        )


if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup


class _Tail(_Lookup):
    """Text that ends in one of some ends, or is one, in any case of letters."""

    prepare_rhs = False

    def ends(self) -> tuple[str | None, tuple[str, ...]]:
        """What the text may be as a whole (None for nothing), and how it may end."""
        raise NotImplementedError

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """The condition on the text turned round, in which each end is a beginning."""
        column, values = self.process_lhs(compiler, connection)
        turned, (whole, ends) = f"REVERSE(LOWER({column}))", self.ends()
        parts: list[str] = []
        params: list[Any] = []
        if whole is not None:
            parts.append(f"{turned} = %s")
            params += [*values, whole[::-1]]
        for end in ends:
            begin = end[::-1]
            if connection.vendor == "postgresql":
                parts.append(f"{turned} LIKE %s")
                params += [*values, f"{_escaped(begin)}%"]
            else:
                # SQLite's LIKE knows no case and so no index; its comparison is of characters already.
                parts.append(f"({turned} >= %s AND {turned} < %s)")
                params += [*values, begin, *values, f"{begin[:-1]}{chr(ord(begin[-1]) + 1)}"]
        return f"({' OR '.join(parts)})", params


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@CharField.register_lookup
class AtOrBelow(_Tail):
    """A name that is a domain, or lies below it."""

    lookup_name = "at_or_below"

    def ends(self) -> tuple[str | None, tuple[str, ...]]:
        """The domain itself, and what ends in it after a dot."""
        domain = str(self.rhs).lower()
        return domain, (f".{domain}",)


@CharField.register_lookup
class MailboxAtOrBelow(_Tail):
    """An email address at a domain, or below it."""

    lookup_name = "mailbox_at_or_below"

    def ends(self) -> tuple[str | None, tuple[str, ...]]:
        """What ends in the domain after the @ or after a dot."""
        domain = str(self.rhs).lower()
        return None, (f"@{domain}", f".{domain}")
