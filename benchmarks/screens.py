"""Measures the screens on one database, and prints the samples as JSON: `python -m benchmarks.screens RUNS`."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import django

django.setup()

from benchmarks import world  # noqa: E402
from benchmarks.browser import Browser, Sample  # noqa: E402
from portal.accounts.models import User  # noqa: E402
from portal.workflow.models import ServiceRequest  # noqa: E402
from portal.workflow.states import State  # noqa: E402
from tests.support.dns_server import DnsServer  # noqa: E402

if TYPE_CHECKING:
    from portal.workflow.querysets import ServiceRequestQuerySet

WARM_UP = 3
Screen = Callable[[], Sample]


def readings() -> dict[str, Screen]:
    """The screens that change nothing, by name."""
    reviewer = User.objects.get(email=world.REVIEWER)
    browser = Browser(reviewer)
    live = ServiceRequest.objects.filter(state=State.IN_REVIEW, assignee__isnull=False)
    middle = _at(ServiceRequest.objects.exclude(state=State.DRAFT).order_by("-id"))
    due = _at(ServiceRequest.objects.filter(state=State.IN_REVIEW).order_by("due_on", "id"))
    decided = _at(ServiceRequest.objects.filter(state=State.APPROVED).order_by("id"))
    host = middle.subject_key.partition(".")[0]
    assignee = live.values_list("assignee", flat=True).order_by("id")[0]
    addresses = {
        "floor": f"/floor/{middle.pk}/",
        "queue: first page": "/queue/",
        "queue: all, newest": "/queue/?tab=all&sort=newest",
        "queue: by state": "/queue/?tab=all&state=in_review&sort=due",
        "queue: by assignee": f"/queue/?tab=all&assignee={assignee}&sort=due",
        "queue: deep, by day": f"/queue/?tab=all&sort=due&after={due.due_on}_{due.pk}",
        "queue: deep, newest": f"/queue/?tab=all&sort=newest&after={middle.pk}",
        "queue: search, one host": f"/queue/?tab=all&sort=newest&q={host}",
        "queue: search, a prefix": "/queue/?tab=all&sort=newest&q=copier-",
        "request: in review": live.order_by("id")[0].get_absolute_url(),
        "request: decided": decided.get_absolute_url(),
    }
    return {name: _page(browser, path) for name, path in addresses.items()}


def _at(rows: "ServiceRequestQuerySet") -> ServiceRequest:
    """The row in the middle of an ordered list: where a deep page begins."""
    return rows[rows.count() // 2]


def _page(browser: Browser, path: str) -> Screen:
    return lambda: browser.get(path)


def writings() -> dict[str, Iterator[Sample]]:
    """Submitting and approving, by name: each sample takes another request of the reserve."""
    requester = Browser(User.objects.get(email=world.REQUESTER))
    reviewer = Browser(User.objects.get(email=world.REVIEWER))
    mine = ServiceRequest.objects.filter(requester__email=world.REQUESTER).order_by("id")
    drafts, waiting = (
        mine.filter(state=State.DRAFT, purpose=world.RESERVE),
        mine.filter(state=State.IN_REVIEW, purpose=world.RESERVE),
    )
    return {
        "submit": (
            requester.post(f"/requests/{row.reference}/answers/", {"revision": row.revision})
            for row in list(drafts)
        ),
        "approve": (
            reviewer.post(
                f"/requests/{row.reference}/do/approve/",
                {
                    "approve-revision": row.revision,
                    "approve-comment": "The system cannot sign in.",
                    "approve-ends_on": row.kind_entry.default_terms(row, world.TODAY).ends_on.isoformat(),
                },
            )
            for row in list(waiting)
        ),
    }


def main(runs: int) -> None:
    """Print {screen: [sample, ...]}; the screens take turns, so that a slow moment strikes them all."""
    pages, forms = readings(), writings()
    samples: dict[str, list[Sample]] = {name: [] for name in (*pages, *forms)}
    for _ in range(WARM_UP):
        for call in pages.values():
            call()
    for form in forms.values():
        next(form)
    for turn in range(runs):
        for name, call in pages.items():
            samples[name].append(call())
        if turn % 4 == 0:
            for name, form in forms.items():
                samples[name].append(next(form))
    json.dump({name: [asdict(sample) for sample in taken] for name, taken in samples.items()}, sys.stdout)


if __name__ == "__main__":
    from django.conf import settings

    with DnsServer() as server:
        # The measured requests' own names: forward and reverse, as a well-kept host has them.
        for name, address, reverse in world.reserve_names():
            server.add(name, "AAAA", address)
            server.add(reverse, "PTR", f"{name}.")
        settings.DNS_RESOLVER = server.address
        main(int(sys.argv[1]))
