"""The relay rules: what is refused, with which clause; and the host name against a real name server."""

from collections.abc import Iterator
from typing import Any

import pytest

from portal.grants.services import issuing
from portal.lib.networks import parse_network
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding
from portal.workflow.models import Intention
from relay import rules
from tests.cast import Cast, approved, client_of, relay_draft, submitted
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db


def one_address(cast: Cast, text: str) -> Finding:
    return rules.address_findings(relay_draft(cast), [parse_network(text)])[0]


@pytest.mark.parametrize(
    ("address", "clause", "words"),
    [
        ("8.8.8.8", "REL-2", "outside TTUnet"),
        ("129.118.10.0/28", "REL-1", "16 addresses"),
        ("129.118.10.255", "REL-2", "broadcast"),
        ("129.118.10.0", "REL-2", "network or broadcast"),
        ("129.118.130.4", "WKS-1", "smtp.office365.com"),
        ("129.118.200.4", "REL-2", "wireless"),
        ("129.118.230.4", "REL-2", "VPN"),
        ("129.118.245.4", "REL-2", "DHCP"),
        ("2001:db8:9999::1", "REL-2", "outside TTUnet"),
        ("2001:db8:4000:10::/124", "REL-1", "16 addresses"),
    ],
)
def test_an_address_is_refused_with_its_clause_and_next_step(
    cast: Cast, address: str, clause: str, words: str
) -> None:
    found = one_address(cast, address)
    assert (found.outcome, found.clause) == (Outcome.FAIL, clause)
    assert words in found.sentence
    assert found.sentence.startswith(f"{clause}: ")


@pytest.mark.parametrize("address", ["129.118.10.20", "129.118.44.8/29", "2001:db8:4000:10::25"])
def test_a_campus_address_passes(cast: Cast, address: str) -> None:
    assert one_address(cast, address).outcome == Outcome.PASS


@pytest.mark.parametrize(
    ("sender", "words"),
    [
        ("president@ttu.edu", "OVR-5"),
        ("ghost@ttu.edu", "does not know"),
        ("colleague@ttu.edu", "person’s own"),
    ],
)
def test_a_sender_is_refused_with_what_to_do(cast: Cast, sender: str, words: str) -> None:
    found = rules.sender_findings(relay_draft(cast), [sender])[0]
    assert found.blocks
    assert words in found.sentence


def test_the_requesters_own_address_needs_no_consent(cast: Cast) -> None:
    found = rules.sender_findings(relay_draft(cast), [cast.requester.email])[0]
    assert found.outcome == Outcome.PASS


@pytest.fixture
def names(settings: Any) -> Iterator[DnsServer]:
    with DnsServer() as server:
        server.add("copier-7.ttu.edu", "A", "129.118.10.20")
        server.add("20.10.118.129.in-addr.arpa", "PTR", "copier-7.ttu.edu.")
        settings.DNS_RESOLVER = server.address
        settings.DNS_DEADLINE_SECONDS = 1.0
        yield server


def outcomes(host: str, address: str = "129.118.10.20") -> dict[str, Outcome]:
    return {f.rule: f.outcome for f in rules.hostname_findings(host, [parse_network(address)])}


def test_a_name_that_leads_there_and_back_passes(names: DnsServer) -> None:
    assert outcomes("copier-7.ttu.edu") == {"forward-dns": Outcome.PASS, "reverse-dns": Outcome.PASS}


def test_a_mismatch_warns_the_reviewer(names: DnsServer) -> None:
    names.add("copier-8.ttu.edu", "A", "129.118.10.99")
    assert outcomes("copier-8.ttu.edu") == {"forward-dns": Outcome.WARN, "reverse-dns": Outcome.WARN}


def test_a_name_that_is_not_there_is_a_fact(names: DnsServer) -> None:
    assert outcomes("nowhere.ttu.edu") == {"forward-dns": Outcome.WARN}


def test_silence_is_unknown_and_within_the_deadline(names: DnsServer) -> None:
    names.drop("silent.ttu.edu")
    assert outcomes("silent.ttu.edu") == {"forward-dns": Outcome.UNKNOWN}
    names.servfail("broken.ttu.edu")
    assert outcomes("broken.ttu.edu") == {"forward-dns": Outcome.UNKNOWN}


@pytest.mark.parametrize(
    ("field", "values", "words"),
    [
        ("addresses", ["129.118.010.9"], "octal"),
        ("addresses", ["129.118.77.5/24"], "129.118.77.0/24"),
        ("addresses", ["::ffff:8.8.8.8"], "plain IPv4"),
        ("addresses", ["fe80::1%eth0"], "zone"),
        ("addresses", ["8.8.8.8"], "REL-2"),
        ("hostname", ["a_b.ttu.edu"], "underscore"),
        ("hostname", ["x" * 64 + ".ttu.edu"], "63"),
        ("hostname", ["copier.example.com"], "must end in ttu.edu"),
    ],
)
def test_bad_input_is_answered_beside_the_field_and_stays_there(
    cast: Cast, field: str, values: list[str], words: str
) -> None:
    draft = relay_draft(cast)
    data = {"addresses": ["129.118.10.20"], "hostname": "copier-7.ttu.edu", "revision": draft.revision}
    path = f"/requests/{draft.reference}/edit/network/"
    answer = client_of(cast.requester).post(path, data | {field: values})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert words in html
    assert values[0] in html
    assert 'aria-invalid="true"' in html


def test_eleven_senders_are_one_too_many_and_all_stay(cast: Cast) -> None:
    draft = relay_draft(cast)
    senders = [f"s{number}@ttu.edu" for number in range(11)]
    answer = client_of(cast.requester).post(
        f"/requests/{draft.reference}/edit/senders/", {"senders": senders, "revision": draft.revision}
    )
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "at most 10" in html
    assert all(sender in html for sender in senders)


def test_of_two_open_requests_for_one_address_the_later_one_waits(cast: Cast) -> None:
    first = submitted(cast)
    second = submitted(cast, requester=cast.outsider, address="129.118.10.16/29", host="plotter.ttu.edu")
    (barred,) = [one for one in second.kind_entry.check(second) if one.blocks and one.rule == "pending"]
    assert first.reference in barred.sentence
    assert not [one for one in first.kind_entry.check(first) if one.rule == "pending"]
    near = submitted(cast, requester=cast.outsider, address="129.118.10.24/29", host="scanner.ttu.edu")
    assert not [one for one in near.kind_entry.check(near) if one.rule == "pending"]


def test_nobody_holds_up_a_renewal_by_asking_for_its_address(cast: Cast) -> None:
    grant = approved(cast)
    submitted(cast, requester=cast.outsider)
    renewal = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    assert not [one for one in renewal.kind_entry.check(renewal) if one.rule == "pending"]
