"""The parts that pages are made of; a builtin of every template. `docs/ui.md` lists them with their use."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.institution import Institution, institution
from portal.ui import badges, fields, folded, term_bar
from portal.ui.icons import icon as icon_of
from portal.ui.links import url_or_none
from portal.workflow import registry

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
@lru_cache(maxsize=64)
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


# ------------------------------------------------------------------ forms
@register.simple_tag
def widget(field: BoundField) -> SafeString:
    """The field's widget with our classes and its ARIA; used by the one field template."""
    return field.as_widget(attrs=fields.widget_attrs(field))


register.filter("folded_markup", folded.markup)
register.filter("field_id", fields.field_id)
register.filter("is_single_checkbox", fields.is_single_checkbox)
register.filter("live_id", fields.live_id)
register.filter("described_by", fields.described_by)
register.filter("shown_when", fields.shown_when)
register.filter("in_plain_words", fields.in_plain_words)


@register.inclusion_tag("components/error_summary.html")
def error_summary(*parts: Any) -> dict[str, Any]:
    """All errors of forms and formsets, linked to their fields; nothing where there is none."""
    return {"problems": list(fields.problems_of(parts))}


@register.inclusion_tag("components/step_progress.html")
def step_progress(number: int, total: int, title: str = "") -> dict[str, Any]:
    """ "Step 2 of 5" with a bar of segments."""
    return {"number": number, "total": total, "title": title, "steps": range(1, total + 1)}


# ------------------------------------------------------------------ frame and parts
@register.simple_block_tag
def filled(content: SafeString, element: str, css: str) -> SafeString:
    """The content in an element of class `css`; nothing where the content is white space alone."""
    return (
        format_html('<{0} class="{1}">{2}</{0}>', element, css, content) if content.strip() else SafeString()
    )


@register.filter
def one_a_line(lines: Iterable[str]) -> str:
    """The lines as one text, for `<pre>`."""
    return "\n".join(lines)


@register.simple_tag(name="institution")
def institution_tag() -> Institution:
    """The institution, for templates that are rendered without a request: `{% institution as place %}`."""
    return institution()


@register.simple_tag
def url_if_any(name: str, *args: Any) -> str:
    """The address of a page, or "" where the installation does not have it."""
    return url_or_none(name, *args) or ""


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
def term_bar_tag(
    grant: Any, reminder_days: Iterable[int] = (), renewal_opens_days: int = 0
) -> dict[str, Any]:
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
