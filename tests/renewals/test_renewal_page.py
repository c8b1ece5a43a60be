"""The owner's page of a renewal: what changed comes first, one confirmation files it, twice files nothing."""

import re
from collections.abc import Iterator

import pytest
import time_machine
from django.test import Client

from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.models import DirectoryAddress
from portal.grants.models import Compliance, Grant
from portal.grants.services import managing
from portal.grants.states import GrantAction
from portal.lib.dates import term_end
from portal.lib.problems import Stale
from portal.policy_service.models import SenderUse
from portal.renewals.services import filing
from portal.workflow.models import ServiceRequest
from portal.workflow.services import requesting
from portal.workflow.states import State
from tests.cast import HOST, SENDER, Cast, approve, client_of, fresh
from tests.renewals.conftest import LATER, counted
from tests.support.dns_server import DnsServer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_the_last_weeks(grant: Grant) -> Iterator[None]:
    with time_machine.travel(LATER):
        yield


def url(grant: Grant) -> str:
    return f"/permissions/{grant.reference}/renew/"


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def text_of(client: Client, grant: Grant, status: int = 200) -> str:
    response = client.get(url(grant))
    assert response.status_code == status
    return words_of(response.content.decode())


def renewals() -> list[ServiceRequest]:
    return list(ServiceRequest.objects.filter(intention="renewal").order_by("pk"))


def confirmed(client: Client, grant: Grant) -> int:
    return client.post(url(grant), {"revision": grant.revision}).status_code


def test_unchanged_means_one_button(cast: Cast, grant: Grant, requester_client: Client) -> None:
    counted(grant, days=250, accepted_days_ago=9)
    SenderUse.objects.create(grant=grant, sender=SENDER, accepted=12, last_at=LATER)
    SenderUse.objects.create(grant=grant, sender="root@copier-7.ttu.edu", refused=3, last_at=LATER)
    assert "/renew/" in requester_client.get(grant.get_absolute_url()).content.decode()
    text = text_of(requester_client, grant)
    for words in (
        "129.118.10.20 may relay",
        "Approved by Reviewer on",
        "Confirm and renew",
        "Change something first",
        "Nothing changed. One reviewer decides.",
        "I administer this system",
        "Accepted 12",
        "Refused 3",
        "noreply-lab@ttu.edu",
        "root@copier-7.ttu.edu",
        "Mail passed, last on 23 January 2027.",
    ):
        assert words in text, words
    assert "What changed" not in text


def test_one_confirmation_files_it_and_a_second_shows_the_same_receipt(
    cast: Cast, grant: Grant, requester_client: Client
) -> None:
    first = requester_client.post(url(grant), {"revision": grant.revision})
    second = requester_client.post(url(grant), {"revision": grant.revision})
    (renewal,) = renewals()
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"] == f"/requests/{renewal.reference}/receipt/"
    assert renewal.state == State.IN_REVIEW
    assert renewal.events.filter(action="submit").count() == 1
    grant.refresh_from_db()
    assert grant.held_open_by == renewal
    page = requester_client.get(url(grant))
    assert page["Location"] == renewal.get_absolute_url()
    ends_on = grant.ends_on
    approve(cast, renewal)
    grant.refresh_from_db()
    assert grant.ends_on == term_end(ends_on, 12)
    assert confirmed(requester_client, grant) == 409  # it is decided, and the next renewal has not opened


def test_a_confirmation_from_an_old_page_is_refused(grant: Grant, requester_client: Client) -> None:
    assert requester_client.post(url(grant), {"revision": grant.revision + 1}).status_code == 409
    assert requester_client.post(url(grant), {}).status_code == 422
    assert renewals() == []


def test_a_confirmation_that_was_interrupted_goes_on(
    cast: Cast, grant: Grant, requester_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(requesting, "submit", die)
        with pytest.raises(KeyboardInterrupt):
            filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision)
    (draft,) = renewals()
    assert draft.state == State.DRAFT
    assert requesting.missing_steps(draft) == []
    assert confirmed(requester_client, grant) == 302
    assert [renewal.state for renewal in renewals()] == [State.IN_REVIEW]


def test_change_something_first_leads_to_the_form_and_bars_a_second(
    grant: Grant, requester_client: Client
) -> None:
    response = requester_client.post(url(grant), {"form": "1"})
    (draft,) = renewals()
    assert response["Location"] == f"/requests/{draft.reference}/answers/"
    assert requesting.missing_steps(draft) == ["statement"]
    assert requester_client.post(url(grant), {"form": "1"}).status_code == 409
    refused = requester_client.post(url(grant), {"revision": grant.revision})
    assert refused.status_code == 409
    assert f"under way already: {draft.reference}" in refused.content.decode()
    assert len(renewals()) == 1


def test_the_co_owner_renews_too_and_stays_one(cast: Cast, grant: Grant) -> None:
    Grant.objects.filter(pk=grant.pk).update(co_owner=cast.colleague)
    ServiceRequest.objects.filter(pk=grant.latest_request_id).update(co_owner=cast.colleague)
    assert confirmed(client_of(cast.colleague), grant) == 302
    (renewal,) = renewals()
    assert renewal.requester == cast.colleague
    approve(cast, renewal)
    grant.refresh_from_db()
    assert (grant.owner, grant.co_owner) == (cast.requester, cast.colleague)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("outsider", 404),
        ("reviewer", 403),
        ("auditor", 403),
        ("admin", 403),
    ],
)
def test_it_is_the_holders_page(cast: Cast, grant: Grant, who: str, status: int) -> None:
    client = client_of(getattr(cast, who))
    assert client.get(url(grant)).status_code == status
    assert confirmed(client, grant) == status
    assert renewals() == []


