"""Announcements of lower apps: once for each change, in its transaction."""

from typing import Any

import pytest
from django.utils import timezone

from portal.enforcement import announcements as of_enforcement
from portal.enforcement import hosts
from portal.enforcement.models import HostState
from portal.enforcement.tokens import make_token
from portal.grants import announcements as of_grants
from portal.grants.models import Grant
from portal.grants.services.managing import change_state
from portal.grants.states import GrantAction
from portal.lib.announcements import Announcement
from portal.workflow import announcements as of_workflow
from tests.cast import Cast, approve, approved, fresh, submitted

pytestmark = pytest.mark.django_db


def heard(monkeypatch: pytest.MonkeyPatch, announcement: Announcement[Any]) -> list[Any]:
    """What is told from now on; whoever else listens hears nothing meanwhile."""
    news: list[Any] = []
    monkeypatch.setattr(announcement, "_entries", (news.append,))
    return news


def test_a_request_is_told_of_at_each_step(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    news = heard(monkeypatch, of_workflow.request_moved)
    approved(cast)
    assert [event.action for event in news] == ["submit", "approve"]
    assert [event.to_state for event in news] == ["in_review", "approved"]


def test_a_grant_is_told_of_when_it_is_issued_and_when_it_ends(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    news = heard(monkeypatch, of_grants.grant_changed)
    grant = approved(cast)
    change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="It sends spam.")
    assert [(event.action, event.from_state, event.to_state) for event in news] == [
        ("issue", "", "active"),
        ("revoke", "active", "revoked"),
    ]


def test_drift_is_told_of_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    news = heard(monkeypatch, of_enforcement.host_drifted)
    make_token(actor=cast.admin, host="relay1.ttu.edu", targets=["postfix"], days=9)
    state = HostState.objects.get()
    state.differing, state.reported_at = "+ 192.0.2.1 OK", timezone.now()
    state.save()
    hosts.look_at(state)
    hosts.check_hosts()
    assert news == [state]


@pytest.mark.django_db(transaction=True)
def test_a_listeners_error_undoes_the_change(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    request = submitted(cast)

    def fails(_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(of_grants.grant_changed, "_entries", (fails,))
    with pytest.raises(RuntimeError):
        approve(cast, request)
    assert fresh(request).state == "in_review"
    assert not Grant.objects.exists()


def test_who_listens_twice_hears_once() -> None:
    news: list[str] = []
    announcement: Announcement[str] = Announcement()
    announcement.add(news.append)
    announcement.add(news.append)
    announcement.tell("word")
    assert news == ["word"]
