"""Spellings that two programs read differently, and look-alikes: none of them passes as something else."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.dates import parse_day
from portal.lib.hostnames import HostnameRefused, parse_hostname
from portal.lib.networks import NetworkRefused, is_inside, overlaps, parse_network, shown
from portal.lib.text import ascii_word, csv_cell, one_line, sentence_list, truncate

UNICAST = st.integers(int(IPv4Address("1.0.0.0")), int(IPv4Address("126.255.255.255"))).map(IPv4Address)
GLOBAL = st.integers(0x2600 << 112, (0x2800 << 112) - 1).map(IPv6Address)


def other_notations(address: IPv4Address) -> list[str]:
    """One IPv4 address as inet_aton and mail programs also read it, and none as people write it."""
    one, two, three, four = address.packed
    return [
        str(int(address)),
        hex(int(address)),
        oct(int(address)),
        f"0{int(address):o}",
        f"{one}.{(two << 16) + (three << 8) + four}",
        f"{one}.{two}.{(three << 8) + four}",
        f"{one:#x}.{two:#x}.{three:#x}.{four:#x}",
        f"{one}.{two}.{three}.{four:#x}",
        f"{one:04o}.{two:04o}.{three:04o}.{four:04o}",
        f"{one}.{two}.{three}.0{four}",
        f"::ffff:{address}",
        f"::{address}",
        f"64:ff9b::{address}",
        f"[{address}]",
        f"{address}:25",
        f"{address}%eth0",
        f"{address}/255.255.255.255",
        f"{address}/0.0.0.0",
        f"{address}/032",
        f"{address}-{four}",
        f"{one}.{two}.{three}.*",
        f"{address}, {address}",
        f"{address} {address}",
        f"{address}/33",
        f"{address}/",
        f"{address}.",
    ]


@given(UNICAST)
def test_an_address_is_taken_in_one_spelling_alone(address: IPv4Address) -> None:
    assert parse_network(str(address)) == IPv4Network(address)
    for spelling in other_notations(address):
        with pytest.raises(NetworkRefused):
            parse_network(spelling)


@given(UNICAST, st.integers(1, 32))
def test_a_range_is_taken_without_host_bits_alone(address: IPv4Address, length: int) -> None:
    whole = IPv4Network((address, length), strict=False)
    typed = f"{address}/{length}"
    if whole.network_address == address:
        assert parse_network(typed) == whole
    elif int(whole.network_address):
        with pytest.raises(NetworkRefused, match=str(whole)):
            parse_network(typed)


@given(GLOBAL, st.sampled_from(("compressed", "exploded")))
def test_ipv6_is_taken_in_any_of_its_lengths(address: IPv6Address, form: str) -> None:
    network = parse_network(getattr(address, form).upper())
    assert shown(network) == str(address)
    assert parse_network(shown(network)) == network


@pytest.mark.parametrize(
    ("typed", "part_of_sentence"),
    [
        ("0.0.0.0", "one system"),
        ("::", "one system"),
        ("224.0.0.1", "one system"),
        ("ff02::1", "one system"),
        ("224.0.0.0/4", "one system"),
        ("192.0.0.0/2", "reserved"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("2002:8176:0a09::1", "plain IPv4"),
        ("::ffff:0:8176:a09", "plain IPv4"),
        ("129.118.1.0/255.255.255.0", "netmask"),
        ("129.118.1.0/0.0.0.255", "netmask"),
        ("129.118.1.0/024", "zero"),
        ("129.118.1.0/33", "0 to 32"),
        ("2001:db8::/129", "0 to 128"),
        ("129.118.1.1 129.118.1.2", "one entry in each row"),
        ("129.118", "four numbers"),
        ("copier\u202e7", "is no IP address"),
    ],
)
def test_what_is_no_systems_own_address_says_so(typed: str, part_of_sentence: str) -> None:
    with pytest.raises(NetworkRefused, match=part_of_sentence) as refused:
        parse_network(typed)
    assert str(refused.value) == one_line(str(refused.value))


def test_loopback_is_left_to_the_rule_on_campus_networks() -> None:
    assert shown(parse_network("127.0.0.2")) == "127.0.0.2"
    assert shown(parse_network("::1")) == "::1"


def test_inside_and_overlap_keep_the_families_apart() -> None:
    campus = (ip_network("129.118.0.0/16"), ip_network("2001:db8:4000::/48"))
    assert is_inside(parse_network("129.118.44.8/29"), campus)
    assert is_inside(parse_network("2001:db8:4000::/48"), campus)
    assert not is_inside(parse_network("129.0.0.0/8"), campus)
    assert not is_inside(parse_network("2001:db8:4001::1"), campus)
    assert overlaps(parse_network("129.0.0.0/8"), campus[0])
    assert not overlaps(parse_network("129.118.44.8/29"), campus[1])


# ---------------------------------------------------------------- host names
@pytest.mark.parametrize(
    ("typed", "part_of_sentence"),
    [
        ("１２９.１１８.１.９", "ends in a number"),
        ("129.118.1.0x9", "ends in a number"),
        ("0x81.0x76.1.9", "ends in a number"),
        ("copier.123", "ends in a number"),
        ("[129.118.1.9]", "IP address"),
        ("2001:db8::25", "IP address"),
        ("copier.ttu.edu:25", "without a port"),
        ("*.ttu.edu", "wildcard"),
        ("copier\u200b.ttu.edu", "invisible"),
        ("copier\x00.ttu.edu", "invisible"),
        ("\U0001f5a8.ttu.edu", "no host name can have"),
        ("http://copier.ttu.edu:8080/", "without a protocol"),
        ("xn--99999999.ttu.edu", "xn--"),
        (".copier.ttu.edu", "two dots"),
        ("copier.ttu.edu..", "two dots"),
        ("copier-.ttu.edu", "hyphen"),
        ("copier.ttu.edu, plotter.ttu.edu", "one host name"),
        ("ü" * 64 + ".ttu.edu", "too long"),
        ("a" * 5000, "253"),
    ],
)
def test_a_host_name_says_what_to_do(typed: str, part_of_sentence: str) -> None:
    with pytest.raises(HostnameRefused, match=part_of_sentence):
        parse_hostname(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Bücherei.TTU.edu", "xn--bcherei-n2a.ttu.edu"),
        ("copier。ttu．edu", "copier.ttu.edu"),
        ("3com.ttu.edu", "3com.ttu.edu"),
        ("a" * 63 + ".ttu.edu", "a" * 63 + ".ttu.edu"),
    ],
)
def test_a_host_name_is_kept_in_its_ascii_form(typed: str, kept: str) -> None:
    assert parse_hostname(typed) == kept


@given(st.one_of(st.text(), st.from_regex(r"[a-z0-9x.１９ü。-]{1,30}", fullmatch=True)))
def test_a_host_name_is_settled_and_never_an_ip_address(typed: str) -> None:
    try:
        name = parse_hostname(typed)
    except HostnameRefused:
        return
    assert parse_hostname(name) == name
    assert name.isascii()
    with pytest.raises(OSError, match=r"illegal IP address"):
        socket.inet_aton(name)  # the loosest reader there is


# ---------------------------------------------------------------- addresses
@pytest.mark.parametrize(
    ("typed", "part_of_sentence"),
    [
        ("\u212aim@ttu.edu", "plain letters"),  # KELVIN SIGN lowers to k
        ("user@ｔｔｕ.ｅｄｕ", "another alphabet"),
        ("user@ttu.edu\u200b", "another alphabet"),
        ("user@ttu.edu...", "dots after"),
        ("user@tttu.edu", "another domain"),
        ("user@", "domain after the @ is missing"),
        ('"a b"@ttu.edu', "alone"),
        ("user@[129.118.1.1]", "alone"),
        ("a@ttu.edu, b@ttu.edu", "alone"),
        ("user%ttu.edu@evil.example", "another domain"),
        ("user@evil\u0085.example", "alone|control"),
        (".user@ttu.edu", "dot"),
    ],
)
def test_an_address_says_what_to_do(typed: str, part_of_sentence: str) -> None:
    with pytest.raises(MailboxRefused, match=part_of_sentence) as refused:
        parse_mailbox(typed, domain="ttu.edu")
    assert str(refused.value) == one_line(str(refused.value))


def test_an_institution_with_a_k_in_its_domain_is_not_reached_by_the_kelvin_sign() -> None:
    with pytest.raises(MailboxRefused, match="another alphabet"):
        parse_mailbox("user@ber\u212aeley.example", domain="berkeley.example")


@given(st.one_of(st.text().map("{}@ttu.edu".format), st.text().map("a@{}".format), st.text()))
def test_an_address_that_is_taken_is_on_the_domain_and_plain(typed: str) -> None:
    try:
        mailbox = parse_mailbox(typed, domain="ttu.edu")
    except MailboxRefused:
        return
    assert mailbox.domain == "ttu.edu"
    assert str(mailbox).isascii()
    assert str(mailbox) == str(mailbox).lower()
    assert not set('<>"(),;:\\[] \r\n\t') & set(str(mailbox))
    assert parse_mailbox(str(mailbox), domain="ttu.edu") == mailbox


# ---------------------------------------------------------------- days and text
@pytest.mark.parametrize(
    "typed", ["20270822", "2027-W10-1", "22.8.2027", "2027-02-29", "2027-8-2", "", "٢٠٢٧-٠٨-٢٢"]
)
def test_a_day_has_one_form(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_day(typed)


@given(st.dates())
def test_a_day_comes_back_from_its_form(day: object) -> None:
    assert parse_day(f" {day} ") == day


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r\n=", "\x00=", "＝", "＋", "－", "＠"])
def test_a_formula_is_only_text_in_a_cell(start: str) -> None:
    assert csv_cell(f"{start}cmd|' /C calc'!A0").startswith("'")
    assert csv_cell("Copier 7") == "Copier 7"


@given(st.text(max_size=300), st.integers(1, 100))
def test_text_fits_where_it_goes(text: str, length: int) -> None:
    assert len(truncate(text, length)) <= length
    assert set(ascii_word(text)) <= {chr(code) for code in range(33, 127)}
    assert one_line(one_line(text)) == one_line(text)
    assert one_line(text).isprintable()


def test_parts_read_as_in_a_sentence() -> None:
    assert sentence_list([]) == ""
    assert sentence_list(["a", "b", "c"], last="or") == "a, b or c"
