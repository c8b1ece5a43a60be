"""The database of the suite: migrated once for the run, with the cast in it, and copied for each process.

Every test starts from this state. Most run in a transaction that is rolled back at their end. Those that commit
(`transactional_db`) leave what they wrote to `restore`, which stands in for Django's `flush`: it removes what was
added and brings back what was changed or removed, where `flush` would empty every table and lose the migrations'
rows and the cast with them.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection, transaction

from tests.cast import make_cast

KEPT = "kept_"
"""Before the name of a table: the table that keeps its rows of the start. Empty tables have none."""
_restoring: list[str] = []


def prepare(shared: Path, process: str) -> None:
    """Point Django's connection to this process's own copy; whichever process comes first makes the original.

    `shared` is a folder that all processes of the run have; `process` is their name, empty where there is one.
    """
    with _alone(shared / "database.lock"):
        made = shared / "database"
        if not made.exists():
            _make_original(shared)
            made.write_text(str(connection.settings_dict["NAME"]))
        connection.close()
        _use(_copy_of(made.read_text(), process))
    _restoring[:] = _statements()


def remove() -> None:
    """Remove this process's copy."""
    name = str(connection.settings_dict["NAME"])
    connection.close()
    if connection.vendor == "sqlite":
        Path(name).unlink()
    else:
        _administer(f"DROP DATABASE {name} WITH (FORCE)")


def restore() -> None:
    """Bring every table back to its rows of the start. Sequences go on, as they do with `flush`."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(";".join(_restoring))
            return
        for statement in _restoring:
            cursor.execute(statement)


# ---------------------------------------------------------------- making it
def _make_original(shared: Path) -> None:
    """Migrate an empty database, add the cast, and keep the rows of every table that has some."""
    names: dict[str, Any] = connection.settings_dict["TEST"]
    names["NAME"] = str(shared / "original.sqlite3") if connection.vendor == "sqlite" else "test_original"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    make_cast()
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {_quoted(table)})")
            if cursor.fetchone()[0]:
                cursor.execute(f"CREATE TABLE {_quoted(KEPT + table)} AS SELECT * FROM {_quoted(table)}")


def _copy_of(original: str, process: str) -> str:
    """The name of a copy of the database named `original`."""
    if connection.vendor == "sqlite":
        copy = Path(original).with_name(f"test{process}.sqlite3")
        shutil.copyfile(original, copy)
        return str(copy)
    name = f"test_techmail{process}"
    _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {original}")
    return name


def _use(name: str) -> None:
    connection.settings_dict["NAME"] = name


def _administer(*statements: str) -> None:
    """Run statements that no transaction may hold, beside the database that they are about."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as beside:
        for statement in statements:
            beside.execute(statement)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------- bringing it back
def _tables() -> list[str]:
    return sorted(connection.introspection.django_table_names(only_existing=True, include_views=False))


def _statements() -> list[str]:
    """What `restore` runs: deletions first, as a unique value may have moved to another row."""
    with connection.cursor() as cursor:
        kept = {
            table.name.removeprefix(KEPT): str(table.name)
            for table in connection.introspection.get_table_list(cursor)
            if table.name.startswith(KEPT)
        }
        keys = {table: connection.introspection.get_primary_key_column(cursor, table) for table in kept}
    deletions, insertions = [], []
    for table in _tables():
        now = _quoted(table)
        if table not in kept:
            deletions.append(f"DELETE FROM {now}")
            continue
        then, key = _quoted(kept[table]), _quoted(str(keys[table]))
        changed = f"SELECT {key} FROM (SELECT * FROM {now} EXCEPT SELECT * FROM {then}) AS changed"
        deletions.append(f"DELETE FROM {now} WHERE {key} IN ({changed})")
        insertions.append(f"INSERT INTO {now} SELECT * FROM {then} EXCEPT SELECT * FROM {now}")
    return deletions + insertions


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
