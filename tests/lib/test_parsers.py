"""What people type: addresses, networks, host names. Any text gives a value or a sentence, never another error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.hostnames import HostnameRefused, parse_hostname
from portal.lib.networks import NetworkRefused, parse_network, shown
from portal.lib.text import csv_cell, one_line

TYPED = st.one_of(st.text(), st.from_regex(r"[0-9a-fx:./%\[\]]{0,40}"), st.from_regex(r"[a-z.@_-]{0,40}"))


@pytest.mark.parametrize(
    ("typed", "part_of_sentence"),
    [
        ("129.118.010.9", "octal"),
        ("129.118.77.5/24", "129.118.77.0/24"),
        ("::ffff:8.8.8.8", "plain IPv4"),
        ("fe80::1%eth0", "zone"),
        ("[2001:db8::1]", "brackets"),
        ("129.118.1.2:25", "port"),
        ("2171011849", "four numbers"),
        ("0x81760a09", "four numbers"),
        ("129.118.1.1-9", "CIDR"),
        ("129.118.*.1", "CIDR"),
        ("129.118.300.1", "0 to 255"),
        ("0.0.0.0/0", "one system"),
        ("", "Enter"),
        ("9" * 61, "too long"),
    ],
)
def test_a_network_is_refused_with_what_to_do(typed: str, part_of_sentence: str) -> None:
    with pytest.raises(NetworkRefused, match=part_of_sentence.replace("[", r"\[")):
        parse_network(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" 129.118.10.9 ", "129.118.10.9"),
        ("129.118.44.8/29", "129.118.44.8/29"),
        ("2001:DB8:4000:10::25", "2001:db8:4000:10::25"),
        ("2001:db8:4000:10::20/125", "2001:db8:4000:10::20/125"),
    ],
)
def test_a_network_is_kept_in_its_canonical_form(typed: str, kept: str) -> None:
    assert shown(parse_network(typed)) == kept


@pytest.mark.parametrize(
    ("typed", "part_of_sentence"),
    [
        ("user@ttu.edu.evil.example", "belongs to somebody else"),
        ("user@ttυ.edu", "another alphabet"),
        ("user@xn--tt-gla.edu", "another alphabet"),
        ("Lab <lab@ttu.edu>", "alone"),
        ("lab@ttu.edu\nBcc: x@y.example", "line break"),
        ("lab@mail.ttu.edu", "ttu.edu itself"),
        ("lab@gmail.com", "another domain"),
        ("lab@@ttu.edu", "one @"),
        ("@ttu.edu", "missing"),
        ("a..b@ttu.edu", "dot"),
        ("ü@ttu.edu", "alphabet"),
        ("x" * 65 + "@ttu.edu", "64"),
    ],
)
def test_an_address_is_refused_with_what_to_do(typed: str, part_of_sentence: str) -> None:
    with pytest.raises(MailboxRefused, match=part_of_sentence):
        parse_mailbox(typed, domain="ttu.edu")


def test_an_address_is_kept_in_lower_case() -> None:
    assert str(parse_mailbox(" NoReply-Lab@TTU.EDU ", domain="ttu.edu")) == "noreply-lab@ttu.edu"


@pytest.mark.parametrize(
    ("typed", "part_of_sentence"),
    [
        ("copier_1.ttu.edu", "underscore"),
        ("a" * 64 + ".ttu.edu", "63"),
        ("copier", "full name"),
        ("129.118.1.1", "IP address"),
        ("https://copier.ttu.edu/", "protocol"),
        ("copier..ttu.edu", "two dots"),
        ("-copier.ttu.edu", "hyphen"),
        (".".join(["abcdefgh"] * 32), "253"),
        ("", "Enter"),
    ],
)
def test_a_host_name_is_refused_with_what_to_do(typed: str, part_of_sentence: str) -> None:
    with pytest.raises(HostnameRefused, match=part_of_sentence):
        parse_hostname(typed)


def test_a_trailing_dot_is_dropped() -> None:
    assert parse_hostname("Copier-7.TTU.edu.") == "copier-7.ttu.edu"


@given(TYPED)
def test_any_text_is_a_value_or_a_sentence(typed: str) -> None:
    for parse, refused in (
        (parse_network, NetworkRefused),
        (parse_mailbox, MailboxRefused),
        (parse_hostname, HostnameRefused),
    ):
        try:
            value = parse(typed)
        except refused as error:
            said = str(error)
        else:
            said = one_line(str(value))
            assert said == str(value)
        assert said


@given(st.text())
def test_a_cell_is_one_line_and_no_formula(text: str) -> None:
    cell = csv_cell(text)
    assert not {"\n", "\r"} & set(cell)
    assert not cell.startswith(("=", "+", "-", "@"))
