"""Messages made to cost as much as they can: each is read within a moment, or refused with a sentence."""

from collections.abc import Callable

import pytest

from benchmarks.hostile_messages import HOSTILE, SIZE, html, plain
from portal.lib import confined
from portal.message_checks import budgets
from portal.message_checks.checks import MailingFacts, check_octets
from portal.message_checks.markup import read_markup
from portal.message_checks.parsing import UnreadableMessage, parse_message
from portal.message_checks.preview import sanitized_html
from portal.message_checks.styles import Styles
from tests.support.clock import Stopwatch

FACTS = MailingFacts(
    own_domain="ttu.edu",
    promotes=True,
    has_transactional=False,
    subject_reads_commercial=True,
    body_reads_commercial=True,
    is_survey=True,
)
SECONDS = budgets.SECONDS * confined.CLOCK_TIMES + 1.5
"""The limit, and what a busy machine adds."""


def refusal(call: Callable[[], object]) -> str:
    """The sentence with which a message is refused; "" where it is read."""
    try:
        call()
    except UnreadableMessage as error:
        return str(error)
    return ""


@pytest.mark.parametrize("size", [SIZE, 98_000], ids=["full", "within"])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_could_cost_much_is_read_or_refused_in_a_moment(name: str, size: int) -> None:
    raw = HOSTILE[name](size)
    watch = Stopwatch()
    sentence = refusal(lambda: check_octets(raw, FACTS))
    assert watch.seconds < SECONDS
    assert sentence not in budgets.BEYOND.values(), "a budget is to refuse it, not the limit of the process"
    if not sentence:
        watch = Stopwatch()
        sanitized_html(parse_message(raw))
        assert watch.seconds < 2 * SECONDS


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (plain("\r\n" * (budgets.MOST_LINES + 1)), "more than 100,000 lines"),
        (plain("x" * (budgets.LARGEST_TEXT + 1)), "more than 200,000 characters of text"),
        (plain("https://a.b/ " * (budgets.MOST_LINKS + 1)), "more than 1,000 links"),
        (html("<a href='https://a.b/'>x</a>" * (budgets.MOST_LINKS + 1)), "more than 1,000 links"),
        (html("<p>" * (budgets.MOST_TAGS + 1)), "more than 15,000 tags"),
        (html("<i>" * 600 + "x"), "nested more than 500 elements deep"),
        (html(f"<p {' '.join(f'a{n}' for n in range(1100))}>x"), "more than 1,000 attributes"),
        (html(f"<p/{'/'.join(f'a{n}' for n in range(1100))}>x"), "more than 1,000 attributes"),
        (html("x" * (budgets.LARGEST_HTML + 1)), "more than 500 kB"),
        (html(f"<style>{'a{b:c}' * 20_000}</style>"), "more than 100 kB of styles"),
        (html(f"<style>{'a{b:c}' * (budgets.MOST_RULES + 1)}</style>"), "more than 1,000 rules"),
        (plain("x").replace(b"events@ttu.edu", b"e@ttu.edu" + b",f@ttu.edu" * 20), "more than 20 addresses"),
        (plain("x").replace(b"Spring", b"S" * 4_000), "Its Subject has more than 4,000 characters"),
        (
            plain("x", head=f"Content-Disposition: inline{'; a=b' * 21}\r\n"),
            "Its Content-Disposition is too long or has too many parameters",
        ),
        (plain("e" + "\u0301" * 31), "more than 30 accents"),
    ],
)
def test_each_budget_has_a_sentence_that_says_what_to_do(raw: bytes, words: str) -> None:
    sentence = refusal(lambda: parse_message(raw))
    assert words in sentence
    assert any(
        verb in sentence
        for verb in ("Make it", "Use fewer", "Shorten it", "Name one", "Save it again", "Remove them")
    )


@pytest.mark.parametrize(
    "raw",
    [
        plain("\r\n".join(["x" * 60] * 3_000)),
        plain("https://a.b/ " * 900),
        html("<table><tr><td>" * 100 + "x"),
        html("<p style='color:#333;font-size:14px'>x</p>" * 4_000),
        html(f"<style>{''.join(f'.c{n}{{color:red}}' for n in range(900))}</style><p class=c1>x"),
        plain("Tiếng Việt: đường phố, người ở ngoài"),
        html(f"<img alt=x src='data:image/png;base64,{'A/A/' * 20_000}'>x"),
        html("if a < b " + "then it is so " * 1_500),
    ],
)
def test_what_people_send_is_within_the_budgets(raw: bytes) -> None:
    assert refusal(lambda: check_octets(raw, FACTS)) == ""


def test_rules_beyond_a_number_do_not_hide_what_a_check_must_see() -> None:
    """Earlier, what stood after the first 200 rules was left out, and text that they hide passed for shown."""
    sheet = "".join(f".c{number}{{color:red}}" for number in range(400)) + ".a{display:none}"
    assert "secret" not in read_markup(f"<style>{sheet}</style><p class=a>secret</p>").text


@pytest.mark.parametrize(
    "css",
    [
        ".a{display:none}",
        "/* } */ .a{display:/**/none}",
        ".a{d\\69splay:n\\6fne}",
        ".b,.a:hover{display:none}",
        "@media screen{@media all{.a{display:none}}}",
        "@supports (display:grid){.a{display:none}}",
        "@import 'x'; .a{display:none}",
        "<!-- .a{display:none} -->",
        ".a{color:red;{}display:none}",
        "*{display:none}",
        "p.a{display:none",
        "[x='}'] .a{display:none}",
    ],
)
def test_css_is_read_as_browsers_read_it(css: str) -> None:
    assert "secret" not in read_markup(f"<style>{css}</style><p class=a>secret</p>").text


@pytest.mark.parametrize(
    "css",
    [
        "@media print{.a{display:none}}",
        "@font-face{display:none}",
        "/* .a{display:none} */",
        ".a::before{display:block}.b{display:none}",
        ".a{content:'display:none'}",
        ".a[x]{display:none}",
        "@media print{.b{}} .c{display:none}",
    ],
)
def test_css_that_hides_nothing(css: str) -> None:
    assert read_markup(f"<style>{css}</style><p class=a>seen</p>").text == "seen"


def test_important_wins_over_what_comes_later() -> None:
    styles = Styles([".a{display:none!important} .a{display:block}"])
    declared = styles.of("p", "", "a b")
    assert (declared.plain["display"], declared.important["display"]) == ("block", "none")
