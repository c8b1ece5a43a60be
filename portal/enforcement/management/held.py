"""The output of commands about held changes."""

from django.core.management.base import OutputWrapper

from portal.enforcement.holding import open_holds, place_label, target_label
from portal.grants.dating import date_in_doubt

SHOWN = 20


def tell_held(out: OutputWrapper) -> None:
    """Write held changes and a doubtful date; nothing if there are none."""
    state = date_in_doubt()
    if state is not None:
        out.write(
            f"date in doubt: {state.doubtful_day} after {state.day}; what ends by its day waits until it is confirmed"
        )
    rows = open_holds()
    count = rows.count()
    for row in rows[:SHOWN]:
        where = f"{target_label(row.target)}, {place_label(row.place)}"
        out.write(f"held: {row.reference} ({where}), {row.direction}. {row.why}")
    if count > SHOWN:
        out.write(f"held: {count - SHOWN} more")
