"""How much a relay request asks for, and when that is large-volume mail (MKT-4).

Mail is counted by recipients, as mailbox providers count it: one message to a thousand people is no smaller than a
thousand messages. docs/decisions/0014-relay-volumes.md has the reasons.
"""

from portal.institution import institution
from relay.models import Recipients, RelayRequest

TYPICAL_TIMES = 2
"""A limit that nobody stated is so many times a typical day."""


def per_day(detail: RelayRequest) -> int | None:
    """The most recipients on one day: as stated, else by a typical day; None where that is not answered either.

    A limit that nobody stated never turns a typical day into large-volume mail.
    """
    if detail.most_per_day is not None or detail.typical_per_day is None:
        return detail.most_per_day
    limit, several = institution().daily_volume_limit, TYPICAL_TIMES * detail.typical_per_day
    if detail.typical_per_day <= limit:
        several = min(several, limit)
    return max(several, detail.recipients_per_message or 1)


def external_per_day(detail: RelayRequest) -> int | None:
    """The most recipients outside the mail domain on one day; None where they are not counted up."""
    if detail.recipients == Recipients.INTERNAL:
        return 0
    return detail.external_per_day


def is_large(detail: RelayRequest) -> bool:
    """Whether the request asks for more than the institution lets pass without the CIO; unknown figures are more."""
    place, most, external = institution(), per_day(detail), external_per_day(detail)
    if not detail.contents and most is None:
        return False  # The page about the mail is not answered yet; nothing is submitted without it.
    if most is None or external is None:
        return True
    return most > place.daily_volume_limit or external > place.daily_external_limit


def in_words(per_day: int | None, external: int | None, per_hour: int | None) -> list[str]:
    """The limits of a permission in words for people, one a line; [] where there are none."""
    words = [] if per_day is None else [f"{per_day:,} recipient{'' if per_day == 1 else 's'} a day"]
    if external:
        words.append(f"{external:,} of them outside {institution().mail_domain}")
    if per_hour is not None:
        words.append(f"{per_hour:,} message{'' if per_hour == 1 else 's'} an hour")
    return words
