"""One reason suspends everything of a person, a system or a vendor; resuming is for each by itself (MKT-3)."""

import re
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from playwright.sync_api import Browser

from portal.grants.models import Grant
from portal.grants.services.managing import change_state
from portal.grants.states import GrantAction, GrantState
from portal.incidents.forms import IncidentForm, normalised, subject_of
from portal.incidents.models import About, Incident
from portal.incidents.search import Matches, permissions_about
from portal.incidents.services import close_incident, open_incident
from portal.lib.problems import NotAllowed, Stale, WrongState
from portal.outbox.models import Notification
from tests.cast import Cast, approved, client_of
from tests.engine.test_query_counts import queries
from tests.support.browser import assert_accessible, sign_in

pytestmark = pytest.mark.django_db
REASON = "The account sent phishing mail this morning."


@pytest.fixture
def two(cast: Cast) -> list[Grant]:
    """Two relay permissions of the requester."""
    return [
        approved(cast),
        approved(cast, address="129.118.10.41", host="web-3.ttu.edu", sender="alerts@ttu.edu"),
    ]


def found_about(about: About, subject: str) -> Matches:
    return permissions_about(subject_of(about, subject))


def opened(cast: Cast, about: About = About.HOLDER, subject: str = "requester@ttu.edu") -> Incident:
    seen = found_about(about, subject).fingerprint
    return open_incident(actor=cast.reviewer, about=about, subject=subject, reason=REASON, seen=seen)


def states(grants: list[Grant]) -> list[str]:
    return [Grant.objects.get(pk=grant.pk).state for grant in grants]


# ---------------------------------------------------------------- what it is about
@pytest.mark.parametrize(
    ("about", "subject", "found"),
    [
        (About.HOLDER, "requester@ttu.edu", [0, 1]),
        (About.HOLDER, "colleague@ttu.edu", []),
        (About.SYSTEM, "copier-7.ttu.edu", [0]),
        (About.SYSTEM, "129.118.10.41", [1]),
        (About.SYSTEM, "alerts@ttu.edu", [1]),
        (About.SYSTEM, "copier-8.ttu.edu", []),
        (About.VENDOR, "ttu.edu", [0, 1]),
        (About.VENDOR, "tu.edu", []),
        (About.VENDOR, "u.edu", []),
    ],
)
def test_who_or_what_names_which_permissions(
    two: list[Grant], about: About, subject: str, found: list[int]
) -> None:
    assert sorted(found_about(about, subject).direct) == [two[number].pk for number in found]


# ---------------------------------------------------------------- opening
def test_everything_of_a_person_is_suspended_and_everyone_is_told(cast: Cast, two: list[Grant]) -> None:
    Notification.objects.all().delete()
    incident = opened(cast)
    assert states(two) == [GrantState.SUSPENDED, GrantState.SUSPENDED]
    assert [row.result for row in incident.rows.all()] == ["suspended", "suspended"]
    assert incident.rows.first().told == ["requester@ttu.edu"]  # type: ignore[union-attr]
    told = Notification.objects.values_list("recipient", "text")
    assert sum(1 for recipient, text in told if recipient == "requester@ttu.edu" and REASON in text) == 2
    assert all(not grant.is_in_force_today for grant in Grant.objects.all())


def test_what_is_over_or_suspended_already_is_said_so(cast: Cast, two: list[Grant]) -> None:
    first = Grant.objects.get(pk=two[0].pk)
    change_state(grant=first, action=GrantAction.SUSPEND, actor=cast.second_reviewer, reason="Looked odd.")
    incident = opened(cast)
    assert sorted(row.result for row in incident.rows.all()) == ["already", "suspended"]


def test_nobody_suspends_their_own_and_the_others_are_suspended_all_the_same(
    cast: Cast, two: list[Grant]
) -> None:
    Grant.objects.filter(pk=two[0].pk).update(co_owner=cast.reviewer)
    incident = opened(cast)
    rows = {row.grant_id: row for row in incident.rows.all()}
    assert rows[two[0].pk].result == "left"
    assert "somebody else" in rows[two[0].pk].sentence
    assert states(two) == [GrantState.ACTIVE, GrantState.SUSPENDED]


def test_only_what_was_seen_is_suspended(cast: Cast, two: list[Grant]) -> None:
    seen = Matches({two[0].pk: ""}).fingerprint
    with pytest.raises(Stale):
        open_incident(
            actor=cast.reviewer, about=About.HOLDER, subject="requester@ttu.edu", reason=REASON, seen=seen
        )
    assert states(two) == [GrantState.ACTIVE, GrantState.ACTIVE]
    assert not Incident.objects.exists()


def test_the_same_incident_is_not_opened_twice(cast: Cast, two: list[Grant]) -> None:
    opened(cast)
    with pytest.raises(WrongState, match="open already"):
        opened(cast)


@pytest.mark.parametrize("name", ["requester", "auditor", "admin"])
def test_others_may_not(cast: Cast, two: list[Grant], name: str) -> None:
    with pytest.raises(NotAllowed):
        open_incident(
            actor=getattr(cast, name),
            about=About.HOLDER,
            subject="requester@ttu.edu",
            reason=REASON,
            seen=found_about(About.HOLDER, "requester@ttu.edu").fingerprint,
        )


@pytest.mark.parametrize(("subject", "reason"), [("nobody@ttu.edu", REASON), ("requester@ttu.edu", "  ")])
def test_nothing_to_suspend_or_no_reason_is_refused(
    cast: Cast, two: list[Grant], subject: str, reason: str
) -> None:
    with pytest.raises(ValidationError):
        open_incident(actor=cast.reviewer, about=About.HOLDER, subject=subject, reason=reason, seen="")


