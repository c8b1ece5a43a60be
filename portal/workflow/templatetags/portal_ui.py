"""The design system's tags and filters; a builtin of every template. `docs/ui.md` lists them with their use."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import template
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

from portal.institution import Institution, institution
from portal.ui import badges, fields, moments, term_bar
from portal.ui.icons import icon as icon_of
from portal.ui.navigation import url_or_none
from portal.workflow import registry

if TYPE_CHECKING:
    from django.http import QueryDict

register = template.Library()


# ------------------------------------------------------------------ words with a look
@register.simple_tag
def icon(name: str, size: int = 20, css: str = "") -> SafeString:
    """The outline icon `name` (heroicons); decoration, so a word must stand beside it."""
    return icon_of(str(name) + "", size, str(css) + "")


@register.simple_tag
def outcome_badge(outcome: object, word: str = "") -> SafeString:
    """The badge of pass, warn, fail or unknown; `word` replaces the outcome's own."""
    return badges.badge(badges.look_of(outcome, badges.OUTCOMES), word)


@register.simple_tag
def state_badge(state: object, word: str = "") -> SafeString:
    """The badge of a request's, grant's or intention's state; `word` replaces the state's own."""
    return badges.badge(badges.look_of(state, badges.STATES), word)


@register.filter
def outcome_icon(outcome: object) -> SafeString:
    """The outcome as an icon with its word for assistive technology, where a sentence stands beside it."""
    look = badges.look_of(outcome, badges.OUTCOMES)
    return format_html('{}<span class="visually-hidden">{}: </span>', icon_of(look.icon, 20), look.word)


@register.filter
def action_icon(action: object) -> SafeString:
    """The icon of what happened, for timelines."""
    return icon_of(badges.look_of_action(action).icon, 16)


@register.filter
def action_tone(action: object) -> str:
    """The tone of what happened, for timelines."""
    return badges.look_of_action(action).tone


@register.simple_tag
def kind_badge(kind: str) -> SafeString:
    """A kind of request by its key: icon and word."""
    try:
        entry = registry.get(kind)
    except registry.UnknownKind:
        return format_html('<span class="kind">{}</span>', kind)
    return format_html('<span class="kind">{}<span>{}</span></span>', icon_of(entry.icon, 16), entry.label)


@register.filter
def reference(text: object) -> SafeString:
    """A reference in monospace that does not break at its hyphens."""
    return format_html('<span class="code nowrap">{}</span>', text)


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


@register.simple_tag
def term(word: str, shown: str = "", expansion: str = "") -> SafeString:
    """A term of the glossary as a link to its entry; `expansion` is what an abbreviation stands for."""
    text: str | SafeString = shown or word
    if expansion:
        text = format_html('<abbr title="{}">{}</abbr>', expansion, text)
    if not (page := url_or_none("glossary")):
        return format_html('<span class="term">{}</span>', text)
    return format_html('<a class="term" href="{}#{}">{}</a>', page, slugify(word), text)


# ------------------------------------------------------------------ times
@register.simple_tag
def when(value: datetime | date | None, exact: bool = False) -> SafeString | str:
    """A moment as "3 days ago" with the exact time on hover; `exact=True` shows the exact time."""
    if value is None:
        return "—"
    if not isinstance(value, datetime):
        return moments.time_tag(value, moments.format_date(value, moments.DAY))
    if exact:
        return moments.time_tag(value, moments.format_date(timezone.localtime(value), moments.EXACT))
    return moments.time_tag(value, moments.in_words(value, timezone.now()))


def day(value: date | None) -> SafeString | str:
    """A day such as "Mar 4, 2027"; of a moment, the institution's day."""
    return when(timezone.localdate(value) if isinstance(value, datetime) else value)


register.simple_tag(day)
register.filter("day", day)


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """A moment as its exact time."""
    return when(value, exact=True)


@register.simple_tag
def due(value: date | None, paused: bool = False) -> SafeString | str:
    """A target day in words ("in 3 days", "2 days overdue"); `paused` says that the clock stands still."""
    if paused:
        return format_html('<span class="due">{} paused</span>', icon_of("pause-circle", 16))
    if value is None:
        return "—"
    today = timezone.localdate()
    words = moments.time_tag(value, moments.due_in_words(value, today))
    tone = "late" if value < today else "soon" if (value - today).days < 2 else "later"
    sign = icon_of("clock", 16) if tone != "later" else ""
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


# ------------------------------------------------------------------ forms
@register.simple_tag
def widget(field: BoundField) -> SafeString:
    """The field's widget with our classes and its ARIA; used by the one field template."""
    return field.as_widget(attrs=fields.widget_attrs(field))


register.filter("field_id", fields.field_id)
register.filter("is_single_checkbox", fields.is_single_checkbox)
register.filter("live_id", fields.live_id)
register.filter("described_by", fields.described_by)
register.filter("shown_when", fields.shown_when)


@register.inclusion_tag("components/error_summary.html")
def error_summary(*parts: Any) -> dict[str, Any]:
    """All errors of forms and formsets, linked to their fields; nothing where there is none."""
    return {"problems": list(fields.problems_of(parts))}


@register.inclusion_tag("components/step_progress.html")
def step_progress(number: int, total: int, title: str = "") -> dict[str, Any]:
    """ "Step 2 of 5" with a bar of segments."""
    return {"number": number, "total": total, "title": title, "steps": range(1, total + 1)}


# ------------------------------------------------------------------ frame and parts
@register.simple_tag(name="institution")
def institution_tag() -> Institution:
    """The institution, for templates that are rendered without a request: `{% institution as place %}`."""
    return institution()


@register.simple_tag
def url_if_any(name: str, *args: Any) -> str:
    """The address of a page, or "" where the installation does not have it."""
    return url_or_none(name, *args) or ""


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


@register.inclusion_tag("components/breadcrumb.html")
def breadcrumb(*parts: str) -> dict[str, Any]:
    """label, url (a path or a page's name), label, url, ..., and last the label of this page."""
    *pairs, here = parts
    links = [
        (label, url if url.startswith("/") else url_or_none(url))
        for label, url in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    return {"links": links, "here": here}


@register.inclusion_tag("components/term_bar.html", name="term_bar")
def term_bar_tag(grant: Any, reminder_days: Iterable[int] = (), renewal_opens_days: int = 0) -> dict[str, Any]:
    """The term of anything with `starts_on` and `ends_on`: today, reminders (days before), renewal window."""
    end: date = grant.ends_on
    return {
        "bar": term_bar.lay_out(
            start=grant.starts_on,
            end=end,
            today=timezone.localdate(),
            reminders=[end - timedelta(days=days) for days in reminder_days],
            renewal_opens=end - timedelta(days=renewal_opens_days) if renewal_opens_days else None,
        )
    }


@register.simple_tag
def copy_button(text: object, label: str = "Copy") -> SafeString:
    """A button that copies `text`; without JavaScript it is not there."""
    return format_html(
        '<button type="button" class="copy" data-copy="{}" hidden>{}<span>{}</span></button>',
        text,
        icon_of("clipboard-document", 16),
        label,
    )


@register.filter
def pretty_json(value: object) -> str:
    """Evidence as indented JSON, in the order it was recorded."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.filter
def initials(name: object) -> str:
    """The first letters of the first and last word of a name."""
    words = [word for word in str(name).split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


@register.filter
def get(mapping: Mapping[str, Any] | None, key: str) -> Any:
    """An entry of a mapping by a key that is a variable; None where there is none."""
    return mapping.get(key) if mapping else None
