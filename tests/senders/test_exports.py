"""The DNS export: golden, escaped, linted, and gone when the authorization is."""

import json
from datetime import date
from pathlib import Path

import pytest
import time_machine

from portal.enforcement.targets import Held, LintError, as_json
from portal.grants.models import Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from senders import dns_text, services, watching
from senders.dns_text import Record, quoted
from senders.exports import ADD, REMOVE, DnsRecords, lint_removals, lint_zone
from senders.models import PlannedRecord, SenderAuthorization
from tests.cast import Cast
from tests.senders.cast import add_sample, sender_draft, signed, waiting
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden"
DAY = date(2026, 8, 22)
FIXED_KEY = (
    "k1 v=DKIM1; k=rsa; p="
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)


@pytest.fixture
def two_grants(names: DnsServer, cast: Cast) -> list[Grant]:
    with time_machine.travel("2026-08-22 15:00:00+00:00", tick=True):
        names.add("s1._domainkey.crm.ttu.edu", "CNAME", "s1.dkim.crmvendor.example.")
        names.txt("_dmarc.crm.ttu.edu", "v=DMARC1; p=reject; psd=n; adkim=s")
        first = waiting(cast)
        add_sample(first.request, signed())
        second = waiting(
            cast,
            keys=(FIXED_KEY,),
            spf_term="include:spf.crmvendor.example",
            envelope_domain="bounce.crm.ttu.edu",
        )
        watching.check_dns_records(today=DAY)
        return [Grant.objects.get(pk=first.pk), second]


@pytest.mark.parametrize("name", [ADD, REMOVE])
def test_the_files_are_the_golden_ones(two_grants: list[Grant], cast: Cast, name: str) -> None:
    with time_machine.travel("2026-08-22 16:00:00+00:00", tick=True):
        third_ends(cast)
        text = DnsRecords().render(day=DAY, install_path="/etc/dns").files[name]
    golden = GOLDEN / name
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
        pytest.fail(f"{golden} was missing and is written now; look at it and commit it.")
    assert text == golden.read_text()


def third_ends(cast: Cast) -> None:
    grant = waiting(cast, keys=("s3 s1.dkim.crmvendor.example",))
    managing.change_state(grant=grant, action=GrantAction.END, actor=cast.requester, reason="Given up.")


def test_only_what_is_in_force_is_an_entry(two_grants: list[Grant]) -> None:
    entries = DnsRecords().render(day=DAY, install_path="/x").entries
    assert [(entry.grant, entry.value) for entry in entries] == [
        (two_grants[0].reference, "news@crm.ttu.edu")
    ]


def test_records_go_when_the_grant_is_revoked_and_stay_where_another_needs_them(
    two_grants: list[Grant], cast: Cast
) -> None:
    managing.change_state(
        grant=two_grants[0], action=GrantAction.REVOKE, actor=cast.reviewer, reason="Abuse."
    )
    files = DnsRecords().render(day=DAY, install_path="/x").files
    assert "s1._domainkey.crm.ttu.edu. 3600" not in files[ADD]
    assert "update delete s1._domainkey.crm.ttu.edu. CNAME s1.dkim.crmvendor.example." in files[REMOVE]
    assert "_dmarc.crm.ttu.edu. 3600 IN TXT" in files[ADD]
    assert "update delete _dmarc" not in files[REMOVE]
    assert f"; stays, since {two_grants[1].reference} needs it: _dmarc.crm.ttu.edu" in files[REMOVE]


def test_records_go_on_the_day_after_the_last_whatever_the_scheduler_did(two_grants: list[Grant]) -> None:
    after = date(2027, 12, 1)
    files = DnsRecords().render(day=after, install_path="/x").files
    assert " IN " not in files[ADD]
    # Also of what was last seen missing: the DNS team may have published it since.
    assert files[REMOVE].count("update delete") == 4


