"""Words that pages say of days, ages and clauses. The parts of a page are in `portal_ui`."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import template
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def day(value: date | None) -> SafeString | str:
    """A day in words and as <time>."""
    if value is None:
        return "—"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), value.strftime("%-d %B %Y"))


@register.filter
def moment(value: Any) -> SafeString | str:
    """A moment in the institution's zone, as <time>."""
    if value is None:
        return "—"
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), local.strftime("%-d %b %Y, %H:%M")
    )


@register.filter
def days_from_now(value: date | None) -> str:
    """How far a day is from today, in words: "in 3 days", "today", "2 days ago"."""
    if value is None:
        return ""
    days = (value - timezone.localdate()).days
    if days == 0:
        return "today"
    count = f"{abs(days)} day{'s' if abs(days) != 1 else ''}"
    return f"in {count}" if days > 0 else f"{count} ago"


@register.filter
def overdue_words(value: date | None) -> str:
    """The due day of a row: "due today", "due in 3 days", "overdue by 2 days"."""
    if value is None:
        return ""
    days = (value - timezone.localdate()).days
    if days >= 0:
        return f"due {days_from_now(value)}"
    return f"overdue by {-days} day{'s' if days != -1 else ''}"


@register.filter
def age_words(value: Any) -> str:
    """How old a moment is, in the largest sensible unit."""
    if value is None:
        return ""
    seconds = (timezone.now() - value).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "just now"


@register.filter
def get(mapping: Mapping[str, Any], key: str) -> Any:
    """An entry of a mapping by a key that is a variable; None where there is none."""
    return mapping.get(key) if mapping else None


@register.simple_tag(takes_context=True)
def url_with(context: template.Context, **changes: Any) -> str:
    """The present address with some query parameters changed; None or "" removes one."""
    query: QueryDict = context["request"].GET.copy()
    for key, value in changes.items():
        query.pop(key, None)
        if value not in (None, ""):
            query[key] = str(value)
    for key in ("after", "before"):
        if key not in changes:
            query.pop(key, None)
    return f"?{query.urlencode()}" if query else context["request"].path


@register.simple_tag
def clause_list(clauses: Sequence[str]) -> SafeString:
    """Clause ids as links, separated by commas."""
    return format_html_join(", ", "{}", ((format_html('<a class="clause" href="{}#{}">{}</a>', reverse("standards"), clause, clause),) for clause in clauses))
