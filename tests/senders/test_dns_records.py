"""The life of DNS records: before, during and after a permission, with the DNS team that works by the files."""

import dataclasses
import importlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dns.rdatatype
import dns.zone
import pytest
import time_machine
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.enforcement.targets import Target
from portal.grants.models import Grant
from portal.grants.services import issuing, managing, rechecking
from portal.grants.states import GrantAction, GrantState
from portal.incidents.forms import subject_of
from portal.incidents.models import About
from portal.incidents.search import permissions_about
from portal.incidents.services import open_incident
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.models import Notification
from portal.samples.probe import probe_address
from portal.workflow.kinds import Terms
from portal.workflow.models import Intention
from portal.workflow.services import answering
from senders import services, watching
from senders.dns_records import records_of_grant
from senders.exports import ADD, REMOVE, DnsRecords
from senders.instructions import proof_instructions
from senders.models import PlannedRecord
from tests.cast import Cast, approve, client_of, fresh, make_cast
from tests.mailauth.signing import rsa_key
from tests.senders.cast import DOMAIN, active, submitted, waiting
from tests.senders.conftest import publish
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db(transaction=True)
NAME = f"s1._domainkey.{DOMAIN}"
DMARC = f"_dmarc.{DOMAIN}"
TARGET = "s1.dkim.crmvendor.example"
ENVELOPE, TERM = "bounce.crm.ttu.edu", "include:spf.crmvendor.example"
NOON = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """The named people, in rows that the checks' threads can read."""
    return make_cast()


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def look(number: int, clock: time_machine.Traveller) -> watching.Looked:
    """The daily look, `number` days after the beginning."""
    clock.move_to(NOON + timedelta(days=number))
    return watching.check_dns_records(today=timezone.localdate())


def files(day: date | None = None) -> dict[str, str]:
    return dict(DnsRecords().render(day=day or timezone.localdate(), install_path="/x").files)


def additions() -> set[str]:
    """The names that the zone fragment adds: its remarks load nothing."""
    zone = dns.zone.from_text(files()[ADD], origin=".", relativize=False, check_origin=False)
    return {name.to_text(omit_final_dot=True) for name in zone.nodes}


def removals() -> set[str]:
    """The names that the script removes."""
    return set(re.findall(r"^update delete (\S+)\. ", files()[REMOVE], re.MULTILINE))


def dns_team(names: DnsServer) -> None:
    """Load the zone fragment and run the script, as they are and nothing else."""
    text = files()
    zone = dns.zone.from_text(text[ADD], origin=".", relativize=False, check_origin=False)
    for owner, _, rdata in zone.iterate_rdatas():
        names.add(owner.to_text(), dns.rdatatype.to_text(rdata.rdtype), rdata.to_text())
    for owner, rdtype in re.findall(r"^update delete (\S+) (\S+) ", text[REMOVE], re.MULTILINE):
        names.remove(owner, rdtype)


def state(grant: Grant) -> str:
    return Grant.objects.get(pk=grant.pk).state


def row(name: str = NAME) -> PlannedRecord:
    return PlannedRecord.objects.get(name=name)


def emails(words: str) -> list[Notification]:
    return list(Notification.objects.filter(subject__contains=words).order_by("pk"))


def change(grant: Grant, action: GrantAction, actor: Any) -> None:
    managing.change_state(
        grant=Grant.objects.get(pk=grant.pk), action=action, actor=actor, reason="It is a test."
    )


# ---------------------------------------------------------------- before: nothing is added that may exist
def test_what_nobody_looked_up_is_never_an_addition(names: DnsServer, cast: Cast, clock: Any) -> None:
    waiting(cast)
    assert additions() == set()
    assert files()[ADD].count("; not looked up yet, check before adding: ") == 2
    names.servfail(NAME)
    names.drop(DMARC)
    looked = look(1, clock)
    assert (looked.records, looked.unanswered) == (2, 2)
    assert additions() == set()
    names.heal(NAME)
    names.heal(DMARC)
    look(2, clock)
    assert additions() == {NAME, DMARC}


