"""Times and days in words, each with the exact value beside it. Days are the institution's."""

from datetime import date, datetime

from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString

DAY = "M j, Y"
EXACT = "M j, Y, g:i A"


def in_words(then: datetime, now: datetime) -> str:
    """How far `then` is from `now`, in one unit; beyond two weeks the day itself."""
    seconds = round((now - then).total_seconds())
    if abs(seconds) < 45:
        return "just now"
    for size, unit, below in ((60, "minute", 60), (3600, "hour", 24)):
        count = max(1, round(abs(seconds) / size))
        if count < below:
            return _sided(count, unit, past=seconds > 0)
    days = (timezone.localdate(now) - timezone.localdate(then)).days
    if abs(days) > 14:
        return format_date(timezone.localtime(then), DAY)
    if abs(days) <= 1:
        return "yesterday" if seconds > 0 else "tomorrow"
    return _sided(abs(days), "day", past=days > 0)


def day_in_words(day: date) -> str:
    """A day such as "Mar 4, 2027"."""
    return format_date(day, DAY)


def exact_in_words(then: datetime) -> str:
    """A moment to the minute, in the institution's zone."""
    return format_date(timezone.localtime(then), EXACT)


def due_in_words(day: date, today: date) -> str:
    """How long until `day`, or how long overdue."""
    left = (day - today).days
    if left < 0:
        return f"{-left} {_plural(-left, 'day')} overdue"
    return ("today", "tomorrow")[left] if left < 2 else f"in {left} days"


def days_in_words(day: date, today: date) -> str:
    """How far `day` is from `today`, either way."""
    left = (day - today).days
    if abs(left) < 2:
        return ("yesterday", "today", "tomorrow")[left + 1]
    return _sided(abs(left), "day", past=left < 0)


def age_in_words(then: datetime, now: datetime) -> str:
    """How old `then` is, in the largest unit of days, hours and minutes."""
    seconds = int((now - then).total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds // size} {_plural(seconds // size, unit)}"
    return "just now"


def time_tag(value: datetime | date, text: str) -> SafeString:
    """`<time>` with the machine's value, the exact one on hover, and `text` for people."""
    if isinstance(value, datetime):
        local = timezone.localtime(value)
        exact = f"{exact_in_words(value)} {local.tzname()}"
        return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, text)
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)


def _sided(count: int, unit: str, *, past: bool) -> str:
    words = f"{count} {_plural(count, unit)}"
    return f"{words} ago" if past else f"in {words}"


def _plural(count: int, unit: str) -> str:
    return unit if count == 1 else f"{unit}s"
