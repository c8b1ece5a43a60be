"""A database from before samples had their own app keeps its samples, proofs and probe addresses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty_database(db: None, tmp_path: Path) -> str:
    """The address of a database without any table, of the kind that this pass runs on."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{tmp_path}/old.sqlite3"
    return os.environ["DATABASE_URL"].replace("/postgres?", "/old_database?", 1)


def run(url: str, *command: str) -> str:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.django_db(transaction=True)
def test_samples_tokens_and_proofs_are_carried_over(empty_database: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE old_database")
    run(empty_database, "-m", "tests.samples.old_database", "fill")
    run(empty_database, "manage.py", "migrate", "--verbosity", "0")
    found = json.loads(run(empty_database, "-m", "tests.samples.old_database", "look"))
    assert found["proof"] == [7, "0" * 64, True, {"from": "b@c.example"}]
    assert found["next_id"] == 8
    assert found["tokens"]["TM-I-1"] == "a" * 20
    assert len(found["tokens"]["TM-W-1"]) == 20
    assert not found["old_table"]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE old_database")