def test_an_answer_that_has_grown_old_is_checked_before_adding(
    names: DnsServer, cast: Cast, clock: Any
) -> None:
    waiting(cast)
    look(1, clock)
    names.servfail(NAME)
    for number in (2, 3, 4):
        look(number, clock)
        assert NAME in additions()
    look(5, clock)
    assert additions() == {DMARC}
    assert f"; last looked up 2026-11-25, check before adding: {NAME}" in files()[ADD]


def test_what_is_there_is_not_added_again(published: DnsServer, cast: Cast, clock: Any) -> None:
    waiting(cast)
    look(1, clock)
    assert additions() == set()
    assert files()[ADD].count("; already there since 2026-11-25: ") == 2
    before = files()
    look(2, clock)
    assert files() == before  # the files change with the zones, and not with every look


def test_an_existing_dmarc_and_spf_record_are_a_stop(names: DnsServer, cast: Cast, clock: Any) -> None:
    names.txt(DMARC, "v=DMARC1; p=none; rua=mailto:dmarc@ttu.edu")
    waiting(cast, envelope_domain=ENVELOPE, spf_term=TERM)
    look(1, clock)
    assert additions() == {NAME}
    text = files()[ADD]
    assert (
        f'; publish instead: {DMARC}. 3600 IN TXT "v=DMARC1; p=reject; psd=n; adkim=s; '
        'rua=mailto:dmarc@ttu.edu,mailto:techmail@ttu.edu"'
    ) in text
    assert f'; publish instead: {ENVELOPE}. 3600 IN TXT "v=spf1 ip4:192.0.2.0/24 {TERM} -all"' in text
    assert "; it needs 1 of 10 DNS lookups" in text


def test_a_record_that_would_cost_too_many_lookups_says_so(names: DnsServer, cast: Cast, clock: Any) -> None:
    grant = waiting(cast, envelope_domain=ENVELOPE, spf_term=TERM)
    names.remove(ENVELOPE, "TXT")
    names.txt(ENVELOPE, f"v=spf1 {'a:ns.ttu.edu ' * 10}-all")
    look(1, clock)
    assert "The record would need 11 DNS lookups, and receivers stop at 10" in files()[ADD]
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    assert "11 of 10 DNS lookups" in page


def test_two_services_in_one_envelope_domain_share_one_spf_record(
    names: DnsServer, cast: Cast, clock: Any
) -> None:
    names.txt("other.crmvendor.example", "v=spf1 ip4:192.0.2.5 -all")
    waiting(cast, envelope_domain="mail.crm.ttu.edu", spf_term=TERM)
    waiting(
        cast,
        keys=("s2 s1.dkim.crmvendor.example",),
        envelope_domain="mail.crm.ttu.edu",
        spf_term="include:other.crmvendor.example",
    )
    look(1, clock)
    text = files()[ADD]
    line = f'mail.crm.ttu.edu. 3600 IN TXT "v=spf1 {TERM} include:other.crmvendor.example ~all"'
    assert [found for found in text.splitlines() if found.startswith("mail.crm")] == [line]
    assert "; in the record above: mail.crm.ttu.edu, v=spf1: include:other.crmvendor.example" in text
    dns_team(names)
    look(2, clock)
    assert additions() == set()
    assert files()[ADD].count("already there since 2026-11-26: in the SPF record of mail.crm.ttu.edu") == 2