# ---------------------------------------------------------------- after it
def test_each_is_resumed_by_itself_and_closing_resumes_nothing(cast: Cast, two: list[Grant]) -> None:
    incident = opened(cast)
    first = Grant.objects.get(pk=two[0].pk)
    change_state(
        grant=first, action=GrantAction.RESUME, actor=cast.second_reviewer, reason="Password changed."
    )
    close_incident(incident=incident, actor=cast.cio, outcome="The account was reset.")
    assert states(two) == [GrantState.ACTIVE, GrantState.SUSPENDED]
    with pytest.raises(WrongState):
        close_incident(incident=incident, actor=cast.cio, outcome="Again.")
    # Once it is closed, the next one may be opened.
    assert opened(cast).rows.count() == 2


# ---------------------------------------------------------------- pages
def hidden(page: str) -> dict[str, Any]:
    """The hidden fields of the list, as a browser sends them back."""
    found: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page):
        found.setdefault(name, []).append(value)
    return found


def test_the_page_shows_first_and_acts_only_when_confirmed(cast: Cast, two: list[Grant]) -> None:
    client = client_of(cast.reviewer)
    typed = {"about": "holder", "subject": " Requester@TTU.edu ", "reason": REASON}
    answer = client.post("/incidents/new/", typed)
    assert answer.status_code == 200
    assert two[0].reference in answer.content.decode()
    assert states(two) == [GrantState.ACTIVE, GrantState.ACTIVE]
    form = hidden(answer.content.decode()) | typed | {"grant": [grant.pk for grant in two]}
    stale = client.post("/incidents/new/", {**form, "confirm": "yes", "seen": "of another day"})
    assert stale.status_code == 409
    assert states(two) == [GrantState.ACTIVE, GrantState.ACTIVE]
    done = client.post("/incidents/new/", {**form, "confirm": "yes"})
    assert done.status_code == 302
    page = client.get(done["Location"]).content.decode()
    assert "2 of 2" in page
    assert (
        "Suspended for an incident"
        in client_of(cast.requester).get(two[0].get_absolute_url()).content.decode()
    )
    closing = client.post(f"{done['Location']}close/", {"outcome": ""})
    assert closing.status_code == 422
    assert client.post(f"{done['Location']}close/", {"outcome": "Reset."}).status_code == 302
    assert client.post(f"{done['Location']}close/", {"outcome": "Reset."}).status_code == 409


@pytest.mark.parametrize(
    ("about", "subject"),
    [
        ("holder", "nobody"),
        ("holder", "a b@ttu.edu"),
        ("vendor", "a@vendor.example"),
        ("vendor", "vendor"),
        ("vendor", "https://vendor.example/"),
        ("system", "copier"),
        ("holder", "nobody@ttu.edu"),
        ("other", "x"),
        ("system", "129.118.10.20/29"),
        ("system", "129.118.10.300"),
        ("system", "a@@ttu.edu"),
        ("system", "a\nb"),
        ("system", "999999999999999999999"),
        ("key", "s 1"),
        ("key", "._domainkey.ttu.edu"),
        ("key", "s1._domainkeyttu"),
        ("vendor", "s1._domainkey.vendor.example"),
        ("name", "ab"),
        ("name", "Vendor\u200b"),
        ("name", "x" * 200),
        ("system", "1.2.3.4, 5.6.7.8"),
        ("holder", "a@ttu.edu, b@ttu.edu"),
        ("vendor", "ttu..edu"),
    ],
)
def test_bad_input_is_answered_beside_the_field(cast: Cast, about: str, subject: str) -> None:
    answer = client_of(cast.reviewer).post(
        "/incidents/new/", {"about": about, "subject": subject, "reason": REASON}
    )
    assert answer.status_code == 422
    assert REASON in answer.content.decode()


def test_spellings_of_an_address_are_one() -> None:
    assert normalised(About.SYSTEM, "2001:DB8:0:0::1") == "2001:db8::1"
    assert normalised(About.VENDOR, "*.Vendor.Example.") == "vendor.example"
    assert not IncidentForm({"about": "holder", "subject": "", "reason": "x"}).is_valid()


def test_the_lists_cost_the_same_at_two_sizes(cast: Cast, two: list[Grant]) -> None:
    incident = opened(cast)
    client: Client = client_of(cast.reviewer)
    few = queries(client, "/incidents/"), queries(client, incident.get_absolute_url())
    assert few[1] <= 30, few
    for number in range(12):
        Incident.objects.create(
            about="holder", subject=f"p{number}@ttu.edu", reason="x", opened_by=cast.reviewer
        )
    assert (queries(client, "/incidents/"), queries(client, incident.get_absolute_url())) == few


@pytest.mark.django_db(transaction=True)
def test_the_pages_are_accessible(cast: Cast, live_server: Any, browser: Browser) -> None:
    approved(cast)
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto("/incidents/")
    assert_accessible(page, "incidents-empty")
    page.get_by_role("link", name="Open an incident").click()
    page.get_by_label("A person: everything").check()
    page.get_by_label("Which one?").fill("requester@ttu.edu")
    page.get_by_label("Why?").fill(REASON)
    assert_accessible(page, "incident-new")
    page.get_by_role("button", name="Show what it would suspend").click()
    assert_accessible(page, "incident-confirm")
    page.get_by_role("button", name="Suspend the chosen permissions now").click()
    assert_accessible(page, "incident")