def test_it_is_not_there_before_it_opens(grant: Grant, requester_client: Client) -> None:
    Grant.objects.filter(pk=grant.pk).update(ends_on=LATER.date().replace(year=2028))
    assert "not possible now" in text_of(requester_client, grant, 409)


# ---------------------------------------------------------------- what changed
def assert_changed(client: Client, grant: Grant, sentence: str) -> None:
    text = text_of(client, grant)
    assert sentence in text
    assert "Confirm and renew" not in text
    assert text.index("What changed, or is not known") < text.index("What was approved")
    assert "Go through the form" in text
    refused = client.post(url(grant), {"revision": grant.revision})
    assert refused.status_code == 409
    assert sentence in words_of(refused.content.decode())
    assert renewals() == []


def test_a_host_name_that_leads_elsewhere(grant: Grant, names: DnsServer, requester_client: Client) -> None:
    names.remove(HOST, "A")
    names.add(HOST, "A", "129.118.10.99")
    assert_changed(requester_client, grant, f"{HOST} now leads to 129.118.10.99.")


def test_a_host_name_that_leads_elsewhere_as_well(
    grant: Grant, names: DnsServer, requester_client: Client
) -> None:
    names.add(HOST, "A", "129.118.10.99")
    assert_changed(requester_client, grant, f"{HOST} leads to the system.")


def test_an_owner_who_is_gone_from_the_directory(grant: Grant, requester_client: Client) -> None:
    DirectoryAddress.objects.filter(address="requester@ttu.edu").update(gone_at=LATER)
    assert_changed(requester_client, grant, "The owner, Requester, is no longer in the directory.")


def test_a_sender_who_is_gone(grant: Grant, requester_client: Client) -> None:
    DirectoryAddress.objects.filter(address=SENDER).update(gone_at=LATER)
    assert_changed(requester_client, grant, "the directory no longer knows noreply-lab@ttu.edu")


def test_other_hands(cast: Cast, grant: Grant) -> None:
    managing.hand_over(grant=grant, actor=cast.requester, to=cast.outsider)
    managing.answer_offer(grant=grant, actor=cast.outsider, accept=True)
    grant.refresh_from_db()
    assert_changed(client_of(cast.outsider), grant, "It is in other hands now: Outsider.")


def test_what_the_daily_check_found(grant: Grant, requester_client: Client) -> None:
    Compliance.objects.create(
        grant=grant, standing="broken", since=LATER, broken_sentence="REL-3: it is gone."
    )
    assert_changed(requester_client, grant, "The daily check of 1 February 2027 found it out of compliance.")


def test_a_suspension_is_a_change(cast: Cast, grant: Grant, requester_client: Client) -> None:
    managing.change_state(grant=grant, action=GrantAction.SUSPEND, actor=cast.reviewer, reason="A look.")
    grant.refresh_from_db()
    assert_changed(requester_client, grant, "is not in force today: it is suspended.")


# ---------------------------------------------------------------- what is not known
def test_a_silent_dns_is_unknown_and_may_be_confirmed_to_every_reviewer(
    grant: Grant, names: DnsServer, requester_client: Client
) -> None:
    names.servfail(HOST)
    text = text_of(requester_client, grant)
    assert f"Unknown The DNS did not say where {HOST} leads." in text
    assert text.index("What changed, or is not known") < text.index("What was approved")
    assert "It passes every review that applies today." in text
    assert "Nothing changed" not in text
    assert confirmed(requester_client, grant) == 302


def test_a_silent_directory_is_unknown(
    grant: Grant, requester_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise DirectoryUnavailable

    monkeypatch.setattr("portal.accounts.directory.TableDirectory.lookup", silent)
    text = text_of(requester_client, grant)
    assert "whether its people are still there is not known" in text
    assert "It passes every review that applies today." in text


def test_no_mail_for_180_days_is_said_plainly(grant: Grant, requester_client: Client) -> None:
    counted(grant, days=250, accepted_days_ago=200)
    text = text_of(requester_client, grant)
    assert "No mail for 180 days. The last message passed on 16 July 2026." in text
    assert "It passes every review that applies today." in text


def test_a_short_silence_is_unknown(grant: Grant, requester_client: Client) -> None:
    counted(grant, days=30)
    text = text_of(requester_client, grant)
    assert "Unknown No mail was seen lately" in text
    assert "One reviewer decides" not in text


def test_where_nobody_counts_use_is_not_claimed(grant: Grant, requester_client: Client) -> None:
    text = text_of(requester_client, grant)
    assert "Not measured Mail is not counted at the relay here, so its use is not known." in text
    assert "Accepted" not in text


def test_the_service_refuses_a_stale_grant(cast: Cast, grant: Grant) -> None:
    with pytest.raises(Stale):
        filing.confirm(grant=grant, actor=cast.requester, revision=grant.revision + 3)
    assert fresh(grant.latest_request).state == State.APPROVED


def test_other_peoples_name_servers_are_not_pressed(
    grant: Grant, names: DnsServer, requester_client: Client
) -> None:
    names.remove(HOST, "A")
    statuses = [confirmed(requester_client, grant) for _ in range(filing.OF_ONE_GRANT.times + 1)]
    assert statuses == [409] * filing.OF_ONE_GRANT.times + [429]
    asked = len(names.asked)
    text_of(requester_client, grant)
    seen = len(names.asked)
    text_of(requester_client, grant)
    assert len(names.asked) == seen > asked
