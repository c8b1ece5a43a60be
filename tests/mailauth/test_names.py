import pytest

from portal.mailauth.names import DomainRefused, SelectorRefused, parse_domain, parse_selector


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ttu.edu", "ttu.edu"),
        ("  TTU.EDU. ", "ttu.edu"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("例え。jp", "xn--r8jz45g.jp"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("a-b.c1.example", "a-b.c1.example"),
    ],
)
def test_taken(typed: str, name: str) -> None:
    assert parse_domain(typed).ascii == name


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Enter a domain name"),
        ("..", "Enter a domain name"),
        ("user@ttu.edu", "an email address"),
        ("https://ttu.edu/it", "a web address"),
        ("ttu.edu/it", "a web address"),
        ("192.0.2.1", "an IP address"),
        ("2001:db8::1", "an IP address"),
        ("[192.0.2.1]", "an IP address"),
        ("2130706433", "an IP address"),
        ("0x7f000001", "an IP address"),
        (
            "x" * 60 + "." + "y" * 60 + "." + "z" * 60 + "." + "w" * 71,
            "at most 253 characters; this one has 254",
        ),
        ("x" * 64 + ".edu", "at most 63 characters; one here has 64"),
        ("x" * 5000, "this one has 5000"),
        ("😀.com", "an emoji"),
        ("edu", "at least two parts"),
        ("ttu..edu", "two dots"),
        (".ttu.edu", "two dots"),
        ("-ttu.edu", "begins or ends with a hyphen"),
        ("_dmarc.ttu.edu", "no underscore"),
        ("*.ttu.edu", "without a wildcard"),
        ("ttu.edu:25", "without a port"),
        ("ttu.edu, x.edu", "one domain name"),
        ("ttu\u200b.edu", "invisible character"),
        ("ttu.edu\r\nx", "line break"),
        ("xn--a.com", "not the ASCII form"),
        ("ttu.123", "never a number"),
    ],
)
def test_refused_with_a_sentence(typed: str, says: str) -> None:
    with pytest.raises(DomainRefused, match=says) as refused:
        parse_domain(typed)
    assert str(refused.value).endswith(".")


def test_relations() -> None:
    news, ttu = parse_domain("news.ttu.edu"), parse_domain("ttu.edu")
    assert news.parent == ttu
    assert news.is_within(ttu)
    assert not parse_domain("xttu.edu").is_within(ttu)
    assert parse_domain("xn--mnchen-3ya.de").unicode == "münchen.de"


@pytest.mark.parametrize(
    ("typed", "selector"), [("S1", "s1"), (" mail-2026 ", "mail-2026"), ("a.b", "a.b"), ("k_1", "k_1")]
)
def test_selector_taken(typed: str, selector: str) -> None:
    assert parse_selector(typed) == selector


@pytest.mark.parametrize(
    "typed", ["", "a/b", "a b", "s1._domainkey.ttu.edu", "-a", "x" * 64, "x." * 150, "é", "a@b", "../x"]
)
def test_selector_refused(typed: str) -> None:
    with pytest.raises(SelectorRefused, match=r"\.$"):
        parse_selector(typed)
