"""What people typed of an authorization never becomes a record or a command of its own: refused, or plain text."""

from pathlib import Path

import dns.rdatatype
import dns.zone
import pytest
from django.db.models import Field, Model
from django.utils import timezone

from portal.enforcement.targets import LintError
from portal.grants.models import Grant
from senders.exports import ADD, REMOVE, DnsRecords
from senders.models import AuthorizedAddress, AuthorizedSelector, PlannedRecord, SenderAuthorization
from tests.cast import Cast
from tests.enforcement.test_injection import EVIL, MARK, as_kept
from tests.senders.cast import waiting
from tests.senders.test_exports import FIXED_KEY
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
MORE = (
    *EVIL,
    f'x" "{MARK}',
    f"x\\\n{MARK} 3600 IN A 192.0.2.1",
    f"x\n$INCLUDE /etc/{MARK}",
    f"x\nupdate add {MARK}.ttu.edu 60 A 192.0.2.1",
    f"x. 60 IN CNAME {MARK}",
)
MORE_AS_KEPT = tuple(as_kept(evil) for evil in MORE)
FIELDS: list[tuple[type[Model], str]] = [
    *(
        (SenderAuthorization, name)
        for name in (
            "service_name",
            "vendor",
            "sending_domain",
            "envelope_domain",
            "signing_domain",
            "spf_term",
            "exit_plan",
        )
    ),
    (AuthorizedAddress, "address"),
    (AuthorizedSelector, "selector"),
    (AuthorizedSelector, "value"),
    *((PlannedRecord, name) for name in ("name", "value", "note", "publish", "alarm_note")),
    (Grant, "reference"),
    (Grant, "title"),
]


def assert_harmless(files: dict[str, str]) -> None:
    """The mark stands in remarks and inside the strings of TXT records alone, and the script only deletes."""
    zone = dns.zone.from_text(files[ADD], origin=".", relativize=False, check_origin=False)
    for name, node in zone.nodes.items():
        assert MARK not in str(name)
        for rdataset in node.rdatasets:
            if rdataset.rdtype != dns.rdatatype.TXT:
                assert MARK not in rdataset.to_text()
    for line in files[REMOVE].split("\n"):
        assert not line or line.startswith((";", "update delete ")), line
        if not line.startswith(";"):
            assert MARK not in line.partition('"')[0], line


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field[0].__name__}.{field[1]}")
def test_no_field_of_an_authorization_breaks_out(
    names: DnsServer, cast: Cast, tmp_path: Path, field: tuple[type[Model], str]
) -> None:
    grant = waiting(cast, keys=(FIXED_KEY,), spf_term="include:spf.crmvendor.example")
    model, name = field
    row = model._default_manager.order_by("pk").last()
    assert row is not None
    # As the zone answered: what a stranger's record holds stands in the files as well.
    PlannedRecord.objects.update(
        state="conflict", is_there=False, seen_at=timezone.now(), found=list(MORE_AS_KEPT)
    )
    column = model._meta.get_field(name)
    assert isinstance(column, Field)
    limit = column.max_length or 500
    refused = 0
    for number, evil in enumerate(MORE):
        model._default_manager.filter(pk=row.pk).update(**{name: as_kept(evil)[:limit]})
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            export = DnsRecords().render(day=grant.starts_on, install_path="/x")
            for file, text in export.files.items():
                (folder / file).write_text(text, encoding="utf-8", newline="\n")
            DnsRecords().lint(folder)
        except (LintError, ValueError):
            refused += 1  # As a whole: nothing of it is published.
            continue
        assert_harmless(dict(export.files))
    # What stands in no record, or in a remark, is published all the same.
    if name in ("service_name", "vendor", "exit_plan", "title", "reference", "note", "publish", "alarm_note"):
        assert refused == 0
