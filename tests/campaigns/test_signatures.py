"""What a campaign's message proves by its signatures, said by its checks as for authorizations and whitelist entries."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from campaigns.message_rules import message_findings
from portal.workflow.findings import Finding
from tests.campaigns.cast import FROM, campaign_draft
from tests.cast import Cast
from tests.mailauth.signing import rsa_key, sign
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db
DOMAIN = FROM.rpartition("@")[2]
HEADERS = ("from", "from", "subject", "list-unsubscribe", "list-unsubscribe-post")
PHISHING = b"\r\nSign in at https://evil.example/ to keep your mailbox.\r\n"
TEXT = (
    f"From: Dining Services <{FROM}>\r\nSubject: Your meals\r\nMIME-Version: 1.0\r\n"
    "List-Unsubscribe: <https://lists.ttu.edu/u/0123456789abcdef>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\nWhat do you eat?\r\nBox 42031, Lubbock, TX 79409\r\n"
).encode()


@pytest.fixture
def names(settings: Any) -> Iterator[DnsServer]:
    with DnsServer() as server:
        server.txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject")
        server.txt(f"s1._domainkey.{DOMAIN}", rsa_key().record)
        server.txt(f"testing._domainkey.{DOMAIN}", f"{rsa_key().record}; t=y")
        server.servfail(f"silent._domainkey.{DOMAIN}")
        settings.DNS_RESOLVER, settings.DNS_DEADLINE_SECONDS = server.address, 2.0
        yield server


def signed(**facts: Any) -> bytes:
    return sign(TEXT, **{"domain": DOMAIN, "headers": HEADERS} | facts)


def found(cast: Cast, raw: bytes) -> dict[str, Finding]:
    draft = campaign_draft(cast, raw=raw)
    return {one.rule.partition(":")[2]: one for one in message_findings(draft)}


def test_a_signature_of_the_whole_message_passes_both_rules(names: DnsServer, cast: Cast) -> None:
    rules = found(cast, signed())
    assert (rules["B-1"].outcome, rules["U-8"].outcome) == ("pass", "pass")
    assert f"A valid DKIM signature of {DOMAIN} is aligned" in rules["B-1"].sentence


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (lambda: signed(length=True) + PHISHING, "anybody can have added text"),
        (lambda: signed(selector="testing"), "t=y (testing)"),
        (lambda: signed(more=[("x", "1000000000")]), "expired on"),
        (lambda: signed().replace(b"Your meals", b"Your money"), "header was changed"),
    ],
)
def test_what_proves_nothing_fails_in_the_finding_s_own_sentence(
    names: DnsServer, cast: Cast, raw: Any, words: str
) -> None:
    rules = found(cast, raw())
    for rule in ("B-1", "U-8"):
        assert rules[rule].outcome == "fail"
        assert words in rules[rule].sentence


def test_what_a_good_signature_leaves_open_warns(names: DnsServer, cast: Cast) -> None:
    rules = found(cast, signed(length=True))
    assert rules["B-1"].outcome == "warn"
    assert "anybody can append text to a copy" in rules["B-1"].sentence
    once = found(cast, signed(headers=HEADERS[1:]))
    assert "anybody can add a second From" in once["B-1"].sentence


def test_a_signature_without_the_two_headers_fails_one_rule(names: DnsServer, cast: Cast) -> None:
    rules = found(cast, signed(headers=("from", "from", "subject")))
    assert (rules["B-1"].outcome, rules["U-8"].outcome, rules["U-8"].must) == ("pass", "fail", True)


def test_no_answer_is_unknown(names: DnsServer, cast: Cast) -> None:
    rules = found(cast, signed(selector="silent"))
    assert (rules["B-1"].outcome, rules["U-8"].outcome) == ("unknown", "unknown")


def test_a_message_without_a_signature_asks_nobody(names: DnsServer, cast: Cast) -> None:
    assert found(cast, TEXT)["B-1"].outcome == "unknown"
    assert names.asked == []


def test_the_command_says_the_same(names: DnsServer, tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(signed(length=True) + PHISHING)
    out = StringIO()
    call_command("check_message", str(path), "--campaign", "--json", stdout=out)
    data = json.loads(out.getvalue())
    (finding,) = (one for one in data["findings"] if one["rule"] == "B-1")
    assert (finding["outcome"], finding["message"]) == ("fail", data["dmarc_by_dkim"]["reason"])
