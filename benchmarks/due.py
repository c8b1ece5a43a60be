"""Makes grants of a world due for a job: `python -m benchmarks.due COMMAND GRANTS DUE`; prints the day.

The world gets GRANTS active grants (those that it lacks are added with their requests), and the first DUE of
them want their reminder, or lapse, on that day.
"""

import sys
from datetime import timedelta

import django

django.setup()

from benchmarks import world  # noqa: E402
from portal.accounts.models import User  # noqa: E402
from portal.grants.models import Grant, GrantQuerySet, Reminder  # noqa: E402
from portal.grants.states import GrantState  # noqa: E402
from portal.workflow.models import Counter, ServiceRequest  # noqa: E402
from portal.workflow.states import State  # noqa: E402

DAYS_LEFT = {"send_reminders": 30, "lapse_grants": -1}


def main(command: str, wanted: int, due: int) -> None:
    """Fill up to `wanted` grants, and set their terms."""
    missing = wanted - Grant.objects.count()
    if missing > 0:
        people = list(User.objects.filter(email__startswith="person-").order_by("id"))
        reviewers = list(User.objects.filter(email__startswith="reviewer-").order_by("id"))
        # Past every reference that was given: the counter is ahead of them all.
        first = Counter.objects.get(kind="relay").last + ServiceRequest.objects.count()
        world.Loader(people, reviewers, first).load(first, missing, state=State.APPROVED)
    Reminder.objects.all().delete()
    _set_terms(Grant.objects.all(), 200)
    chosen = Grant.objects.order_by("pk").values("pk")[:due]
    _set_terms(Grant.objects.filter(pk__in=chosen), DAYS_LEFT[command])
    world.settle()
    sys.stdout.write(f"{world.TODAY}\n")


def _set_terms(grants: GrantQuerySet, days_left: int) -> None:
    ends_on = world.TODAY + timedelta(days=days_left)
    grants.update(
        state=GrantState.ACTIVE, held_open_by=None, starts_on=ends_on - timedelta(days=364), ends_on=ends_on
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
