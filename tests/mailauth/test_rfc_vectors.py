"""The signed messages that the RFCs print, by their values."""

import pytest

from portal.lib.outcome import Outcome
from portal.mailauth.message_report import check_message
from tests.mailauth.conftest import resolver_for
from tests.support.dns_server import DnsServer

# RFC 8463 appendix A.2 (keys) and A.3 (message).
RFC8463_ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RFC8463_RSA = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J"
    "16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTI"
    "KT+l/K4w3QIDAQAB"
)
RFC8463_MESSAGE = """\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""

# RFC 6376 appendix A.2 and C, with erratum 4926 (folding of b=) and erratum 3192 (one blank after "game.").
RFC6376_KEY = (
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYf"
    "cTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)
RFC6376_MESSAGE = """\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
"""


@pytest.fixture
def football(server: DnsServer) -> DnsServer:
    server.txt("_dmarc.example.com", "v=DMARC1; p=reject")
    server.txt("brisbane._domainkey.football.example.com", RFC8463_ED25519)
    server.txt("test._domainkey.football.example.com", RFC8463_RSA)
    server.txt("brisbane._domainkey.example.com", RFC6376_KEY)
    return server


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def test_rfc8463_appendix_a(football: DnsServer) -> None:
    report = check_message(crlf(RFC8463_MESSAGE), resolver=resolver_for(football.address))
    assert [(one.algorithm, one.bits, one.valid) for one in report.dkim] == [
        ("ed25519-sha256", 256, True),
        ("rsa-sha256", 1024, True),
    ]
    assert report.dmarc_by_dkim.outcome is Outcome.PASS


def test_rfc8463_changed_by_one_letter(football: DnsServer) -> None:
    raw = crlf(RFC8463_MESSAGE).replace(b"hungry", b"Hungry")
    report = check_message(raw, resolver=resolver_for(football.address))
    assert [one.valid for one in report.dkim] == [False, False]


def test_rfc6376_appendix_a(football: DnsServer) -> None:
    report = check_message(crlf(RFC6376_MESSAGE), resolver=resolver_for(football.address))
    (one,) = report.dkim
    assert (one.domain, one.selector, one.bits, one.valid) == ("example.com", "brisbane", 1024, True)
    assert one.covers == ("received", "from", "to", "subject", "date", "message-id")
    assert one.aligned.everywhere
    assert report.dmarc_by_dkim.outcome is Outcome.PASS


def test_rfc6376_as_printed_without_its_errata(football: DnsServer) -> None:
    raw = crlf(RFC6376_MESSAGE).replace(b"game. Are", b"game.  Are")
    (one,) = check_message(raw, resolver=resolver_for(football.address)).dkim
    assert one.valid is False
