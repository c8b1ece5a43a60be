"""An incident finds exactly what is permitted now: for each sort of subject one that must be found, one near miss."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import Browser

from portal.accounts.models import User
from portal.grants.models import Grant, GrantRequest
from portal.grants.services import managing
from portal.grants.services.managing import change_state
from portal.grants.states import GrantAction, GrantState
from portal.incidents import services
from portal.incidents.forms import normalised, subject_of
from portal.incidents.models import About, Incident, IncidentGrant
from portal.incidents.search import Matches, permissions_about
from portal.incidents.services import carry_on, close_incident, extend_incident, open_incident
from portal.lib.networks import parse_network
from portal.lib.problems import Stale, WrongState
from portal.outbox.models import Notification
from portal.workflow.kinds import Terms
from portal.workflow.models import ServiceRequest
from relay.models import PermittedAddress, PermittedSender, RelayPermission
from tests.campaigns.cast import campaign_draft
from tests.cast import Cast, approve, approved, client_of, fresh, make_cast, relay_draft, submitted
from tests.engine.test_races import at_once
from tests.incidents.test_incidents import hidden
from tests.senders.cast import sender_draft
from tests.support.browser import assert_accessible, picture, sign_in
from tests.support.pages import flat
from tests.whitelist.cast import whitelist_draft

pytestmark = pytest.mark.django_db
REASON = "The vendor was broken into."
Draft = Callable[..., ServiceRequest]
Case = tuple[Draft, About, str, str, str]


def about(about: About, text: str) -> Matches:
    return permissions_about(subject_of(about, text))


def granted(draft: ServiceRequest, **columns: Any) -> Grant:
    """The permission of a draft, written as an approval writes it."""
    today = timezone.localdate()
    terms = Terms(today, today + timedelta(days=200))
    ServiceRequest.objects.filter(pk=draft.pk).update(state="approved", submitted_at=timezone.now())
    grant = Grant.objects.create(
        **{
            "kind": draft.kind,
            "reference": draft.reference,
            "request": draft,
            "latest_request": draft,
            "owner": draft.requester,
            "title": draft.title,
            "starts_on": today,
            "ends_on": terms.ends_on,
        }
        | columns
    )
    grant.kind_entry.write_permission(grant=grant, service_request=fresh(draft), terms=terms)
    grant.refresh_from_db()
    return grant


def in_review(draft: ServiceRequest) -> ServiceRequest:
    ServiceRequest.objects.filter(pk=draft.pk).update(
        state="in_review", stage="review", submitted_at=timezone.now(), due_on=timezone.localdate()
    )
    return fresh(draft)


def a_range(cast: Cast, **facts: Any) -> ServiceRequest:
    return relay_draft(cast, **{"address": "129.118.10.16/29", "host": "scan-7.ttu.edu"} | facts)


def a_key(cast: Cast, **facts: Any) -> ServiceRequest:
    """A vendor whose alias signs as the mail domain itself."""
    return sender_draft(
        cast,
        **{
            "addresses": ("alumni@ttu.edu",),
            "sending_domain": "ttu.edu",
            "signing_domain": "ttu.edu",
            "keys": ("s1 ttu.dkim.vendor.example",),
            "envelope_domain": "bounce.vendor.example",
            "spf_term": "include:spf.mailer.example",
            "service_name": "ExampleCRM",
            "vendor": "CRM Vendor Inc.",
        }
        | facts,
    )


def an_entry(cast: Cast, **facts: Any) -> ServiceRequest:
    return whitelist_draft(
        cast, **{"addresses": ("notices@news.vendor.example",), "vendor": "CRM Vendor Inc."} | facts
    )


def a_domain(cast: Cast) -> ServiceRequest:
    return whitelist_draft(cast, addresses=(), domains=("shop.example",))


def a_campaign(cast: Cast) -> ServiceRequest:
    return campaign_draft(cast, runner="third_party", vendor="Survey House LLC")


CASES: list[Case] = [
    # what, about, must be found, must not, and a part of why
    (a_range, About.SYSTEM, "129.118.10.20", "129.118.10.24", "allows 129.118.10.20 in 129.118.10.16/29"),
    (
        a_range,
        About.SYSTEM,
        "129.118.10.16/30",
        "129.118.10.24/29",
        "allows 129.118.10.16/30 in 129.118.10.16/29",
    ),
    (a_range, About.SYSTEM, "129.118.0.0/16", "129.119.0.0/16", "allows 129.118.10.16/29 in 129.118.0.0/16"),
    (a_range, About.SYSTEM, "129.118.10.16/29", "2001:db8::/32", "allows 129.118.10.16/29"),
    (a_range, About.SYSTEM, "noreply-lab@ttu.edu", "noreply-la@ttu.edu", "may send as noreply-lab@ttu.edu"),
    (a_range, About.SYSTEM, "Scan-7.ttu.edu.", "can-7.ttu.edu", "its host is scan-7.ttu.edu"),
    (a_range, About.VENDOR, "ttu.edu", "tu.edu", "its host is scan-7.ttu.edu"),
    (a_range, About.NAME, "TM-R-1001", "TM-R-100", "is TM-R-1001"),
    (a_range, About.HOLDER, "requester@ttu.edu", "quester@ttu.edu", "requester@ttu.edu is its owner"),
    (
        a_key,
        About.VENDOR,
        "dkim.vendor.example",
        "kim.vendor.example",
        "DKIM key s1._domainkey.ttu.edu points to ttu.dkim.vendor.example, which can sign as @ttu.edu",
    ),
    (a_key, About.VENDOR, "vendor.example", "endor.example", "points to ttu.dkim.vendor.example"),
    (a_key, About.VENDOR, "mailer.example", "ailer.example", "its SPF term is include:spf.mailer.example"),
    (a_key, About.VENDOR, "bounce.vendor.example", "other.vendor.example", "has the envelope domain"),
    (a_key, About.SYSTEM, "alumni@ttu.edu", "alumn@ttu.edu", "may send as alumni@ttu.edu"),
    (
        a_key,
        About.SYSTEM,
        "bounce.vendor.example",
        "vendor.example",
        "has the envelope domain bounce.vendor.example",
    ),
    (a_key, About.KEY, "s1", "s10", "DKIM key s1._domainkey.ttu.edu"),
    (
        a_key,
        About.KEY,
        "S1._domainkey.ttu.edu",
        "s1._domainkey.crm.ttu.edu",
        "DKIM key s1._domainkey.ttu.edu",
    ),
    (a_key, About.NAME, "crm vendor", "RM Vendor", "is CRM Vendor Inc."),
    (a_key, About.NAME, "ExampleCRM", "Example CRM", "is ExampleCRM"),
    (
        an_entry,
        About.SYSTEM,
        "notices@news.vendor.example",
        "notice@news.vendor.example",
        "skip the content filter",
    ),
    (an_entry, About.VENDOR, "vendor.example", "dor.example", "lets mail from notices@news.vendor.example"),
    (an_entry, About.NAME, "CRM Vendor", "Vendor CRM", "is of CRM Vendor Inc."),
    (a_domain, About.SYSTEM, "anybody@shop.example", "anybody@a.shop.example", "any address @shop.example"),
    (a_domain, About.VENDOR, "shop.example", "workshop.example", "any address @shop.example"),
    (a_campaign, About.SYSTEM, "alerts@ttu.edu", "alert@ttu.edu", "sends as alerts@ttu.edu"),
    (a_campaign, About.NAME, "list server", "list servers", "is sent by the list server"),
    (a_campaign, About.NAME, "Survey House", "urvey House", "is sent for us by Survey House LLC"),
    (a_campaign, About.NAME, "dining", "ining", "is mail of Dining Services"),
]


@pytest.mark.parametrize("case", CASES)
def test_what_is_permitted_now_is_found_and_a_near_miss_is_not(cast: Cast, case: Case) -> None:
    draft, sort, found, missed, why = case
    grant = granted(draft(cast))
    result = about(sort, found)
    assert list(result.direct) == [grant.pk]
    assert why in result.direct[grant.pk]
    assert not about(sort, missed).direct


@pytest.mark.parametrize("case", CASES)
def test_what_is_asked_for_is_listed_and_drafts_and_closed_requests_are_not(cast: Cast, case: Case) -> None:
    draft, sort, found, missed, why = case
    made = draft(cast)
    assert not about(sort, found).pending
    request = in_review(made)
    result = about(sort, found)
    assert list(result.pending) == [request.pk]
    assert not result.direct
    assert why.replace("its owner", "its requester") in result.pending[request.pk]
    assert not about(sort, missed).pending
    ServiceRequest.objects.filter(pk=request.pk).update(state="denied")
    assert not about(sort, found).pending


def test_an_spf_term_with_a_network_is_found(cast: Cast) -> None:
    grant = granted(a_key(cast, spf_term="ip4:198.51.100.0/24"))
    assert about(About.SYSTEM, "198.51.100.7").direct == {
        grant.pk: "its SPF term allows 198.51.100.7 in 198.51.100.0/24"
    }
    assert not about(About.SYSTEM, "198.51.101.7").direct


def test_whoever_gave_the_address_up_is_not_named(cast: Cast) -> None:
    grant = approved(cast, address="129.118.10.20")
    draft = relay_draft(cast, address="129.118.10.41")
    today = timezone.localdate()
    grant.kind_entry.write_permission(grant=grant, service_request=draft, terms=Terms(today, grant.ends_on))
    assert not about(About.SYSTEM, "129.118.10.20").direct
    assert list(about(About.SYSTEM, "129.118.10.41").direct) == [grant.pk]


@pytest.mark.parametrize("state", ["revoked", "ended", "lapsed"])
def test_what_is_over_is_not_named(cast: Cast, state: str) -> None:
    granted(a_range(cast), state=state)
    assert not about(About.SYSTEM, "129.118.10.20").direct
    assert not about(About.HOLDER, "requester@ttu.edu").direct


def test_a_person_is_found_as_co_owner_and_by_the_functional_mailbox(cast: Cast) -> None:
    grant = granted(a_range(cast), co_owner=cast.colleague, functional_mailbox="printing@ttu.edu")
    assert about(About.HOLDER, "colleague@ttu.edu").direct == {grant.pk: "colleague@ttu.edu is its co-owner"}
    found = about(About.HOLDER, "Printing@ttu.edu").direct
    assert found == {grant.pk: "printing@ttu.edu is its functional mailbox"}


def test_of_a_person_what_may_send_as_their_address_is_shown_beside(cast: Cast) -> None:
    theirs = granted(a_range(cast, requester=cast.colleague, sender="requester@ttu.edu"))
    found = about(About.HOLDER, "requester@ttu.edu")
    assert (dict(found.direct), dict(found.dependent)) == ({}, {theirs.pk: "may send as requester@ttu.edu"})


# ---------------------------------------------------------------- what depends on it
def test_campaigns_under_an_authorization_and_entries_of_its_vendor_are_shown_each_with_its_reason(
    cast: Cast,
) -> None:
    sender, entry = granted(a_key(cast)), granted(an_entry(cast, addresses=("a@other.example",)))
    other = granted(an_entry(cast, addresses=("b@else.example",), vendor="Somebody Else"))
    campaign = granted(campaign_draft(cast, platform="authorized", sender_grant=sender))
    found = about(About.KEY, "s1")
    assert list(found.direct) == [sender.pk]
    assert found.dependent == {
        campaign.pk: f"sends under {sender.reference}",
        entry.pk: "is of the same vendor, CRM Vendor Inc.",
    }
    assert other.pk not in found.everything
    # From the entry to the authorization of its vendor, and on to the campaign under that.
    around = about(About.SYSTEM, "a@other.example")
    assert list(around.direct) == [entry.pk]
    assert set(around.dependent) == {sender.pk, campaign.pk}


def test_an_entry_at_the_vendors_domain_depends_whatever_the_vendor_is_called(cast: Cast) -> None:
    sender = granted(a_key(cast))
    entry = granted(an_entry(cast, vendor="CRM, a brand of Vendor"))
    found = about(About.KEY, "s1._domainkey.ttu.edu")
    assert (list(found.direct), list(found.dependent)) == ([sender.pk], [entry.pk])


def test_a_key_that_could_sign_as_the_address_is_shown_beside_those_that_may(cast: Cast) -> None:
    vendor = granted(a_key(cast))
    found = about(About.SYSTEM, "president@ttu.edu")
    assert not found.direct
    assert "can sign as @ttu.edu, so also as president@ttu.edu" in found.dependent[vendor.pk]


def test_dependents_are_included_when_chosen_and_left_alone_otherwise(cast: Cast) -> None:
    sender = granted(a_key(cast))
    campaign = granted(campaign_draft(cast, platform="authorized", sender_grant=sender))
    client = client_of(cast.reviewer)
    typed = {"about": "key", "subject": "s1", "reason": REASON}
    page = client.post("/incidents/new/", typed).content.decode()
    assert re.search(f'value="{sender.pk}"[^>]* checked', page)
    assert not re.search(f'value="{campaign.pk}"[^>]* checked', page)
    assert f"sends under {sender.reference}" in page
    form = hidden(page) | {"grant": [sender.pk, campaign.pk], "confirm": "yes"}
    done = client.post("/incidents/new/", form)
    assert done.status_code == 302
    rows = {row.grant_id: row for row in IncidentGrant.objects.all()}
    assert rows[campaign.pk].is_dependent
    assert rows[campaign.pk].why == f"sends under {sender.reference}"
    assert {row.result for row in rows.values()} == {"suspended"}
    close_incident(incident=Incident.objects.get(), actor=cast.cio, outcome="x")
    for grant in Grant.objects.all():
        managing.change_state(grant=grant, action=GrantAction.RESUME, actor=cast.reviewer, reason="x")
    page = client.post("/incidents/new/", typed).content.decode()
    client.post("/incidents/new/", hidden(page) | {"grant": [sender.pk], "confirm": "yes"})
    campaign.refresh_from_db()
    assert campaign.state == GrantState.ACTIVE


# ---------------------------------------------------------------- pending, and what comes later
def test_a_renewal_that_holds_a_permission_open_is_named_with_it(cast: Cast) -> None:
    grant = granted(a_range(cast))
    renewal = in_review(a_range(cast))
    ServiceRequest.objects.filter(pk=renewal.pk).update(intention="renewal")
    GrantRequest.objects.create(service_request=renewal, grant=grant, intention="renewal")
    Grant.objects.filter(pk=grant.pk).update(held_open_by=renewal)
    page = (
        client_of(cast.reviewer)
        .post("/incidents/new/", {"about": "system", "subject": "129.118.10.20", "reason": REASON})
        .content.decode()
    )
    assert "A renewal that is being decided holds it open." in page
    assert f"holds {grant.reference} open" in page
    assert renewal.reference in page


def test_what_is_only_asked_for_is_shown_where_nothing_is_permitted(cast: Cast) -> None:
    request = in_review(a_range(cast))
    answer = client_of(cast.reviewer).post(
        "/incidents/new/", {"about": "system", "subject": "129.118.10.20", "reason": REASON}
    )
    assert answer.status_code == 422
    assert request.reference in answer.content.decode()


def test_what_is_approved_after_the_incident_is_shown_and_can_be_added(cast: Cast) -> None:
    first = granted(a_range(cast))
    request = submitted(cast, address="129.118.10.41", host="web-3.ttu.edu")
    incident = opened(cast, About.SYSTEM, "129.118.10.0/24")
    client = client_of(cast.reviewer)
    page = client.get(incident.get_absolute_url()).content.decode()
    assert request.reference in page
    assert "not part of this incident" not in page
    late = approve(cast, request)
    page = client.get(incident.get_absolute_url()).content.decode()
    assert "1 permission allows it and is not part of this incident" in flat(page)
    listed = client.get(f"{incident.get_absolute_url()}add/").content.decode()
    assert late.reference in listed
    assert first.reference not in listed
    done = client.post(
        f"{incident.get_absolute_url()}add/", hidden(listed) | {"grant": [late.pk], "confirm": "yes"}
    )
    assert done.status_code == 302
    late.refresh_from_db()
    assert late.state == GrantState.SUSPENDED
    assert client.get(f"{incident.get_absolute_url()}add/").status_code == 302
    close_incident(incident=incident, actor=cast.reviewer, outcome="Over.")
    with pytest.raises(WrongState):
        extend_incident(incident=incident, actor=cast.reviewer, seen="")
    assert client.get(f"{incident.get_absolute_url()}add/").status_code == 409


def opened(cast: Cast, sort: About, text: str) -> Incident:
    subject = normalised(sort, text)
    return open_incident(
        actor=cast.reviewer, about=sort, subject=subject, reason=REASON, seen=about(sort, text).fingerprint
    )


def test_a_permission_that_turned_up_since_the_look_is_never_left_out_silently(cast: Cast) -> None:
    granted(a_range(cast))
    seen = about(About.SYSTEM, "129.118.10.20").fingerprint
    granted(a_range(cast, host="scan-8.ttu.edu"))
    with pytest.raises(Stale):
        open_incident(
            actor=cast.reviewer, about=About.SYSTEM, subject="129.118.10.20", reason=REASON, seen=seen
        )
    assert not Grant.objects.filter(state=GrantState.SUSPENDED).exists()


def test_a_request_that_an_open_incident_concerns_says_so_to_those_who_decide(cast: Cast) -> None:
    granted(a_range(cast))
    request = submitted(cast, address="129.118.10.21", host="web-3.ttu.edu")
    elsewhere = submitted(cast, address="129.118.10.41", host="web-4.ttu.edu")
    incident = opened(cast, About.SYSTEM, "129.118.10.16/29")

    def warned(person: User, one: ServiceRequest) -> bool:
        page = client_of(person).get(one.get_absolute_url()).content.decode()
        return "An open incident concerns what this asks for" in page

    assert warned(cast.reviewer, request)
    assert not warned(cast.requester, request)
    assert not warned(cast.reviewer, elsewhere)
    close_incident(incident=incident, actor=cast.reviewer, outcome="Over.")
    assert not warned(cast.reviewer, request)


def test_an_incident_of_before_whose_text_no_parser_takes_is_shown_all_the_same(cast: Cast) -> None:
    request = submitted(cast)
    old = Incident.objects.create(
        about="system", subject="copier_7.ttu.edu", reason="x", opened_by=cast.reviewer
    )
    client = client_of(cast.reviewer)
    assert client.get(old.get_absolute_url()).status_code == 200
    assert client.get(f"{old.get_absolute_url()}add/").status_code == 302
    assert client.get(request.get_absolute_url()).status_code == 200


# ---------------------------------------------------------------- many
def many(cast: Cast, count: int) -> list[Grant]:
    """Relay permissions in force, in few statements."""
    today, first = timezone.localdate(), ServiceRequest.objects.count()
    numbers = range(first, first + count)
    requests = ServiceRequest.objects.bulk_create(
        ServiceRequest(kind="relay", reference=f"TM-R-{5000 + n}", state="approved", requester=cast.requester)
        for n in numbers
    )
    grants = Grant.objects.bulk_create(
        Grant(
            kind="relay",
            reference=one.reference,
            request=one,
            latest_request=one,
            owner=cast.requester,
            title=f"Printer p{one.pk}.ttu.edu",
            starts_on=today,
            ends_on=today + timedelta(days=300),
        )
        for one in requests
    )
    permissions = RelayPermission.objects.bulk_create(
        RelayPermission(grant=grant, hostname=f"p{grant.pk}.ttu.edu", recipients="internal")
        for grant in grants
    )
    networks = [f"129.118.{64 + n // 250}.{n % 250}" for n in numbers]
    PermittedAddress.objects.bulk_create(
        PermittedAddress(permission=one, network=parse_network(text))
        for one, text in zip(permissions, networks, strict=True)
    )
    PermittedSender.objects.bulk_create(
        PermittedSender(permission=one, address="noreply-lab@ttu.edu") for one in permissions
    )
    return grants


def test_five_hundred_are_paged_chosen_across_pages_and_suspended(cast: Cast) -> None:
    grants = many(cast, 500)
    own, left = grants[250], grants[499]
    Grant.objects.filter(pk=own.pk).update(owner=cast.reviewer)
    client = client_of(cast.reviewer)
    typed = {"about": "system", "subject": "noreply-lab@ttu.edu", "reason": REASON}
    page = client.post("/incidents/new/", typed).content.decode()
    assert "500 permissions: 500 SMTP relay" in flat(page)
    assert page.index("It is yours: somebody else has to suspend it.") < page.index(grants[0].reference)
    assert page.count('name="grant"') == 100
    # The last page, where one is left out; then back to the first, from which it is confirmed.
    page = client.post("/incidents/new/", marked(page) | {"page": "5"}).content.decode()
    assert "401 to 500 of 500" in page
    form = marked(page)
    form["grant"].remove(str(left.pk))
    page = client.post("/incidents/new/", form | {"page": "1"}).content.decode()
    assert "499 chosen" in page
    done = client.post("/incidents/new/", marked(page) | {"confirm": "yes"})
    assert done.status_code == 302
    carry_on(seconds=120.0)
    assert Grant.objects.filter(state=GrantState.SUSPENDED).count() == 498
    left.refresh_from_db()
    assert left.state == GrantState.ACTIVE
    page = client.get(done["Location"]).content.decode()
    assert "498 of 499 are suspended now" in page
    assert page.index(own.reference) < page.index(grants[0].reference)
    assert "Page 1 of 5" in page
    assert "Page 5 of 5" in client.get(f"{done['Location']}?page=999").content.decode()


def marked(page: str) -> dict[str, Any]:
    """The form as it stands: hidden fields and marked boxes."""
    return hidden(page) | {"grant": re.findall(r'name="grant" value="(\d+)"[^>]* checked', flat(page))}


def test_choose_all_and_choose_none_need_no_script(cast: Cast) -> None:
    many(cast, 120)
    client = client_of(cast.reviewer)
    typed = {"about": "system", "subject": "noreply-lab@ttu.edu", "reason": REASON}
    page = client.post("/incidents/new/", typed).content.decode()
    page = client.post("/incidents/new/", marked(page) | {"select": "none"}).content.decode()
    assert "<strong>0 chosen.</strong>" in page
    refused = client.post("/incidents/new/", marked(page) | {"confirm": "yes"})
    assert refused.status_code == 422
    assert "Choose at least one permission." in refused.content.decode()
    page = client.post("/incidents/new/", marked(page) | {"select": "all"}).content.decode()
    assert "<strong>120 chosen.</strong>" in page


def test_what_the_request_does_not_reach_a_worker_does_and_nothing_is_done_twice(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = many(cast, 30)
    monkeypatch.setattr(services, "AT_ONCE_SECONDS", -1.0)
    Notification.objects.all().delete()
    incident = opened(cast, About.SYSTEM, "noreply-lab@ttu.edu")
    assert not Grant.objects.filter(state=GrantState.SUSPENDED).exists()
    page = client_of(cast.reviewer).get(incident.get_absolute_url()).content.decode()
    assert "30 of 30 still to be suspended" in page
    with pytest.raises(WrongState, match="still being suspended"):
        close_incident(incident=incident, actor=cast.reviewer, outcome="x")
    managing.change_state(
        grant=grants[3], action=GrantAction.REVOKE, actor=cast.second_reviewer, reason="Gone for good."
    )
    assert carry_on(seconds=60.0) == 30
    assert carry_on(seconds=60.0) == 0
    results = sorted(incident.rows.values_list("result", flat=True))
    assert results == ["over"] + ["suspended"] * 29
    assert Notification.objects.filter(subject__contains="Suspended").count() == 29


def test_one_that_fails_stops_no_other_and_stays_waiting(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    grants = many(cast, 3)
    change = change_state

    def broken(*, grant: Grant, **facts: Any) -> Any:
        if grant.pk == grants[1].pk:
            raise RuntimeError("The disk is full.")
        return change(grant=grant, **facts)

    monkeypatch.setattr(services, "change_state", broken)
    incident = opened(cast, About.SYSTEM, "noreply-lab@ttu.edu")
    assert sorted(incident.rows.values_list("result", flat=True)) == ["suspended", "suspended", "waiting"]
    monkeypatch.setattr(services, "change_state", change)
    assert carry_on(incident=incident, seconds=60.0) == 1


def test_looking_costs_the_same_number_of_queries_whatever_is_found(cast: Cast) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            about(About.SYSTEM, "noreply-lab@ttu.edu")
        return len(captured)

    many(cast, 2)
    few = asked()
    many(cast, 60)
    assert asked() == few
    assert few <= 30


# ---------------------------------------------------------------- at the same moment
@pytest.mark.django_db(transaction=True)
def test_two_open_the_same_incident_at_once_and_one_is_told(postgres: None, transactional_db: None) -> None:
    people = make_cast()
    many(people, 5)
    results = at_once(
        lambda: opened(people, About.SYSTEM, "noreply-lab@ttu.edu"),
        lambda: opened(people, About.SYSTEM, "noreply-lab@ttu.edu"),
    )
    assert sum(isinstance(one, Incident) for one in results) == 1, results
    assert sum(isinstance(one, WrongState | Stale) for one in results) == 1, results
    assert Grant.objects.filter(state=GrantState.SUSPENDED).count() == 5


@pytest.mark.django_db(transaction=True)
def test_two_workers_carry_on_at_once_and_each_permission_is_told_once(
    postgres: None, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = make_cast()
    many(people, 20)
    monkeypatch.setattr(services, "AT_ONCE_SECONDS", -1.0)
    incident = opened(people, About.SYSTEM, "noreply-lab@ttu.edu")
    results = at_once(lambda: carry_on(seconds=60.0), lambda: carry_on(seconds=60.0))
    assert sum(results) == 20, results
    assert set(incident.rows.values_list("result", flat=True)) == {"suspended"}
    assert Notification.objects.filter(subject__contains="Suspended").count() == 20


# ---------------------------------------------------------------- in a browser
@pytest.mark.django_db(transaction=True)
def test_the_list_in_a_browser_with_long_names_dependents_and_pages(
    cast: Cast, live_server: Any, browser: Browser
) -> None:
    long = "the-copier-of-the-laboratory-for-condensed-matter-physics-room-1204.physics.ttu.edu"
    with transaction.atomic():
        sender = granted(a_key(cast, keys=(f"s1 {'a' * 40}.{'b' * 40}.dkim.vendor.example",)))
        granted(campaign_draft(cast, platform="authorized", sender_grant=sender))
        granted(a_range(cast, host=long, sender="alumni@ttu.edu"), co_owner=cast.reviewer)
        in_review(a_range(cast, host=long, sender="alumni@ttu.edu"))
        many(cast, 120)
    page = sign_in(browser, live_server.url, cast.reviewer, java_script_enabled=False)
    page.goto("/incidents/new/")
    page.get_by_label("A vendor: its domain").check()
    page.get_by_label("Which one?").fill("ttu.edu")
    page.get_by_label("Why?").fill(REASON)
    page.get_by_role("button", name="Show what it would suspend").click()
    assert "123 permissions" in page.content()
    picture(page, "incident-many-without-script")
    page.get_by_role("button", name="Choose none", exact=True).click()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Suspend TM-R-5").last.check()
    page.get_by_role("button", name="Suspend the chosen permissions now").click()
    assert "1 of 1 is suspended now" in page.content()
    page = sign_in(browser, live_server.url, cast.reviewer)
    page.goto("/incidents/new/")
    page.get_by_label("A DKIM key").check()
    page.get_by_label("Which one?").fill("s1")
    page.get_by_label("Why?").fill(REASON)
    page.get_by_role("button", name="Show what it would suspend").click()
    assert_accessible(page, "incident-dependents")
    page.get_by_label("Suspend TM-C").check()
    page.get_by_role("button", name="Suspend the chosen permissions now").click()
    assert_accessible(page, "incident-with-dependents")
    page.goto("/incidents/new/")
    page.get_by_label("A system").check()
    page.get_by_label("Which one?").fill("alumni@ttu.edu")
    page.get_by_label("Why?").fill(REASON)
    page.get_by_role("button", name="Show what it would suspend").click()
    assert_accessible(page, "incident-pending-and-exceptions")
