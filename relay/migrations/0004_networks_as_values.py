"""Addresses become networks of the database: `cidr` on PostgreSQL, sortable text on SQLite. Both can be undone."""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import django.db.models
from django.db import migrations

import portal.lib.network_field

CHUNK = 2000
_DIGITS = {4: 8, 6: 32}


def _address(version: int, number: int) -> str:
    return f"{version}:{number:0{_DIGITS[version]}x}"


def _sortable(network: IPv4Network | IPv6Network) -> str:
    # As portal.lib.network_field.sortable wrote it when this migration was made.
    return f"{_address(network.version, int(network.network_address))}/{network.prefixlen:03}"


def _of_sortable(text: str) -> IPv4Network | IPv6Network:
    number, length = int(text[2:-4], 16), int(text[-3:])
    return IPv4Network((number, length)) if text.startswith("4:") else IPv6Network((number, length))


def _rewrite(model: Any, changed: Callable[[str], dict[str, str]], connection: Any) -> None:
    """Give each row of `model` the columns that `changed` makes of its network."""
    done = 0
    while rows := list(model.objects.filter(pk__gt=done).order_by("pk").values_list("pk", "network")[:CHUNK]):
        done = rows[-1][0]
        made = [(pk, changed(text)) for pk, text in rows]
        model.objects.bulk_update((model(pk=pk, **new) for pk, new in made), list(made[0][1]))
    # PostgreSQL alters no table while its checks of this transaction's changes are put off.
    connection.check_constraints(table_names=[model._meta.db_table])


def write_sortable(apps: Any, schema_editor: Any) -> None:
    """Write every network as the new column takes it: without host bits, and on SQLite as sortable text.

    No spelling is judged: what was granted stays granted.
    """
    write = str if schema_editor.connection.vendor == "postgresql" else _sortable
    for name in ("RelayAddress", "PermittedAddress"):
        model = apps.get_model("relay", name)
        _rewrite(model, lambda text: {"network": write(ip_network(text, strict=False))}, schema_editor.connection)


def write_cidr(apps: Any, schema_editor: Any) -> None:
    """Write every network in CIDR form again, with its first and last address beside it."""
    read = ip_network if schema_editor.connection.vendor == "postgresql" else _of_sortable

    def bounded(text: str) -> dict[str, str]:
        network = read(text)
        return {
            "network": str(network),
            "first": _address(network.version, int(network.network_address)),
            "last": _address(network.version, int(network.broadcast_address)),
        }

    _rewrite(apps.get_model("relay", "RelayAddress"), lambda text: {"network": str(read(text))}, schema_editor.connection)
    _rewrite(apps.get_model("relay", "PermittedAddress"), bounded, schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ('relay', '0003_departments_and_domains'),
    ]

    operations = [
        # The default is for the way back, on which the columns are made before they are filled.
        migrations.AlterField(
            model_name='permittedaddress',
            name='first',
            field=django.db.models.CharField(db_index=True, default='', max_length=34),
        ),
        migrations.AlterField(
            model_name='permittedaddress',
            name='last',
            field=django.db.models.CharField(default='', max_length=34),
        ),
        migrations.RunPython(write_sortable, write_cidr),
        migrations.AlterField(
            model_name='permittedaddress',
            name='network',
            field=portal.lib.network_field.NetworkField(),
        ),
        migrations.AlterField(
            model_name='relayaddress',
            name='network',
            field=portal.lib.network_field.NetworkField(),
        ),
        migrations.RemoveField(
            model_name='permittedaddress',
            name='first',
        ),
        migrations.RemoveField(
            model_name='permittedaddress',
            name='last',
        ),
        migrations.AddIndex(
            model_name='permittedaddress',
            index=portal.lib.network_field.NetworkIndex(fields=['network'], name='relay_by_network'),
        ),
        migrations.AddIndex(
            model_name='relayaddress',
            index=portal.lib.network_field.NetworkIndex(fields=['network'], name='relay_requests_by_network'),
        ),
    ]
