"""What people typed never becomes a line, a field or a command of its own, in any format: refused, or plain text."""

import csv
import io
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.db.models import Field, Model

from portal.enforcement.targets import EXPORT_TARGETS, Export, LintError, Target
from portal.grants.models import Grant
from relay.models import PermittedAddress, PermittedSender, RelayPermission
from tests.cast import Cast, approve, approved
from tests.enforcement.pulled import script
from tests.support.dns_server import DnsServer
from tests.whitelist.cast import submitted as whitelist_submitted
from tests.whitelist.conftest import names as names  # noqa: PLC0414 - a fixture of the whitelist's tests
from whitelist.models import PermittedEntry, WhitelistPermission

pytestmark = pytest.mark.django_db
MARK = "mallory"
EVIL = (
    f"x\n0.0.0.0/0\t{MARK}",
    f"x\r\nX-{MARK}: header",
    f"x\n{MARK}@evil.example",
    f"x\nwelcomelist_from *@{MARK}.example",
    f"x'; Remove-{MARK} y; '",
    f"x\u2019; Remove-{MARK} y; \u2019",
    f"x\n.include {MARK}",
    f'x"; {MARK} = "1',
    f"=HYPERLINK({MARK})",
    f"x}}, permit, {{{MARK}",
    f"$({MARK})",
    f"x\u2028{MARK}",
    f"x\x00{MARK}\x0b{MARK}\x85{MARK}",
)


FIELDS: list[tuple[type[Model], str]] = [
    *(
        (Grant, name)
        for name in ("reference", "title", "department", "functional_mailbox", "subject_key", "state_reason")
    ),
    (RelayPermission, "hostname"),
    (RelayPermission, "recipient_domains"),
    (PermittedSender, "address"),
    (WhitelistPermission, "vendor"),
    (PermittedEntry, "value"),
]


@pytest.fixture(autouse=True)
def no_slow_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only our own readers judge here: the programs take a second a file, and have tests of their own."""
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)


@pytest.fixture
def grants(names: DnsServer, cast: Cast) -> None:
    approved(cast, address="129.118.10.20")
    approve(cast, whitelist_submitted(cast))


def as_kept(text: str) -> str:
    """The text as the database of this pass takes it: PostgreSQL refuses a NUL, which so never gets that far."""
    return text.replace("\x00", "") if connection.vendor == "postgresql" else text


def assert_harmless(target: Target, export: Export, folder: Path) -> None:
    """The target's own lint takes it, and the mark stands only where text may stand."""
    for name, text in export.files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    target.lint(folder)
    for name, text in export.files.items():
        assert not set(text) & set("\x00\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029"), name
        if name.endswith(".csv"):
            cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
            continue
        for line in text.split("\n"):
            if MARK in line:
                is_text = line.startswith(("#", ";", "  Comments = '")) or "REJECT 5.7.1 " in line
                assert is_text, line
                assert not line.startswith(MARK)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field[0].__name__}.{field[1]}")
def test_no_field_of_a_grant_breaks_out(
    grants: None, cast: Cast, tmp_path: Path, field: tuple[type[Model], str]
) -> None:
    model, name = field
    day = Grant.objects.earliest("pk").starts_on
    row = model._default_manager.order_by("pk").last()
    assert row is not None
    column = model._meta.get_field(name)
    assert isinstance(column, Field)
    limit = column.max_length or 500
    for number, evil in enumerate(EVIL):
        model._default_manager.filter(pk=row.pk).update(**{name: as_kept(evil)[:limit]})
        for target in EXPORT_TARGETS:
            folder = tmp_path / f"{number}-{target.key}"
            folder.mkdir()
            try:
                export = target.render(day=day, install_path=f"/etc/portal/{target.key}")
            except (LintError, ValueError):
                continue  # Refused as a whole: nothing of it is published.
            try:
                assert_harmless(target, export, folder)
            except LintError:
                continue


@pytest.mark.parametrize("evil", EVIL)
def test_what_is_no_network_is_neither_kept_nor_written(grants: None, evil: str) -> None:
    rows = PermittedAddress.objects.filter(pk=PermittedAddress.objects.latest("pk").pk)
    with pytest.raises(ValueError, match="does not appear to be"), transaction.atomic():
        rows.update(network=evil)
    if connection.vendor == "postgresql":
        return  # its column takes networks alone
    with connection.cursor() as cursor:
        cursor.execute("UPDATE relay_permittedaddress SET network = %s", [evil])
    for target in EXPORT_TARGETS:
        if target.kind == "relay":
            with pytest.raises(ValueError, match="invalid literal"):
                target.render(day=Grant.objects.earliest("pk").starts_on, install_path="/etc/portal")


@pytest.mark.parametrize("evil", EVIL)
def test_no_address_of_an_owner_breaks_out(grants: None, cast: Cast, tmp_path: Path, evil: str) -> None:
    day = Grant.objects.earliest("pk").starts_on
    type(cast.requester).objects.filter(pk=cast.requester.pk).update(email=f"{as_kept(evil)}@ttu.edu")
    for target in EXPORT_TARGETS:
        folder = tmp_path / target.key
        folder.mkdir()
        assert_harmless(target, target.render(day=day, install_path=f"/etc/portal/{target.key}"), folder)


def test_no_owner_keeps_an_entry_past_its_end(grants: None, cast: Cast) -> None:
    """The host ends entries by the remark above them, and that holds the owner's address."""
    grant = Grant.objects.get(kind="relay")
    for evil in ("a;  W-9 owner=b", "a\n# TM-R-9999: b", "a ; X owner="):
        type(cast.requester).objects.filter(pk=cast.requester.pk).update(email=f"{evil}@ttu.edu")
        for target in EXPORT_TARGETS:
            export = target.render(day=grant.starts_on, install_path="/x")
            for name, text in export.files.items():
                ended = {entry.grant for entry in export.entries}
                left = script().drop(name, text.encode(), ended).decode()
                if name == "relay_clients.cidr":
                    assert "129.118.10.20/32\tREJECT" in left
                if name in ("allow_addr.map", "techmail_welcomelist.cf"):
                    assert not [line for line in left.split("\n") if line and not line.startswith("#")]
                if name.endswith(".csv"):
                    assert left.count("\n") == 1
