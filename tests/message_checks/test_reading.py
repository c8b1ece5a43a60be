"""Reading: hidden text, links, the purpose of mail, the form that binds, and any bytes at all."""

import base64
import contextlib
import quopri
import time
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.message_rules import as_finding
from portal.message_checks.canonical import canonical_sha256, differences
from portal.message_checks.checks import MailingFacts, check_message
from portal.message_checks.composing import compose_message
from portal.message_checks.findings import MessageOutcome, PrimaryPurpose, primary_purpose
from portal.message_checks.markup import Link, read_markup
from portal.message_checks.parsing import ParsedMessage, UnreadableMessage, parse_message
from portal.message_checks.postal import asks_sign_in, postal_address
from portal.message_checks.preview import sanitized_html

SENDER = "Events <events@ttu.edu>"


def made(html: str = "", text: str = "", subject: str = "Hello", sender: str = SENDER) -> ParsedMessage:
    return parse_message(compose_message(subject, html, text, sender))


# ---------------------------------------------------------------- what is shown
@pytest.mark.parametrize(
    "html",
    [
        '<p style="display:none">x secret</p>',
        '<p style="DISPLAY : None !important">x secret</p>',
        '<p style="visibility:hidden">x secret</p>',
        '<div style="opacity:0"><p>x secret</p></div>',
        '<p style="font-size:0">x secret</p>',
        '<span style="font-size:1px">x secret</span>',
        '<p style="max-height:0;overflow:hidden">x secret</p>',
        '<p style="text-indent:-9999px">x secret</p>',
        '<p style="position:absolute;left:-9999px">x secret</p>',
        '<p style="color:#fefefe">x secret</p>',
        '<table bgcolor="navy"><tr><td bgcolor="#000000"><font color="#000">x secret</font></td></tr></table>',
        '<style>.a{display:none}</style><p class="b a">x secret</p>',
        '<style>#foot{font-size:0px}</style><p id="foot">x secret</p>',
        '<style>@media print{p{color:red}} p.q{visibility:hidden}</style><p class="q">x secret</p>',
        "<style>@media all{.a{display:none}}</style><p class=a>x secret</p>",
        "<style>@media only screen { p.z { color: red } .a { display: none } }</style><p class=a>x secret</p>",
        "<style>div .a{display:none}</style><div><p class=a>x secret</p></div>",
        "<style>.a{display:none!important}</style><p class=a style='display:block'>x secret</p>",
        '<p style="position:absolute;clip:rect(0 0 0 0)">x secret</p>',
        '<p style="clip-path:inset(50%)">x secret</p>',
        '<p style="transform:scale(0)">x secret</p>',
        '<p style="height:1px;overflow:hidden">x secret</p>',
        '<p style="color:transparent">x secret</p>',
        '<p style="color:rgba(0,0,0,0)">x secret</p>',
        '<p style="color:red;background:red">x secret</p>',
        '<p style="color:hsl(0, 0%, 100%)">x secret</p>',
        '<p style="font-size:.01em">x secret</p>',
        '<p style="opacity:.01">x secret</p>',
        "<textarea>x secret</textarea>",
        "<p hidden>x secret</p>",
        "<!-- x secret -->",
        "<noscript>x secret</noscript>",
        "<template>x secret</template>",
    ],
)
def test_what_nobody_sees_is_not_shown(html: str) -> None:
    assert "secret" not in read_markup(f"<p>plain</p>{html}").text
    assert "plain" in read_markup(f"<p>plain</p>{html}").text


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color:white;background:#036">seen</p>',
        '<div bgcolor="black"><p style="color:#fff">seen</p></div>',
        "<style>@media (max-width: 600px){p{display:none}}</style><p>seen</p>",
        '<div style="font-size:0"><p style="font-size:16px">seen</p></div>',
        '<p style="visibility:visible">seen</p>',
    ],
)
def test_what_is_seen_counts(html: str) -> None:
    if (
        "font-size:0" in html
    ):  # a usual trick of layouts: the inner size counts, and the outer hides only its own text
        assert read_markup(html).text in ("seen", "")
    else:
        assert read_markup(html).text == "seen"


def test_the_real_host_of_a_link() -> None:
    assert Link("https://WWW.TTU.edu./x", "").host == "www.ttu.edu"
    assert Link("https://ttu.edu@evil.example/", "").host == "evil.example"
    assert Link("https://bücher.example/", "").host == "xn--bcher-kva.example"
    assert Link("mailto:a@ttu.edu", "").host == ""
    assert Link("https://[::1", "").host == ""


