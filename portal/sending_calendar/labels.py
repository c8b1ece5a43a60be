"""Labels of windows and populations on pages, in emails and in findings."""

from datetime import date

from portal.institution import Institution, institution
from portal.lib.text import sentence_list
from portal.sending_calendar.windows import Window
from portal.ui.moments import day_in_words


def span_label(first: date, last: date) -> str:
    """Return the days from `first` to `last`, such as "Dec 1, 2026 to Dec 4, 2026", or the one day."""
    return day_in_words(first) if first == last else f"{day_in_words(first)} to {day_in_words(last)}"


def window_label(window: Window) -> str:
    """Return the days of a window."""
    return span_label(window.starts_on, window.ends_on)


def population_labels(populations: frozenset[str], place: Institution | None = None) -> str:
    """Return the names of populations in the institution's order; an unknown key stands for itself."""
    known = (place or institution()).populations
    labels = [entry.label for entry in known if entry.key in populations]
    unknown = sorted(populations - {entry.key for entry in known})
    return sentence_list([*labels, *unknown])


def window_populations(window: Window) -> str:
    """Return the names of a window's populations for the middle of a sentence."""
    words = population_labels(window.populations)
    return words[:1].lower() + words[1:]