def test_what_is_published_is_linted_with_a_real_parser(two_grants: list[Grant], tmp_path: Path) -> None:
    for name, text in DnsRecords().render(day=DAY, install_path="/x").files.items():
        (tmp_path / name).write_text(text)
    DnsRecords().lint(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "name. 3600 IN CNAME\n",
        "$INCLUDE /etc/passwd\n",
        'a. 60 IN TXT "open\n',
        'a. 60 IN CNAME b.\na. 60 IN TXT "x"\n',
    ],
)
def test_a_malformed_zone_is_refused(text: str) -> None:
    with pytest.raises(LintError):
        lint_zone(text)


@pytest.mark.parametrize("line", ["update add a. 60 TXT x", "server 192.0.2.1", "send"])
def test_a_removal_only_removes(line: str) -> None:
    with pytest.raises(LintError):
        lint_removals(f"; ok\n{line}\n")


@pytest.mark.parametrize(
    "value", ["a.example.\nevil. 60 IN A 192.0.2.1", "a b.example", "a;b.example", "*.example", ""]
)
def test_a_name_that_a_zone_would_read_otherwise_stops_the_publication(
    two_grants: list[Grant], value: str
) -> None:
    PlannedRecord.objects.filter(authorization=two_grants[0].senders, rdtype="CNAME").update(value=value)
    with pytest.raises(LintError):
        DnsRecords().render(day=DAY, install_path="/x")


def test_text_is_escaped_and_split() -> None:
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
    assert quoted("x" * 300) == f'"{"x" * 255}" "{"x" * 45}"'
    assert Record("k._domainkey.ttu.edu", "TXT", "v=DKIM1; p=a").line == (
        'k._domainkey.ttu.edu. 3600 IN TXT "v=DKIM1; p=a"'
    )
    with pytest.raises(LintError):
        quoted("line\nbreak")


def test_the_change_set_of_the_mail_domain_touches_no_dmarc_record(cast: Cast, names: DnsServer) -> None:
    draft = sender_draft(cast, identity="mail_domain", sending_domain="ttu.edu", signing_domain="ttu.edu")
    lines = dns_text.change_set(services.plan_of(draft))
    assert lines == ["s1._domainkey.ttu.edu. 3600 IN CNAME s1.dkim.crmvendor.example."]


# ---------------------------------------------------------------- what a release holds back
def test_a_permission_is_written_from_what_was_kept_of_it(two_grants: list[Grant]) -> None:
    target, references = DnsRecords(), [grant.reference for grant in two_grants]
    with time_machine.travel("2026-08-22 16:00:00+00:00", tick=True):
        before = target.render(day=DAY, install_path="/x")
        kept = {
            name: json.loads(as_json(facts)) for name, facts in target.facts(day=DAY, references=references)
        }
        assert set(kept) == set(references)
        SenderAuthorization.objects.all().delete()
        after = target.render(day=DAY, install_path="/x", held=Held(kept=kept))
        assert after.files == before.files
        first = two_grants[0].reference
        assert [entry for entry in after.entries if entry.grant == first] == list(before.entries)
        assert after.terms[first] == before.terms[first] != ""
        # The database says nothing of a kept one: neither its days nor its records.
        late = target.render(day=date(2030, 1, 1), install_path="/x", held=Held(kept=kept))
        assert "update delete" not in late.files[REMOVE]


def test_a_permission_that_is_left_out_is_in_neither_file(two_grants: list[Grant], cast: Cast) -> None:
    with time_machine.travel("2026-08-22 16:00:00+00:00", tick=True):
        third_ends(cast)
        ended = Grant.objects.get(state="ended").reference
        left_out = frozenset({two_grants[0].reference, ended})
        export = DnsRecords().render(day=DAY, install_path="/x", held=Held(left_out=left_out))
        assert not [name for name in left_out for text in export.files.values() if f"; {name} owner=" in text]
        assert export.entries == ()


def test_a_record_that_cannot_be_written_names_its_permission(two_grants: list[Grant]) -> None:
    PlannedRecord.objects.filter(authorization=two_grants[1].senders, purpose="key").update(name="a b")
    with pytest.raises(LintError) as caught:
        DnsRecords().render(day=DAY, install_path="/x")
    assert caught.value.grant == two_grants[1].reference