# ---------------------------------------------------------------- during: suspensions
def test_a_suspension_for_drift_keeps_the_records_whose_return_it_waits_for(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    look(0, clock)
    published.remove(TARGET, "TXT")  # the vendor loses its key
    for number in range(1, 9):
        look(number, clock)
        rechecking.recheck_grants(today=timezone.localdate())
        dns_team(published)
    assert state(grant) == GrantState.SUSPENDED
    assert removals() == set()

    published.txt(TARGET, rsa_key().record)  # the vendor repairs it, and nobody touches our zone
    look(9, clock)
    rechecking.recheck_grants(today=timezone.localdate())
    assert state(grant) == GrantState.ACTIVE
    assert Grant.objects.get(pk=grant.pk).is_in_force_today


def test_a_record_that_our_own_team_lost_is_restored_by_the_additions(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    published.remove(NAME, "CNAME")
    for number in range(1, 9):
        look(number, clock)
        rechecking.recheck_grants(today=timezone.localdate())
    assert state(grant) == GrantState.SUSPENDED
    assert additions() == {NAME}
    dns_team(published)
    look(9, clock)
    rechecking.recheck_grants(today=timezone.localdate())
    assert state(grant) == GrantState.ACTIVE


def test_a_persons_suspension_takes_the_key_away_and_a_resumption_brings_it_back(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    look(1, clock)
    change(grant, GrantAction.SUSPEND, cast.reviewer)
    assert removals() == {NAME, DMARC}
    dns_team(published)
    look(2, clock)
    assert (removals(), additions()) == (set(), set())
    change(grant, GrantAction.RESUME, cast.reviewer)
    look(3, clock)
    assert additions() == {NAME, DMARC}
    dns_team(published)
    clock.move_to(NOON + timedelta(days=3, hours=1))
    change(grant, GrantAction.SUSPEND, cast.reviewer)
    # It was seen missing this morning, and was published since: what was seen before proves nothing.
    assert removals() == {NAME, DMARC}


def test_an_incident_about_a_drifted_service_takes_its_key_away(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    published.remove(TARGET, "TXT")
    for number in range(1, 9):
        look(number, clock)
        rechecking.recheck_grants(today=timezone.localdate())
    assert (state(grant), removals()) == (GrantState.SUSPENDED, set())
    found = permissions_about(subject_of(About.VENDOR, "crmvendor.example"))
    open_incident(
        actor=cast.reviewer,
        about=About.VENDOR,
        subject="crmvendor.example",
        reason="Keys were stolen.",
        seen=found.fingerprint,
    )
    assert removals() == {NAME, DMARC}

    published.txt(TARGET, rsa_key().record)  # the thief's key, for all anybody knows
    look(9, clock)
    rechecking.recheck_grants(today=timezone.localdate())
    assert state(grant) == GrantState.SUSPENDED  # a person resumes what an incident names, and no check does


# ---------------------------------------------------------------- after: until they are gone
def test_after_the_end_it_is_looked_at_every_day_until_it_is_gone(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    look(0, clock)
    clock.move_to(NOON + timedelta(hours=1))
    change(grant, GrantAction.REVOKE, cast.reviewer)
    for number in range(1, 7):
        look(number, clock)
    assert emails("to remove") == []
    for number in range(7, 60):
        look(number, clock)
    told = emails("to remove")
    assert {email.recipient for email in told} == {"hostmaster@ttu.edu", "techmail@ttu.edu"}
    days = sorted({(email.created_at - NOON).days for email in told})
    assert days == [7, 14, 21, 28]  # and then it is on the list alone
    assert f"{NAME} CNAME, {grant.reference}, to remove since Nov 24, 2026" in told[0].text
    assert "2 DNS records to remove" in told[0].subject

    published.remove(NAME, "CNAME")
    assert look(60, clock).gone == 1
    assert removals() == {DMARC}
    assert f"; gone since 2027-01-23: {NAME} CNAME" in files()[REMOVE]
    page = client_of(cast.auditor).get("/dns-records/").content.decode()
    assert "Show what was removed in the last 30 days" in page
    assert "Jan 23, 2027" in page

    published.add(NAME, "CNAME", f"{TARGET}.")  # somebody restores an old zone
    look(61, clock)
    assert removals() == {NAME, DMARC}

    published.remove(NAME, "CNAME")
    published.remove(DMARC, "TXT")
    look(62, clock)
    assert look(92, clock).records == 2
    assert look(93, clock).records == 0  # the watch is over
    assert client_of(cast.auditor).get("/dns-records/").content.decode().count(NAME) == 0


def test_no_answer_is_not_gone(published: DnsServer, cast: Cast, clock: Any) -> None:
    grant = active(cast)
    look(0, clock)
    clock.move_to(NOON + timedelta(hours=1))
    change(grant, GrantAction.REVOKE, cast.reviewer)
    published.servfail(NAME)
    look(1, clock)
    assert NAME in removals()
    assert row().gone_at is None


def test_what_was_never_seen_to_go_stays_on_the_list(names: DnsServer, cast: Cast, clock: Any) -> None:
    """A key seen missing before the DNS team added it, and revoked before the next look, is still to be removed."""
    grant = waiting(cast)
    look(1, clock)
    dns_team(names)
    clock.move_to(NOON + timedelta(days=1, hours=1))
    change(grant, GrantAction.REVOKE, cast.reviewer)
    assert removals() == {NAME, DMARC}


@pytest.mark.parametrize("number", [403, 404])
def test_records_are_to_go_from_the_day_after_the_last(
    published: DnsServer, cast: Cast, clock: Any, number: int
) -> None:
    grant = active(cast)
    look(0, clock)
    clock.move_to(datetime.combine(grant.ends_on, datetime.min.time(), UTC) + timedelta(hours=18))
    assert removals() == set()
    clock.shift(timedelta(days=1))
    assert removals() == {NAME, DMARC}
    page = client_of(cast.reviewer).get("/dns-records/").content.decode()
    assert "Its term is over, since" in page


def test_a_record_that_a_change_no_longer_needs_is_to_go(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    published.txt("s2.dkim.crmvendor.example", rsa_key().record)
    grant = active(cast)
    look(1, clock)
    draft = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    key = dataclasses.replace(services.keys_of(draft)[0], selector="s2")
    answering.write_answers(service_request=draft, answers={"keys": [key]})
    today = timezone.localdate()
    with transaction.atomic():
        issuing.issue(
            service_request=fresh(draft), actor=cast.reviewer, terms=Terms(today, today + timedelta(days=100))
        )
    assert removals() == {NAME}
    look(2, clock)
    assert (removals(), additions()) == ({NAME}, {f"s2._domainkey.{DOMAIN}"})
    assert "The permission no longer needs it" in files()[REMOVE]


def test_the_removal_names_the_text_that_is_there(published: DnsServer, cast: Cast, clock: Any) -> None:
    published.remove(DMARC, "TXT")
    other = "v=DMARC1;p=reject;adkim=s;psd=n;rua=mailto:techmail@ttu.edu"
    published.txt(DMARC, other)
    grant = active(cast)
    look(1, clock)
    clock.shift(timedelta(hours=1))
    change(grant, GrantAction.END, cast.requester)
    assert f'update delete {DMARC}. TXT "{other}"' in files()[REMOVE]


# ---------------------------------------------------------------- targets
def test_a_target_that_disappears_is_told_once_and_cleared_when_it_is_back(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    published.add("moved.crmvendor.example", "CNAME", "new.crmvendor.example.")
    published.txt("new.crmvendor.example", rsa_key().record)
    grant = waiting(cast, keys=("s1 moved.crmvendor.example",))
    look(1, clock)
    assert row().alarm == ""
    published.remove("moved.crmvendor.example", "CNAME")
    published.add("moved.crmvendor.example", "CNAME", "gone.crmvendor.example.")

    published.servfail("moved.crmvendor.example")
    look(2, clock)
    assert (row().alarm, emails("DNS alarm")) == ("", [])
    published.heal("moved.crmvendor.example")
    for number in (3, 4, 5):
        look(number, clock)
    assert row().alarm == "gone"
    told = emails("DNS alarm")
    assert {email.recipient for email in told} == {
        cast.requester.email,
        "hostmaster@ttu.edu",
        "techmail@ttu.edu",
    }
    assert len(told) == 3
    assert "gone.crmvendor.example, to which moved.crmvendor.example leads, does not exist" in told[0].text
    for person, address in ((cast.requester, grant.get_absolute_url()), (cast.auditor, "/dns-records/")):
        assert "Its target does not exist" in client_of(person).get(address).content.decode()

    published.drop("moved.crmvendor.example")
    look(6, clock)
    assert row().alarm == "gone"  # no answer clears nothing either
    published.heal("moved.crmvendor.example")
    published.txt("gone.crmvendor.example", rsa_key().record)
    look(7, clock)
    assert row().alarm == ""
    assert "Its target" not in client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    published.remove("moved.crmvendor.example", "CNAME")
    published.add("moved.crmvendor.example", "CNAME", "again.crmvendor.example.")
    look(8, clock)
    assert len(emails("DNS alarm")) == 6


def lapse_the_vendor(names: DnsServer) -> None:
    """The vendor's domain runs out: nothing below it exists any more, nor does it."""
    below = {owner for owner in names._names if owner.to_text().endswith("crmvendor.example.")}
    names._names -= below
    for key in [key for key in names._sets if key[0] in below]:
        del names._sets[key]


def test_a_domain_that_anybody_can_register_is_taken_out_and_comes_back_by_a_persons_word(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    look(1, clock)
    lapse_the_vendor(published)
    assert look(2, clock).alarms == 1
    told = emails("DNS alarm")
    assert "Whoever registers it could send mail as ttu.edu" in told[0].text
    assert removals() == {NAME}  # at once: the permission is active still
    page = client_of(cast.reviewer).get("/dns-records/").content.decode()
    assert "can be registered" in page
    dns_team(published)
    look(3, clock)
    assert (row().alarm, additions()) == ("registrable", set())

    published.txt(TARGET, rsa_key(1024).record)  # somebody registers the domain and publishes a key of theirs
    look(4, clock)
    assert row().alarm == ""
    assert (additions(), removals()) == (set(), set())
    assert "; STOP: the domain of its target could be registered by anybody" in files()[ADD]
    with pytest.raises(NotAllowed):
        watching.confirm_target(record=row(), actor=cast.requester, reason="I think so.")
    with pytest.raises(ValidationError):
        watching.confirm_target(record=row(), actor=cast.reviewer, reason="  ")
    Grant.objects.filter(pk=grant.pk).update(co_owner=cast.second_reviewer)
    url = f"/dns-records/{row().pk}/confirm/"
    with pytest.raises(NotAllowed):
        watching.confirm_target(record=row(), actor=cast.second_reviewer, reason="I am a party to it.")
    assert client_of(cast.second_reviewer).get(url).status_code == 403
    client = client_of(cast.reviewer)
    assert url in client.get("/dns-records/").content.decode()
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "The vendor’s engineer, by telephone."}).status_code == 302
    assert additions() == {NAME}
    event = grant.events.last()
    assert event is not None
    assert event.label == "confirmed that the vendor holds the domain that a DNS record points at"
    with pytest.raises(WrongState):
        watching.confirm_target(record=row(), actor=cast.reviewer, reason="Again.")


def test_a_dangling_record_of_a_permission_that_is_over_alarms_until_it_is_gone(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = active(cast)
    look(1, clock)
    clock.shift(timedelta(hours=1))
    change(grant, GrantAction.END, cast.requester)
    lapse_the_vendor(published)
    look(2, clock)
    assert row().alarm == "registrable"
    published.remove(NAME, "CNAME")
    look(3, clock)
    assert row().alarm == ""


# ---------------------------------------------------------------- the job
def test_one_that_fails_stops_no_other_and_a_run_out_of_time_begins_with_who_waited(
    published: DnsServer, cast: Cast, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = waiting(cast), waiting(cast, keys=("s2 s1.dkim.crmvendor.example",))
    write = watching._write

    def fail_once(pk: int, *args: Any) -> None:
        if pk == first.pk:
            raise RuntimeError("disk on fire")
        write(pk, *args)

    monkeypatch.setattr(watching, "_write", fail_once)
    assert look(1, clock).permissions == 2
    seen = dict(PlannedRecord.objects.values_list("authorization_id", "seen_at"))
    assert (seen[first.pk], seen[second.pk] is None) == (None, False)
    assert watching._waiting(timezone.localdate()) == [first.pk, second.pk]
    looked = watching.check_dns_records(today=timezone.localdate(), seconds=0)
    assert (looked.permissions, looked.left) == (0, 2)


def test_the_command_says_what_it_did(published: DnsServer, cast: Cast, capsys: Any) -> None:
    waiting(cast)
    call_command("check_dns_records")
    assert "looked up 2 records of 1 permissions, without an answer 0" in capsys.readouterr().out


def test_the_rows_of_an_older_database_are_those_of_its_plans(names: DnsServer, cast: Cast) -> None:
    waiting(cast, envelope_domain=ENVELOPE, spf_term=TERM)
    columns = ("authorization_id", "purpose", "name", "rdtype", "value", "state")
    before = list(PlannedRecord.objects.order_by("pk").values_list(*columns))
    PlannedRecord.objects.all().delete()
    importlib.import_module("senders.migrations.0004_dns_records").plan_records(apps, None)
    assert sorted(PlannedRecord.objects.values_list(*columns)) == sorted(before)
    assert len(before) == 3


def test_lists_cost_the_same_for_two_permissions_and_for_ten(names: DnsServer, cast: Cast) -> None:
    costs = []
    target: Target = DnsRecords()
    client = client_of(cast.auditor)
    for count in (2, 10):
        while Grant.objects.count() < count:
            waiting(cast, keys=(f"s{Grant.objects.count()} s1.dkim.crmvendor.example",))
        client.get("/dns-records/")
        with CaptureQueriesContext(
            connection,
        ) as rendering:
            target.render(day=timezone.localdate(), install_path="/x")
        with CaptureQueriesContext(connection) as showing:
            client.get("/dns-records/")
        costs.append((len(rendering), len(showing)))
    assert costs[0] == costs[1]


# ---------------------------------------------------------------- what people are told
def test_an_approval_names_the_probe_address_and_the_records(
    names: DnsServer, cast: Cast, clock: Any
) -> None:
    grant = approve(cast, submitted(cast, envelope_domain=ENVELOPE, spf_term=TERM))
    email = Notification.objects.get(subject__contains="approved", recipient=cast.requester.email)
    page = client_of(cast.requester).get(grant.get_absolute_url()).content.decode()
    probe = probe_address(grant.request)
    for text in (email.text, page):
        for words in (
            probe,
            NAME,
            f"{TARGET}.",
            DMARC,
            "v=DMARC1; p=reject; psd=n; adkim=s",
            TERM,
            "hostmaster@ttu.edu",
            "stays unproven",
        ):
            assert words in " ".join(text.split()), words
    assert proof_instructions(grant)[0] == ("Probe address", probe)
    look(1, clock)
    assert ("DNS record, to add", f"{NAME}. CNAME {TARGET}.") in proof_instructions(grant)
    publish(names)
    look(2, clock)
    left = proof_instructions(Grant.objects.get(pk=grant.pk))
    assert [label for label, _ in left] == ["Probe address", "DNS record, stop"]


def test_a_change_that_needs_a_new_proof_is_one_event(published: DnsServer, cast: Cast) -> None:
    grant = active(cast)
    before = grant.events.count()
    draft = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    answering.write_answers(
        service_request=draft,
        answers={
            "sending_domain": "lab.ttu.edu",
            "signing_domain": "lab.ttu.edu",
            "addresses": ["news@lab.ttu.edu"],
        },
    )
    today = timezone.localdate()
    with transaction.atomic():
        issuing.issue(
            service_request=fresh(draft), actor=cast.reviewer, terms=Terms(today, today + timedelta(days=100))
        )
    assert [event.action for event in grant.events.all()[before:]] == ["change"]
    event = grant.events.last()
    assert event is not None
    assert (event.from_state, event.to_state) == ("active", "unproven")
    assert "new evidence is needed" in event.reason


def test_the_dns_teams_page_is_for_those_who_see_everything(names: DnsServer, cast: Cast, clock: Any) -> None:
    client = client_of(cast.auditor)
    assert "No DNS record yet" in client.get("/dns-records/").content.decode()
    waiting(cast)
    look(1, clock)
    client = client_of(cast.auditor)
    page = client.get("/dns-records/").content.decode()
    assert "To add (2)" in page
    file = client.get(f"/dns-records/files/{ADD}")
    assert f"{NAME}. 3600 IN CNAME {TARGET}." in file.content.decode()
    assert "@SERIAL@" not in file.content.decode()
    assert client.get("/dns-records/files/manage.py").status_code == 404
    assert client.get("/dns-records/1/confirm/").status_code == 403
    assert client_of(cast.requester).get("/dns-records/").status_code == 403
    linked = '<a href="/dns-records/">DNS records of authorized senders</a>'
    assert linked in client.get("/enforcement/").content.decode()


def test_the_records_of_a_permission_show_what_needs_somebody_first(
    published: DnsServer, cast: Cast, clock: Any
) -> None:
    published.remove(DMARC, "TXT")
    published.txt(DMARC, "v=DMARC1; p=none")
    grant = waiting(cast)
    look(1, clock)
    entries = records_of_grant(grant, timezone.localdate())
    assert [(entry.row.name, entry.is_stop) for entry in entries] == [(DMARC, True), (NAME, False)]
