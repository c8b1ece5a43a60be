"""Networks as values in the database, and finding those that contain or share an address by an index.

A `NetworkField` gives an `ipaddress` network and takes one; nothing between a form and an export converts. PostgreSQL
keeps a `cidr`. SQLite keeps text that sorts as PostgreSQL does: the version, the first address in hexadecimal and the
prefix length, such as "4:c0000208/029". Spellings are judged by forms alone (portal.lib.networks.parse_network): what
was stored is read whatever a form would say of it today. docs/decisions/0025-networks-in-the-database.md.

    Host.objects.filter(network__contains_address=ip_address("192.0.2.9"))  # a network that the address is in
    Host.objects.filter(network__contains_network=network)  # one that has the whole of `network`
    Host.objects.filter(network__overlaps=network)  # one that shares an address with it
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.models import Field, Index, Lookup

from portal.lib.networks import Network

_HEX_DIGITS = {4: 8, 6: 32}
_LONGEST = len("6:") + 32 + len("/128")

if TYPE_CHECKING:
    _Field = Field[Network, Network]
    _Lookup = Lookup[Any]
else:
    _Field = Field
    _Lookup = Lookup


class NetworkField(_Field):
    """A network, IPv4 or IPv6, without host bits; a single address is one of /32 or /128."""

    description = "IP network"

    def db_type(self, connection: Any) -> str:
        """`cidr` on PostgreSQL, sortable text elsewhere."""
        return "cidr" if connection.vendor == "postgresql" else f"varchar({_LONGEST})"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Network | None:
        """The network of a stored value."""
        if value is None:
            return None
        return _of_cidr(value) if connection.vendor == "postgresql" else of_sortable(value)

    def to_python(self, value: Any) -> Network | None:
        """The network of a value from a fixture or a form. Raises ValidationError for what is none."""
        try:
            return None if value is None else ip_network(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def get_prep_value(self, value: Any) -> Any:
        """The network itself, which `get_db_prep_value` writes. Raises ValueError for what is none."""
        value = super().get_prep_value(value)
        return value if value is None or isinstance(value, IPv4Network | IPv6Network) else ip_network(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> str | None:
        """The network as this database keeps it."""
        network = value if prepared else self.get_prep_value(value)
        if network is None:
            return None
        return str(network) if connection.vendor == "postgresql" else sortable(network)

    def value_to_string(self, obj: Any) -> str:
        """The network in CIDR form, for a fixture."""
        return str(self.value_from_object(obj))


def sortable(network: Network) -> str:
    """The network as text that sorts by address, then by size, larger networks first."""
    first = int(network.network_address)
    return f"{network.version}:{first:0{_HEX_DIGITS[network.version]}x}/{network.prefixlen:03}"


def of_sortable(text: str) -> Network:
    """The network of such text."""
    first, length = int(text[2:-4], 16), int(text[-3:])
    return IPv4Network((first, length)) if text.startswith("4:") else IPv6Network((first, length))


def _of_cidr(text: str) -> Network:
    return IPv6Network(text) if ":" in text else IPv4Network(text)


# ---------------------------------------------------------------- lookups
class _NetworkLookup(_Lookup):
    """A condition on a column of networks, by one operator of PostgreSQL or by ranges and values of sortable text."""

    prepare_rhs = False
    operator: str
    """PostgreSQL's, of its table of network functions; a GiST index of inet_ops answers all of them."""

    def network(self) -> Network:
        """What the column is compared with."""
        return ip_network(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """The condition on sortable text."""
        column, values = self.process_lhs(compiler, connection)
        around = _around(self.network())
        marks = ", ".join(["%s"] * len(around))
        return f"{column} IN ({marks})", [*values, *around]

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """The condition on a `cidr`."""
        column, values = self.process_lhs(compiler, connection)
        return f"{column} {self.operator} %s::cidr", [*values, str(self.network())]


def _around(network: Network) -> list[str]:
    """Every network that has the whole of `network`, itself included: one of each prefix length."""
    lengths = range(network.prefixlen + 1)
    return [sortable(network.supernet(new_prefix=length)) for length in lengths]


@NetworkField.register_lookup
class ContainsNetwork(_NetworkLookup):
    """A network that has the whole of another one."""

    lookup_name = "contains_network"
    operator = ">>="


@NetworkField.register_lookup
class ContainsAddress(ContainsNetwork):
    """A network that has an address."""

    lookup_name = "contains_address"

    def network(self) -> Network:
        """The address as the smallest network. Raises TypeError for a network, which may be no single address."""
        if not isinstance(self.rhs, IPv4Address | IPv6Address):
            raise TypeError(f"contains_address asks for an address, not for {self.rhs!r}.")
        return ip_network(self.rhs)


@NetworkField.register_lookup
class Overlaps(_NetworkLookup):
    """A network that shares an address with another one: one of the two has the whole of the other."""

    lookup_name = "overlaps"
    operator = "&&"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Those around it, and those that begin within it: no network begins in one and ends outside."""
        around, params = super().as_sql(compiler, connection)
        column, values = self.process_lhs(compiler, connection)
        network = self.network()
        last = sortable(ip_network(network.broadcast_address))
        return f"({around} OR ({column} >= %s AND {column} <= %s))", [
            *params,
            *values,
            sortable(network),
            *values,
            last,
        ]


class NetworkIndex(Index):
    """An index of one NetworkField that answers its lookups, equality and order of addresses."""

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Statement:
        """The statement that makes it: GiST with inet_ops on PostgreSQL, by the sortable text elsewhere."""
        (name,) = self.fields
        table, quote = model._meta.db_table, schema_editor.quote_name
        is_postgresql = schema_editor.connection.vendor == "postgresql"
        how = "USING gist (%(columns)s inet_ops)" if is_postgresql else "(%(columns)s)"
        return Statement(
            f"CREATE INDEX %(name)s ON %(table)s {how}",
            table=Table(table, quote),
            name=quote(self.name),
            columns=Columns(table, [model._meta.get_field(name).column], quote),
        )