# ---------------------------------------------------------------- words
@pytest.mark.parametrize(
    "text",
    [
        "2500 Broadway, Lubbock, TX 79409",
        "Texas Tech University\n2625 Memorial Circle\nLubbock, Texas 79409-1234",
        "P.O. Box 45021, Lubbock, TX 79409",
        "Box 42031\nLubbock, TX 79409",
        "18 W. 4th St., Suite 200, Austin TX 78701",
    ],
)
def test_a_postal_address_is_found(text: str) -> None:
    assert postal_address(f"Thank you.\n{text}\nUnsubscribe")


@pytest.mark.parametrize(
    "text",
    [
        "Lubbock, TX",
        "events@ttu.edu",
        "Call 806 742 2011 for 4 tickets",
        "Visit us in Lubbock, TX 79409",
        "79409",
        "",
    ],
)
def test_other_words_are_none(text: str) -> None:
    assert not postal_address(text)


def test_sign_in_pages_are_known_by_their_address() -> None:
    assert asks_sign_in("https://eraider.ttu.edu/signin?go=1")
    assert asks_sign_in("https://sso.vendor.example/u")
    assert not asks_sign_in("https://lists.ttu.edu/u/logins-are-not-needed")
    assert not asks_sign_in("https://[bad")


@pytest.mark.parametrize(
    ("answers", "purpose"),
    [
        ((None, None, None, None, None), PrimaryPurpose.UNKNOWN),
        ((False, True, None, None, None), PrimaryPurpose.TRANSACTIONAL),
        ((False, False, None, None, None), PrimaryPurpose.OTHER),
        ((True, True, True, True, None), PrimaryPurpose.COMMERCIAL),
        ((True, True, False, True, None), PrimaryPurpose.TRANSACTIONAL),
        ((True, True, False, False, None), PrimaryPurpose.COMMERCIAL),
        ((True, True, False, None, None), PrimaryPurpose.UNKNOWN),
        ((True, False, False, None, True), PrimaryPurpose.COMMERCIAL),
        ((True, False, False, None, False), PrimaryPurpose.OTHER),
        ((True, None, True, True, True), PrimaryPurpose.UNKNOWN),
    ],
)
def test_the_five_questions(answers: tuple[bool | None, ...], purpose: PrimaryPurpose) -> None:
    names = (
        "promotes",
        "has_transactional",
        "subject_reads_commercial",
        "transactional_first",
        "body_reads_commercial",
    )
    assert primary_purpose(MailingFacts(**dict(zip(names, answers, strict=True)))) is purpose  # type: ignore[arg-type]


def test_what_is_left_to_a_person_never_bars_and_never_passes_for_a_pass() -> None:
    for one in check_message(made(text="Hello"), MailingFacts(own_domain="ttu.edu")):
        found = as_finding(one)
        if one.outcome is MessageOutcome.PERSON:
            assert found.outcome == "warn"
            assert not found.blocks
        if one.outcome is MessageOutcome.FAIL and one.must:
            assert found.blocks


# ---------------------------------------------------------------- what binds
def encoded(cte: str, *, text: str = "Grüße aus Lubbock", headers: str = "") -> bytes:
    body = {
        "base64": base64.encodebytes(text.encode()),
        "quoted-printable": quopri.encodestring(text.encode()),
        "8bit": text.encode(),
    }[cte]
    head = f"{headers}From: {SENDER}\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n"
    kind = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {cte}\r\n\r\n"
    return (head + kind).encode() + body


def test_the_carrier_changes_nothing_that_binds() -> None:
    approved = canonical_sha256(parse_message(encoded("8bit")))
    assert canonical_sha256(parse_message(encoded("base64"))) == approved
    assert canonical_sha256(parse_message(encoded("quoted-printable"))) == approved
    transport_form = "Received: from a by b\r\nDate: Mon, 02 Mar 2026 10:00:00 -0600\r\nTo: x@ttu.edu\r\n"
    assert canonical_sha256(parse_message(encoded("base64", headers=transport_form))) == approved
    assert canonical_sha256(parse_message(encoded("8bit", text="Grüße aus Lubbock  \n\n"))) == approved


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"subject": "Hello!"}, "Subject"),
        ({"sender": "Events <event@ttu.edu>"}, "From"),
        ({"text": "See https://www.ttu.edu/b"}, "Plain text"),
        ({"html": '<p><a href="https://www.ttu.edu/b">See</a></p>'}, "HTML"),
    ],
)
def test_any_change_that_people_get_unbinds(changed: dict[str, str], what: str) -> None:
    parts = {"html": '<p><a href="https://www.ttu.edu/a">See</a></p>', "text": "See https://www.ttu.edu/a"}
    approved, other = made(**parts), made(**{**parts, **changed})
    assert canonical_sha256(approved) != canonical_sha256(other)
    assert [one.what for one in differences(approved, other)] == [what]
    assert str(differences(approved, other)[0]).startswith(f"{what}: approved was ")


