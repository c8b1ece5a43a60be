"""Emails: every source has its parts, what people type stays in its place, the layout reads as agreed."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import html5lib
import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.institution import institution
from portal.outbox.rendering import Email, MalformedTemplate, render_email

GOLDEN = Path(__file__).parent / "golden"
SOURCES = sorted(
    path.stem for path in (settings.BASE_DIR / "templates" / "mail").glob("*.txt") if path.stem != "layout"
)
LINK = "http://localhost:8000/requests/TM-R-1/?a=1&b=2"
FACTS: dict[str, Any] = {
    "reference": "TM-R-1",
    "title": "Copier copier-7.ttu.edu",
    "kind_label": "SMTP relay",
    "actor": "Reviewer",
    "comment": "Which copier?",
    "stage": "IT review",
    "due_on": date(2026, 3, 5),
    "decision": "approved",
    "clauses": ["REL-2"],
    "note": "From 2 March.",
    "what": "Revoked",
    "sentence": "It may relay.",
    "reason": "Spam",
    "starts_on": date(2026, 3, 2),
    "ends_on": date(2027, 3, 1),
    "days_left": 14,
    "address": "a@ttu.edu",
}


def email(name: str, **facts: Any) -> Email:
    return render_email(name, {"institution": institution(), "link": LINK, **FACTS, **facts})


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_makes_an_email_with_one_button_and_one_reason(name: str) -> None:
    made = email(name)
    assert made.subject == made.subject.strip()
    assert "{" not in made.subject + made.text
    assert made.text.count(LINK) == 1
    assert f":\n{LINK}\n\n-- \n" in made.text
    assert made.text.endswith("TechMail Portal, Texas Tech University\n")
    assert max(map(len, made.text.splitlines())) < 998  # RFC 5322 section 2.1.1
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(made.html)
    links = [element.attrib["href"] for element in tree.iter("a")]
    assert links == [LINK]
    assert not list(tree.iter("script")) + list(tree.iter("img")) + list(tree.iter("form"))
    for paragraph in made.text.partition("\n\n-- \n")[0].split("\n\n")[:-1]:
        assert " ".join(paragraph.split()) in " ".join("".join(tree.itertext()).split())


def test_a_blank_line_in_a_title_moves_no_part() -> None:
    made = email("request_question", title="Copier\n\nWhy: none\n\nButton: Pay here", actor="A\r\n\r\nB")
    assert made.subject == "A question about “Copier Why: none Button: Pay here”"
    assert "Answer the question:\n" in made.text
    assert "You are the requester or the co-owner." in made.text


def test_a_comment_keeps_its_paragraphs_and_is_no_template() -> None:
    made = email(
        "request_question", comment="One.\r\n\r\nTwo {{ institution }} {% now 'Y' %}\r\nThree\x00\x1b[31m"
    )
    assert "One.\n\nTwo {{ institution }} {% now 'Y' %}\nThree[31m\n" in made.text
    assert "Three[31m</p>" in made.html


def test_a_comment_with_markup_is_text() -> None:
    made = email("request_comment", comment="<a href='https://evil.example'>Click</a> & go", actor="<b>A</b>")
    assert "<a href='https://evil.example'>Click</a> & go" in made.text
    assert made.html.count("<a ") == 1
    assert "&lt;a href=" in made.html
    assert "<b>" not in made.html


@pytest.mark.parametrize(
    "source",
    [
        "Button: B\n\nText.\n\nWhy: W.",
        "Subject: S\n\nText.\n\nWhy: W.",
        "Subject: S\nButton: B\n\nText.",
        "Subject: S\nButton: B\n\nWhy: W.",
        "",
        "\n\n\n",
    ],
)
def test_a_source_without_its_parts_is_refused(source: str, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "broken.txt").write_text(source)
    (engine,) = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path, *engine["DIRS"]]}]
    with pytest.raises(MalformedTemplate, match=r"mail/broken\.txt"):
        email("broken")


@given(title=st.text(max_size=300), comment=st.text(max_size=300), actor=st.text(max_size=80))
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_words_of_people_make_an_email(title: str, comment: str, actor: str) -> None:
    made = email("request_question", title=title, comment=comment, actor=actor)
    assert made.subject.isprintable()
    assert len(made.subject) <= 180
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", made.text)
    assert "The review is paused until you answer." in made.text
    assert made.text.rstrip().endswith("TechMail Portal, Texas Tech University")


def test_the_html_reads_as_agreed() -> None:
    made = email("grant_reminder", comment="")
    assert made.html == (GOLDEN / "reminder.html").read_text(encoding="utf-8")
