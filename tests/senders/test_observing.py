"""What a real name server holds at each planned record, and what follows; outages through the server with knobs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.mailauth.resolver import Limits, Resolver
from portal.mailauth.servers import parse_servers
from senders.merging import is_same_dmarc, merged_dmarc, merged_spf, spf_without
from senders.models import Alarm, Purpose, RecordState
from senders.observing import Observed, Question, observe_all
from tests.conftest import program
from tests.mailauth.signing import rsa_key
from tests.support.clock import Stopwatch
from tests.support.dns_server import DnsServer
from tests.support.nsd import Nsd

HERE = Path(__file__).parent
ZONES = [
    *(HERE.parent / "mailauth" / "zones" / f"{name}.zone" for name in ("edu", "example")),
    *sorted((HERE / "zones").glob("*.zone")),
]
TARGET = "s1.dkim.crmvendor.example"
DMARC = "v=DMARC1; p=reject; psd=n; adkim=s; rua=mailto:techmail@ttu.edu"
INCLUDE = "include:spf.crmvendor.example"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nsd]:
    """NSD with the zones of the repository and one name for each case."""
    with Nsd(program("nsd", "apt-get install nsd"), tmp_path_factory.mktemp("nsd"), ZONES) as server:
        server.txt("crmvendor.example", "s1.dkim", rsa_key().record)
        server.publish(
            "crmvendor.example",
            "gone-behind CNAME nothing.crmvendor.example.",
            "lapsed-behind CNAME s1.lapsed.example.",
            'nested TXT "v=spf1 include:deep.lapsed.example -all"',
            'ten TXT "v=spf1 a:mx.crmvendor.example a:mx.crmvendor.example a:mx.crmvendor.example '
            "a:mx.crmvendor.example a:mx.crmvendor.example a:mx.crmvendor.example a:mx.crmvendor.example "
            'a:mx.crmvendor.example a:mx.crmvendor.example a:mx.crmvendor.example -all"',
        )
        server.txt("ttu.edu", "k1._domainkey.same", rsa_key().record.replace("; ", ";"))
        server.txt("ttu.edu", "k1._domainkey.other", rsa_key(1024).record)
        server.txt("ttu.edu", "k1._domainkey.two", rsa_key().record)
        server.txt("ttu.edu", "k1._domainkey.two", rsa_key(1024).record)
        server.publish(
            "ttu.edu",
            "S1._DomainKey.SAME CNAME S1.DKIM.CRMVendor.example.",
            "s1._domainkey.other CNAME own._domainkey.crmvendor.example.",
            's1._domainkey.text TXT "v=DKIM1; p="',
            "s1._domainkey.host A 192.0.2.9",
            "deeper.s1._domainkey.empty A 192.0.2.9",
            f"*._domainkey.wild CNAME {TARGET}.",
            "*._domainkey.wilder CNAME elsewhere.ttu.edu.",
            '*.textwild TXT "v=DMARC1; p=none"',
            '*.spfwild TXT "v=spf1 -all"',
            'k1._domainkey.revoked TXT "v=DKIM1; k=rsa; p="',
            "k1._domainkey.alias CNAME own._domainkey.crmvendor.example.",
            '_dmarc.same TXT "v=DMARC1;p=REJECT;adkim=s;psd=n;rua=mailto:techmail@ttu.edu"',
            '_dmarc.other TXT "v=DMARC1; p=none; pct=20; fo=1; rua=mailto:dmarc@ttu.edu"',
            '_dmarc.two TXT "v=DMARC1; p=none"',
            f'_dmarc.two TXT "{DMARC}"',
            '_dmarc.words TXT "google-site-verification=1"',
            "_dmarc.alias CNAME _dmarc.other.ttu.edu.",
            f'spf-same TXT "v=spf1 {INCLUDE.upper().replace("INCLUDE", "include")} -all"',
            'spf-other TXT "v=spf1 ip4:192.0.2.0/24 redirect=_spf.ttu.edu"',
            'spf-two TXT "v=spf1 ip4:192.0.2.1 -all"',
            'spf-two TXT "v=spf1 ip4:192.0.2.2 ~all"',
            "spf-alias CNAME bounce.crmvendor.example.",
        )
        yield server


def seen(server: Any, *questions: Question, seconds: float = 5.0, **limits: Any) -> list[Observed]:
    resolver = Resolver(parse_servers(server.address), deadline_seconds=seconds, limits=Limits(**limits))
    return resolver.run(lambda session: observe_all(questions, session))


def alias(name: str, value: str = TARGET) -> Question:
    return Question(1, Purpose.KEY, f"s1._domainkey.{name}.ttu.edu", "CNAME", value)


def key(name: str) -> Question:
    return Question(1, Purpose.KEY, f"k1._domainkey.{name}.ttu.edu", "TXT", rsa_key().record)


def dmarc(name: str) -> Question:
    return Question(1, Purpose.DMARC, f"_dmarc.{name}.ttu.edu", "TXT", DMARC)


def spf(name: str, term: str = INCLUDE, *beside: str) -> Question:
    return Question(1, Purpose.SPF, f"{name}.ttu.edu", "TXT", term, beside)


ABSENT, PRESENT = (RecordState.ABSENT, False), (RecordState.PRESENT, True)
DIFFERS, STOP = (RecordState.DIFFERS, False), (RecordState.CONFLICT, False)
STOP_THERE = (RecordState.CONFLICT, True)


@pytest.mark.parametrize(
    ("question", "standing", "words"),
    [
        (alias("nothing"), ABSENT, ""),
        (alias("same"), PRESENT, ""),
        (alias("other"), DIFFERS, "is an alias of own._domainkey.crmvendor.example, and approved is"),
        (alias("text"), STOP, "RFC 1034 section 3.6.2). It is a revoked key (p= is empty)."),
        (alias("host"), STOP, "has A records, and an alias may not stand beside"),
        (alias("empty"), ABSENT, ""),
        (alias("wild"), PRESENT, ""),
        (alias("wilder"), ABSENT, "A wildcard answers"),
        (key("nothing"), ABSENT, ""),
        (key("same"), PRESENT, ""),
        (key("other"), DIFFERS, "holds another key"),
        (key("revoked"), DIFFERS, "holds a revoked key (p= is empty)"),
        (key("two"), STOP_THERE, "has 2 TXT records"),
        (key("alias"), STOP, "nothing may stand beside an alias"),
        (dmarc("nothing"), ABSENT, ""),
        (dmarc("same"), PRESENT, ""),
        (dmarc("other"), STOP, "has a DMARC record already"),
        (dmarc("two"), STOP_THERE, "has 2 DMARC records"),
        (dmarc("words"), ABSENT, ""),
        (dmarc("alias"), STOP, "is an alias of _dmarc.other.ttu.edu"),
        (dmarc("textwild"), ABSENT, "A wildcard answers"),
        (spf("nothing"), ABSENT, ""),
        (spf("spf-same"), PRESENT, ""),
        (spf("spf-other"), STOP, "has an SPF record already"),
        (spf("spf-two"), STOP, "has 2 SPF records"),
        (spf("spf-alias"), STOP, "is an alias of bounce.crmvendor.example"),
        (spf("x.spfwild"), ABSENT, "A wildcard answers"),
        (
            spf("nothing", "include:ten.crmvendor.example"),
            STOP,
            "would need 11 DNS lookups, and receivers stop at 10",
        ),
    ],
)
def test_what_a_served_zone_holds(
    served: Nsd, question: Question, standing: tuple[RecordState, bool], words: str
) -> None:
    (found,) = seen(served, question)
    assert (found.state, found.is_there) == standing
    assert words in found.note
    assert bool(words) == bool(found.note)


@pytest.mark.parametrize(
    ("question", "merged", "lookups"),
    [
        (
            dmarc("other"),
            "v=DMARC1; p=reject; psd=n; adkim=s; fo=1; rua=mailto:dmarc@ttu.edu,mailto:techmail@ttu.edu",
            None,
        ),
        (dmarc("two"), DMARC, None),
        (spf("nothing"), f"v=spf1 {INCLUDE} ~all", 1),
        (spf("nothing", INCLUDE, INCLUDE, "ip4:192.0.2.7"), f"v=spf1 {INCLUDE} ip4:192.0.2.7 ~all", 1),
        (spf("spf-other"), f"v=spf1 ip4:192.0.2.0/24 {INCLUDE} redirect=_spf.ttu.edu", 2),
        (spf("spf-two"), f"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 {INCLUDE} ~all", 1),
    ],
)
def test_the_record_to_publish_instead(
    served: Nsd, question: Question, merged: str, lookups: int | None
) -> None:
    (found,) = seen(served, question)
    assert (found.publish, found.lookups) == (merged, lookups)


@pytest.mark.parametrize(
    ("question", "alarm", "words"),
    [
        (alias("same"), "", ""),
        (
            alias("x", "nothing.crmvendor.example"),
            Alarm.GONE,
            "nothing.crmvendor.example does not exist any more",
        ),
        (
            alias("x", "gone-behind.crmvendor.example"),
            Alarm.GONE,
            "to which gone-behind.crmvendor.example leads",
        ),
        (alias("x", "bounce.crmvendor.example"), "", ""),
        (alias("x", "s1.lapsed.example"), Alarm.REGISTRABLE, "neither does lapsed.example"),
        (alias("x", "lapsed-behind.crmvendor.example"), Alarm.REGISTRABLE, "neither does lapsed.example"),
        (spf("spf-same"), "", ""),
        (
            spf("x", "include:nothing.crmvendor.example"),
            Alarm.GONE,
            "nothing.crmvendor.example does not exist",
        ),
        (spf("x", "include:nested.crmvendor.example"), Alarm.REGISTRABLE, "deep.lapsed.example"),
        (spf("x", "a:host.lapsed.example"), Alarm.REGISTRABLE, "host.lapsed.example"),
        (spf("x", "ip4:192.0.2.1"), "", ""),
        (key("same"), "", ""),
    ],
)
def test_a_target_that_does_not_exist_and_one_whose_domain_can_be_registered(
    served: Nsd, question: Question, alarm: str, words: str
) -> None:
    (found,) = seen(served, question)
    assert (found.target.alarm, words in found.target.note) == (alarm, True)


# ---------------------------------------------------------------- outages
@pytest.mark.parametrize("knob", [DnsServer.servfail, DnsServer.refuse, DnsServer.drop])
@pytest.mark.parametrize("question", [alias("same"), key("same"), dmarc("same"), spf("same")])
def test_no_answer_is_no_state(knob: Any, question: Question) -> None:
    with DnsServer() as server:
        server.add("ttu.edu", "A", "192.0.2.1")
        knob(server, question.name)
        (found,) = seen(server, question, seconds=0.6, try_seconds=0.2)
    assert (found.state, found.is_there, found.note) == (None, None, "")


@pytest.mark.parametrize("knob", [DnsServer.servfail, DnsServer.refuse, DnsServer.drop])
@pytest.mark.parametrize("question", [alias("x"), spf("x")])
def test_a_target_that_does_not_answer_alarms_nobody(knob: Any, question: Question) -> None:
    with DnsServer() as server:
        server.add("ttu.edu", "A", "192.0.2.1")
        knob(server, TARGET)
        knob(server, "spf.crmvendor.example")
        (found,) = seen(server, question, seconds=0.6, try_seconds=0.2)
    assert found.target.alarm is None


def test_a_domain_that_does_not_answer_is_not_called_registrable() -> None:
    with DnsServer() as server:
        server.add("example", "NS", "ns.example.")
        server.servfail("lapsed.example")
        (found,) = seen(server, alias("x", "s1.lapsed.example"))
    assert found.target.alarm == Alarm.GONE


def test_many_records_are_asked_about_at_the_same_time() -> None:
    with DnsServer(delay=0.2) as server:
        server.add("ttu.edu", "A", "192.0.2.1")
        watch = Stopwatch()
        found = seen(server, *(alias(f"n{number}") for number in range(12)), seconds=3.0)
        elapsed = watch.seconds
    assert {one.state for one in found} == {RecordState.ABSENT}
    assert elapsed < 12 * 0.2  # one after the other would take that long, and longer


# ---------------------------------------------------------------- merging, as text alone
@pytest.mark.parametrize(
    ("records", "terms", "merged"),
    [
        ([], ["a:x.example"], "v=spf1 a:x.example ~all"),
        (["v=spf1 -all"], ["a:x.example", "A:X.example"], "v=spf1 a:x.example -all"),
        (["v=spf1 ip4:192.0.2.1 ?all", "V=SPF1 IP4:192.0.2.1 -all"], [], "v=spf1 ip4:192.0.2.1 ?all"),
        (["v=spf1 +all", "v=spf1 mx"], ["a:x.example"], "v=spf1 mx a:x.example ~all"),
        (["v=spf1 redirect=a.example", "v=spf1 mx -all"], ["mx"], "v=spf1 mx -all"),
        (["v=spf1 mx", "v=spf1 redirect=a.example"], [], "v=spf1 mx redirect=a.example"),
    ],
)
def test_spf_records_become_one(records: list[str], terms: list[str], merged: str) -> None:
    assert merged_spf(records, terms) == merged


def test_a_term_is_taken_out_whatever_its_case() -> None:
    assert spf_without("v=spf1 Include:SPF.x.example mx -all", "include:spf.x.example") == "v=spf1 mx -all"


def test_the_merged_dmarc_record_is_never_weaker() -> None:
    assert merged_dmarc(
        ["v=DMARC1; p=reject; t=y; sp=none; rua=mailto:a@x.example"], "v=DMARC1; p=none; psd=n"
    ) == ("v=DMARC1; p=reject; psd=n; sp=none; rua=mailto:a@x.example")
    assert merged_dmarc(["v=DMARC1; p=nonsense; =; ;x"], "v=DMARC1; p=quarantine").startswith(
        "v=DMARC1; p=quarantine"
    )


def test_dmarc_records_are_compared_by_their_tags() -> None:
    assert is_same_dmarc(
        "v=DMARC1;p=reject; rua=mailto:a@x.example,mailto:b@x.example",
        "V=dmarc1; rua=mailto:b@x.example, mailto:a@x.example; p=Reject;",
    )
    assert not is_same_dmarc("v=DMARC1; p=reject", "v=DMARC1; p=reject; psd=n")
