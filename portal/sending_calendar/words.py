"""Windows and populations in words for people."""

from portal.institution import Institution, institution
from portal.lib.text import sentence_list
from portal.sending_calendar.windows import Window


def words_of(window: Window) -> str:
    """The days of a window for people."""
    if window.starts_on == window.ends_on:
        return f"{window.starts_on:%-d %B %Y}"
    same_year = window.starts_on.year == window.ends_on.year
    first = f"{window.starts_on:%-d %B}" if same_year else f"{window.starts_on:%-d %B %Y}"
    return f"{first} to {window.ends_on:%-d %B %Y}"


def labels_of(populations: frozenset[str], place: Institution | None = None) -> str:
    """The populations for people, in the institution's order."""
    known = (place or institution()).populations
    labels = [entry.label for entry in known if entry.key in populations]
    unknown = sorted(populations - {entry.key for entry in known})
    return sentence_list([*labels, *unknown])


def people_words(window: Window) -> str:
    """The same inside a sentence."""
    words = labels_of(window.populations)
    return words[:1].lower() + words[1:]
