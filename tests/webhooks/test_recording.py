"""Rows are written with the change they tell of, for those who want them, and for nothing else."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from portal.enforcement import hosts
from portal.enforcement.models import HostState
from portal.enforcement.tokens import make_token
from portal.grants.models import Grant
from portal.grants.services.dates import lapse_grants
from portal.grants.services.managing import change_state
from portal.grants.states import GrantAction
from portal.webhooks import services
from portal.webhooks.models import Delivery, DeliveryState, Endpoint
from portal.workflow.models import Visibility
from portal.workflow.services import commenting, requesting, reviewing
from tests.cast import Cast, approve, approved, fresh, relay_draft, submitted

pytestmark = pytest.mark.django_db
Registers = Callable[..., Endpoint]


def told() -> list[tuple[str, str]]:
    """Type and state of every event, oldest first."""
    bodies = [json.loads(row.body) for row in Delivery.objects.order_by("id")]
    return [(body["type"], body["data"]["state"]) for body in bodies]


def test_the_life_of_a_grant_is_told(cast: Cast, endpoint_for: Registers) -> None:
    endpoint_for()
    grant = approved(cast)
    for action in (GrantAction.SUSPEND, GrantAction.RESUME, GrantAction.REVOKE):
        change_state(grant=grant, action=action, actor=cast.reviewer, reason="Because.")
    assert told() == [
        ("request.submitted", "in_review"),
        ("request.decided", "approved"),
        ("grant.issued", "active"),
        ("grant.suspended", "suspended"),
        ("grant.resumed", "active"),
        ("grant.revoked", "revoked"),
    ]


def test_a_denial_a_withdrawal_and_a_lapse_are_told(cast: Cast, endpoint_for: Registers) -> None:
    grant = approved(cast)
    denied = submitted(cast, address="129.118.10.21")
    withdrawn = submitted(cast, address="129.118.10.22")
    endpoint_for()
    reviewing.deny(
        service_request=denied,
        actor=cast.reviewer,
        revision=denied.revision,
        comment="No.",
        clauses=["RLY-1"],
    )
    requesting.withdraw(service_request=withdrawn, actor=cast.requester, revision=withdrawn.revision)
    today = timezone.localdate()
    Grant.objects.filter(pk=grant.pk).update(
        starts_on=today - timedelta(days=9), ends_on=today - timedelta(days=1)
    )
    lapse_grants(today=today)
    assert told() == [
        ("request.decided", "denied"),
        ("request.withdrawn", "withdrawn"),
        ("grant.lapsed", "lapsed"),
    ]


def test_a_draft_is_nobodys_business(cast: Cast, endpoint_for: Registers) -> None:
    endpoint_for()
    draft = relay_draft(cast)
    requesting.withdraw(service_request=draft, actor=cast.requester, revision=draft.revision)
    assert told() == []


def test_steps_within_a_review_are_not_told(cast: Cast, endpoint_for: Registers) -> None:
    request = submitted(cast)
    endpoint_for()
    reviewing.take(service_request=request, actor=cast.reviewer, revision=request.revision)
    assert told() == []


def test_drift_is_told(cast: Cast, endpoint_for: Registers) -> None:
    endpoint_for()
    make_token(actor=cast.admin, host="relay1.ttu.edu", targets=["postfix"], days=9)
    state = HostState.objects.get()
    state.differing, state.reported_at, state.serial = "+ 192.0.2.1 OK", timezone.now(), 2026112401
    state.save()
    hosts.look_at(state)
    hosts.check_hosts()
    body = json.loads(Delivery.objects.get().body)
    assert body["type"] == "export.drifted"
    assert body["data"]["reference"] == "relay1.ttu.edu/postfix"
    assert "192.0.2.1" not in Delivery.objects.get().body


def test_each_endpoint_hears_what_it_wants_by_one_id(cast: Cast, endpoint_for: Registers) -> None:
    first, second = endpoint_for(events=["grant.revoked"]), endpoint_for(events=["grant.revoked"])
    endpoint_for(events=["export.drifted"])
    grant = approved(cast)
    change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
    rows = list(Delivery.objects.order_by("endpoint_id"))
    assert [row.endpoint for row in rows] == [first, second]
    assert rows[0].event_id == rows[1].event_id
    assert rows[0].body == rows[1].body


def test_a_paused_endpoint_goes_on_collecting_and_a_removed_one_does_not(
    cast: Cast, endpoint_for: Registers
) -> None:
    paused, removed = endpoint_for(), endpoint_for()
    services.pause_endpoint(actor=cast.admin, endpoint=paused)
    services.remove_endpoint(actor=cast.admin, endpoint=removed)
    submitted(cast)
    assert [row.endpoint for row in Delivery.objects.all()] == [paused]


def test_the_reviewers_words_stay_here(cast: Cast, endpoint_for: Registers) -> None:
    endpoint_for()
    request = submitted(cast)
    commenting.comment(
        service_request=request,
        actor=cast.reviewer,
        text="Between us: unwise.",
        visibility=Visibility.REVIEWERS,
    )
    approve(cast, fresh(request))
    said = "".join(Delivery.objects.values_list("body", flat=True))
    for secret in ("unwise", "The system needs it", cast.requester.email, cast.requester.name, "Reviewer"):
        assert secret not in said


@pytest.mark.django_db(transaction=True)
def test_a_change_rolled_back_tells_nobody(cast: Cast, endpoint_for: Registers, monkeypatch: Any) -> None:
    woken: list[bool] = []
    monkeypatch.setattr("portal.webhooks.tasks.deliver_webhooks.apply_async", lambda **_: woken.append(True))
    endpoint_for()
    grant = approved(cast)
    Delivery.objects.all().delete()
    woken.clear()
    with transaction.atomic():
        change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
        assert Delivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    assert woken == []
    grant.refresh_from_db()
    change_state(grant=grant, action=GrantAction.REVOKE, actor=cast.reviewer, reason="Spam.")
    assert Delivery.objects.get().state == DeliveryState.QUEUED
    assert woken == [True]
