"""Whether a grant is in use, from the counts of its mail. Pure functions."""

from datetime import date

from portal.institution import institution
from portal.policy_service.selectors import Usage
from portal.renewals.facts import Use, UseStand


def use_of(usage: Usage | None, today: date, *, is_counted: bool) -> Use:
    """The use on `today` from `usage`. Mail within the institution's `idle_days` is use; no use is known only
    if mail was counted for that long.
    """
    if not is_counted:
        return Use(UseStand.NOT_MEASURED, "Its mail is not counted for this kind of permission.")
    if usage is None:
        return Use(UseStand.NOT_MEASURED, "Mail is not counted at the relay here, so its use is not known.")
    days = institution().idle_days
    last = usage.last_mail_on
    if last is not None and (today - last).days <= days:
        return Use(UseStand.SEEN, f"Mail passed, last on {last:%-d %B %Y}.")
    if usage.is_idle:
        since = f" The last message passed on {last:%-d %B %Y}." if last else ""
        return Use(UseStand.IDLE, f"No mail for {days} days.{since}")
    return Use(
        UseStand.UNKNOWN,
        f"No mail was seen lately, and it was not counted on {days} days since, so whether it is used is not known.",
    )