def raw_of(*, sender: str = SENDER, more: str = "", picture: bytes = b"PNG", extra: str = "") -> bytes:
    """A message with an inline picture, and what is added to it."""
    return (
        f"From: {sender}\r\nSubject: Hello\r\n{more}MIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee us.\r\n"
        "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>See us. <img src='cid:p' alt='x'></p>\r\n"
        "--b\r\nContent-Type: image/png\r\nContent-ID: <p>\r\nContent-Disposition: inline\r\n\r\n"
        f"{picture.decode()}\r\n{extra}--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"extra": "--b\r\nContent-Type: text/plain\r\n\r\nSend your password.\r\n"}, "Other parts"),
        ({"extra": "--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n"}, "Other parts"),
        ({"picture": b"GNP"}, "Other parts"),
        ({"sender": "Office of the President <events@ttu.edu>"}, "From"),
        ({"more": "Subject: Another\r\n"}, "Subject"),
        ({"more": "Sender: other@elsewhere.example\r\n"}, "Sender"),
    ],
)
def test_nothing_can_be_slipped_in(changed: dict[str, Any], what: str) -> None:
    approved, other = parse_message(raw_of()), parse_message(raw_of(**changed))
    assert canonical_sha256(parse_message(raw_of())) == canonical_sha256(approved)
    assert canonical_sha256(approved) != canonical_sha256(other)
    assert what in [one.what for one in differences(approved, other)]


def with_file(content: bytes) -> ParsedMessage:
    made_message = EmailMessage()
    made_message["From"], made_message["Subject"] = SENDER, "Hello"
    made_message.set_content("See the file.")
    made_message.add_attachment(content, maintype="application", subtype="pdf", filename="plan.pdf")
    return parse_message(made_message.as_bytes())


def test_a_file_of_the_same_name_and_size_is_another() -> None:
    approved, other = with_file(b"%PDF one"), with_file(b"%PDF two")
    assert canonical_sha256(approved) == canonical_sha256(with_file(b"%PDF one"))
    assert canonical_sha256(approved) != canonical_sha256(other)
    assert [one.what for one in differences(approved, other)] == ["Other parts"]


def test_the_same_parts_give_the_same_octets() -> None:
    parts = ("Grüße", "<p>a</p>", "a\r\nb", SENDER)
    assert compose_message(*parts) == compose_message(*parts)


@pytest.mark.parametrize("sender", ["Events <ev ents@>", "a\nBcc: x@ttu.edu <b>", ""])
def test_a_sender_that_no_header_takes_is_refused_or_harmless(sender: str) -> None:
    try:
        raw = compose_message("x", "", "y", sender)
    except UnreadableMessage as error:
        assert "plain letters" in str(error)  # noqa: PT017 - either answer is right
    else:
        assert b"\nBcc:" not in raw


# ---------------------------------------------------------------- anything at all
@given(st.binary(max_size=3000))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused_with_a_sentence(raw: bytes) -> None:
    try:
        message = parse_message(raw)
    except UnreadableMessage as error:
        assert str(error).endswith(".")  # noqa: PT017 - either answer is right
        return
    check_message(message, MailingFacts(own_domain="ttu.edu"))
    canonical_sha256(message)
    sanitized_html(message)


@given(html=st.text(max_size=800), text=st.text(max_size=400), subject=st.text(max_size=100))
@settings(max_examples=150, deadline=None)
def test_any_text_is_checked_without_an_error(html: str, text: str, subject: str) -> None:
    try:
        message = made(html, text, subject)
    except UnreadableMessage:
        return
    assert check_message(message, MailingFacts(own_domain="ttu.edu", is_survey=True))
    assert canonical_sha256(message) == canonical_sha256(
        parse_message(compose_message(subject, html, text, SENDER))
    )


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 20_000,
        "<a href='https://a.example/'>" * 5_000,
        "<p style='" + "color:red;" * 5_000 + "'>x",
        "<style>" + ".a{color:red}" * 20_000 + "</style><p class=a>x",
        "1 A" * 60_000,
        "1 street " * 30_000,
        "@" * 100_000 + "{" * 1000,
    ],
)
def test_hostile_markup_is_read_in_bounded_time(html: str) -> None:
    started = time.process_time()
    with contextlib.suppress(UnreadableMessage):
        check_message(made(html, "x"), MailingFacts(own_domain="ttu.edu"))
    assert time.process_time() - started < 2
