"""Where an endpoint may lie: every spelling of a private address is refused, before and at delivery."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import httpcore2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.webhooks import sending
from portal.webhooks.addresses import UrlRefused, check_host, is_allowed, parse_url
from tests.support.dns_server import DnsServer
from tests.webhooks.receiver import Receiver

PRIVATE_4 = [
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
PRIVATE_6 = [
    ip_network(text)
    for text in (
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
    )
]


@pytest.fixture(autouse=True)
def _no_network_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_NETWORKS = ()


@st.composite
def private_4(draw: st.DrawFn) -> IPv4Address:
    network = draw(st.sampled_from(PRIVATE_4))
    offset = draw(st.integers(0, network.num_addresses - 1))
    return IPv4Address(int(network.network_address) + offset)


@st.composite
def private_6(draw: st.DrawFn) -> IPv6Address:
    network = draw(st.sampled_from(PRIVATE_6))
    offset = draw(st.integers(0, network.num_addresses - 1))
    return IPv6Address(int(network.network_address) + offset)


def spellings(address: IPv4Address) -> list[str]:
    """How one IPv4 address can be written so that some program reads it."""
    a, b, c, d = address.packed
    number = int(address)
    wide = str(address).translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})
    return [
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a}.{b}.{(c << 8) | d}",
        f"{a}.{(b << 16) | (c << 8) | d}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.{b}.{c}.0x{d:x}",
        f"%{ord(str(a)[0]):x}{str(address)[1:]}",
        wide,
        str(address).replace(".", "\u3002"),
        str(address).replace(".", "\uff0e"),
        f"[::ffff:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
        f"[::ffff:0:{address}]",
        f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]",
        f"[::ffff:{address}%25eth0]",
        f"user@{address}",
        f"public.example.edu@{address}",
        f"{address}#@public.example.edu",
        f"{address}\\@public.example.edu",
        f"\t{address}",
        f"{address}\n",
    ]


def is_refused(url: str) -> bool:
    try:
        check_host(parse_url(url))
    except UrlRefused:
        return True
    return False


@given(private_4(), st.sampled_from(["", ":443", ":8443"]))
def test_no_spelling_of_a_private_address_is_taken(address: IPv4Address, port: str) -> None:
    for host in spellings(address):
        assert is_refused(f"https://{host}{port}/hook"), host


@given(private_6())
def test_no_private_ipv6_address_is_taken(address: IPv6Address) -> None:
    assert not is_allowed(address)
    assert is_refused(f"https://[{address}]/")
    assert is_refused(f"https://[{address.exploded}]:8443/")


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_inside_an_ipv6_one_is_never_taken(number: int) -> None:
    packed = struct.pack(">I", number)
    for before in ("00000000000000000000ffff", "0064ff9b0000000000000000", "0" * 24):
        assert not is_allowed(IPv6Address(bytes.fromhex(before) + packed))


@pytest.mark.parametrize("text", ["1.1.1.1", "129.118.10.20", "2606:4700::1111", "2001:4860:4860::8888"])
def test_public_addresses_are_taken(text: str) -> None:
    host = f"[{text}]" if ":" in text else text
    target = parse_url(f"https://{host}/hook?a=b")
    check_host(target)
    assert target.url == f"https://{host}/hook?a=b"


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.edu/",
        "http://1.1.1.1/",
        "http://127.0.0.2.example.edu/",
        "ftp://a.example.edu/",
        "https:///hook",
        "https:hooks.example.edu",
        "//hooks.example.edu/",
        "https://hooks.example.edu:0/",
        "https://hooks.example.edu:99999/",
        "https://hooks.example.edu:x/",
        "https://[::1",
        "https://[]/",
        "https://[1.1.1.1]/",
        "https://[::1]x/",
        "https://localhost/",
        "https://intranet/",
        "https://a b.edu/",
        "https://hooks.example.edu/ü",
        "https://hooks.example.edu/#part",
        "https://hooks.example.edu/\r\nX: y",
        "javascript:alert(1)",
        "",
        "https://" + "a" * 500 + ".edu/",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        parse_url(url)


def test_plain_http_is_for_loopback_in_debug_alone(settings: Any) -> None:
    assert parse_url("http://127.0.0.1:8000/").scheme == "http"
    settings.WEBHOOK_PLAIN_HTTP = False
    with pytest.raises(UrlRefused, match="https"):
        parse_url("http://127.0.0.1:8000/")


def test_a_named_network_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_NETWORKS = (ip_network("10.20.0.0/16"),)
    assert is_allowed(IPv4Address("10.20.1.1"))
    assert not is_allowed(IPv4Address("10.21.1.1"))
    assert not is_allowed(IPv6Address("::ffff:10.20.1.1"))


def test_a_name_is_judged_by_its_addresses(settings: Any) -> None:
    with DnsServer() as dns:
        settings.DNS_RESOLVER = dns.address
        settings.DNS_DEADLINE_SECONDS = 2.0
        dns.add("inside.example.edu", "A", "10.0.0.5")
        dns.add("outside.example.edu", "A", "129.118.10.20")
        dns.add("inside6.example.edu", "AAAA", "::ffff:127.0.0.1")
        check_host(parse_url("https://outside.example.edu/"))
        for name, why in (("inside", "private"), ("inside6", "private"), ("nowhere", "no address")):
            with pytest.raises(UrlRefused, match=why):
                check_host(parse_url(f"https://{name}.example.edu/"))
        dns.servfail("silent.example.edu")
        check_host(parse_url("https://silent.example.edu/"))


def test_a_name_whose_record_changed_is_not_followed_inside(settings: Any) -> None:
    with DnsServer() as dns, Receiver() as inside:
        settings.DNS_RESOLVER = dns.address
        settings.DNS_DEADLINE_SECONDS = 2.0
        dns.add("hooks.example.edu", "A", "129.118.10.20")
        url = f"https://hooks.example.edu:{inside.port}/"
        check_host(parse_url(url))
        dns.remove("hooks.example.edu", "A")
        dns.add("hooks.example.edu", "A", "127.0.0.1")
        result = sending.post(url, {}, b"{}")
        assert result.status is None
        assert "where nothing may be sent" in result.words
        assert inside.got == []


def test_one_question_decides_and_its_answer_is_connected_to(settings: Any, monkeypatch: Any) -> None:
    """The name is asked for once a try, and what was checked is what is connected to."""
    connected: list[str] = []

    def connect(_: Any, host: str, *__: Any) -> None:
        connected.append(host)
        raise httpcore2.ConnectError("no")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    with DnsServer() as dns:
        settings.DNS_RESOLVER = dns.address
        settings.DNS_DEADLINE_SECONDS = 2.0
        dns.add("hooks.example.edu", "A", "10.0.0.1", "129.118.10.20", "127.0.0.1")
        sending.post("https://hooks.example.edu/", {}, b"{}")
        assert [rdtype for _, rdtype in dns.asked].count("A") == 1
    assert connected == ["129.118.10.20"]
