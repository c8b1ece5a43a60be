"""Words that pages say of days, ages and clauses, and small readings. The parts of a page are in `portal_ui`."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.http import QueryDict
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

from portal.ui import moments
from portal.ui.icons import icon
from portal.ui.links import url_or_none

register = template.Library()


# ------------------------------------------------------------------ times
@register.simple_tag
def when(value: datetime | date | None, exact: bool = False) -> SafeString | str:
    """A moment as "3 days ago" with the exact time on hover; `exact=True` shows the exact time."""
    if value is None:
        return "—"
    if not isinstance(value, datetime):
        return moments.time_tag(value, moments.day_in_words(value))
    if exact:
        return moments.time_tag(value, moments.exact_in_words(value))
    return moments.time_tag(value, moments.in_words(value, timezone.now()))


def day(value: date | None) -> SafeString | str:
    """A day such as "Mar 4, 2027"; of a moment, the institution's day."""
    return when(timezone.localdate(value) if isinstance(value, datetime) else value)


register.simple_tag(day)
register.filter("day", day)


@register.filter
def day_text(value: date | None) -> str:
    """A day such as "Mar 4, 2027" as plain text, for email."""
    return moments.day_in_words(value) if value else ""


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """A moment as its exact time."""
    return when(value, exact=True)


@register.simple_tag
def due(value: date | None, paused: bool = False) -> SafeString | str:
    """A target day in words ("in 3 days", "2 days overdue"); `paused` says that the due date is paused."""
    if paused:
        return format_html('<span class="due">{} paused</span>', icon("pause-circle", 16))
    return _due(value, timezone.localdate()) if value else "—"


@lru_cache(maxsize=512)
def _due(value: date, today: date) -> SafeString:
    words = moments.time_tag(value, moments.due_in_words(value, today))
    tone = "late" if value < today else "soon" if (value - today).days < 2 else "later"
    sign = icon("clock", 16) if tone != "later" else ""
    return format_html('<span class="due due-{}">{}{}</span>', tone, sign, words)


@register.filter
def days_from_now(value: date | None) -> str:
    """How far a day is from today: "in 3 days", "today", "2 days ago"."""
    return moments.days_in_words(value, timezone.localdate()) if value else ""


@register.filter
def overdue_words(value: date | None) -> str:
    """A due day in words: "due in 3 days", "2 days overdue"."""
    if value is None:
        return ""
    words = moments.due_in_words(value, timezone.localdate())
    return words if words.endswith("overdue") else f"due {words}"


@register.filter
def age_words(value: datetime | None) -> str:
    """How old a moment is, in its largest unit: "3 days"."""
    return moments.age_in_words(value, timezone.now()) if value else ""


# ------------------------------------------------------------------ links to the rules
@register.filter
def clause_link(clause: str) -> SafeString:
    """A clause's id as a link to its text."""
    if not (page := url_or_none("standards")):
        return format_html('<span class="clause">{}</span>', clause)
    return format_html('<a class="clause" href="{}#{}">{}</a>', page, clause, clause)


@register.filter
def clause_links(clauses: Iterable[str]) -> SafeString:
    """Several clauses as links, separated by commas."""
    return format_html_join(", ", "{}", ((clause_link(clause),) for clause in clauses))


register.simple_tag(clause_links, name="clause_list")


@register.simple_tag
def term(word: str, shown: str = "", expansion: str = "") -> SafeString:
    """A term of the glossary as a link to its entry; `expansion` is what an abbreviation stands for."""
    text: str | SafeString = shown or word
    if expansion:
        text = format_html('<abbr title="{}">{}</abbr>', expansion, text)
    if not (page := url_or_none("glossary")):
        return format_html('<span class="term">{}</span>', text)
    return format_html('<a class="term" href="{}#{}">{}</a>', page, slugify(word), text)


# ------------------------------------------------------------------ small readings
@register.filter
def get(mapping: Mapping[str, Any] | None, key: str) -> Any:
    """An entry of a mapping by a key that is a variable; None where there is none."""
    return mapping.get(key) if mapping else None


@register.simple_tag(takes_context=True)
def url_with(context: template.Context, **changes: Any) -> str:
    """The present address with some query parameters changed; None or "" removes one.

    A change of a filter leads to the first page again, so the keyset's `after` and `before` go as well.
    """
    query: QueryDict = context["request"].GET.copy()
    for key in ("after", "before", *changes):
        query.pop(key, None)
    for key, value in changes.items():
        if value not in (None, ""):
            query[key] = str(value)
    return f"?{query.urlencode()}" if query else str(context["request"].path)


@register.filter
def pretty_json(value: object) -> str:
    """Evidence as indented JSON, in the order it was recorded."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def initials(name: object) -> str:
    """The first letters of the first and last word of a name."""
    words = [word for word in str(name).split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
