"""The pages: register and see the secret once, change, pause, resume, rotate, remove, test, retry."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from portal.webhooks import keys
from portal.webhooks.models import Delivery, DeliveryState, Endpoint, EndpointState
from portal.webhooks.services import send_test
from tests.cast import Cast, client_of

pytestmark = pytest.mark.django_db
Registers = Callable[..., Endpoint]
FORM = {
    "url": "https://hooks.example.edu/techmail",
    "description": "Tickets",
    "events": ["grant.revoked", "grant.lapsed"],
}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")


@pytest.fixture
def admin(cast: Cast) -> Client:
    return client_of(cast.admin)


def do(client: Client, endpoint: Endpoint, action: str) -> Any:
    return client.post(f"/webhooks/{endpoint.pk}/do/{action}/", follow=True)


def test_the_secret_is_shown_once_and_not_kept(admin: Client) -> None:
    page = admin.post("/webhooks/new/", FORM, follow=True)
    endpoint = Endpoint.objects.get()
    found = SECRET.search(page.content.decode())
    assert found is not None
    assert found[0] == keys.shown_secret(endpoint)
    assert page.redirect_chain[-1][0] == f"/webhooks/{endpoint.pk}/"
    assert "no-store" in page["Cache-Control"]
    again = admin.get(f"/webhooks/{endpoint.pk}/").content.decode()
    assert not SECRET.search(again)
    assert endpoint.events == ["grant.lapsed", "grant.revoked"]
    columns = " ".join(map(str, Endpoint.objects.values_list().get()))
    assert found[0].removeprefix("whsec_") not in columns


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://hooks.example.edu/", "Write https"),
        ("https://10.1.2.3/", "private network"),
        ("https://user:pass@hooks.example.edu/", "Leave out the user"),
        ("ftp://hooks.example.edu/", "whole URL"),
        ("https://localhost/", "full name"),
    ],
)
def test_a_wrong_url_is_told_at_its_field(admin: Client, url: str, sentence: str) -> None:
    page = admin.post("/webhooks/new/", FORM | {"url": url})
    assert page.status_code == 422
    assert sentence in page.content.decode()
    assert not Endpoint.objects.exists()


def test_what_it_hears_can_be_changed(admin: Client, endpoint_for: Registers) -> None:
    endpoint = endpoint_for()
    admin.post(f"/webhooks/{endpoint.pk}/change/", {"description": "Chat", "events": ["export.drifted"]})
    endpoint.refresh_from_db()
    assert (endpoint.description, endpoint.events) == ("Chat", ["export.drifted"])
    page = admin.post(f"/webhooks/{endpoint.pk}/change/", {"description": "", "events": ["webhook.test"]})
    assert page.status_code == 422


def test_pause_and_resume(admin: Client, endpoint_for: Registers) -> None:
    endpoint = endpoint_for()
    assert "Paused" in do(admin, endpoint, "pause").content.decode()
    assert do(admin, endpoint, "pause").status_code == 409
    assert "Resumed" in do(admin, endpoint, "resume").content.decode()
    endpoint.refresh_from_db()
    assert endpoint.state == EndpointState.ACTIVE


def test_rotation_shows_the_new_secret_once(admin: Client, endpoint_for: Registers) -> None:
    endpoint = endpoint_for()
    before = keys.shown_secret(endpoint)
    page = do(admin, endpoint, "rotate").content.decode()
    endpoint.refresh_from_db()
    found = SECRET.search(page)
    assert found is not None
    assert found[0] == keys.shown_secret(endpoint) != before
    assert "The one before signs too until" in page
    assert not SECRET.search(admin.get(f"/webhooks/{endpoint.pk}/").content.decode())


def test_a_removed_endpoint_is_gone_but_on_record(admin: Client, endpoint_for: Registers, cast: Cast) -> None:
    endpoint = endpoint_for()
    send_test(actor=cast.admin, endpoint=endpoint)
    page = do(admin, endpoint, "remove").content.decode()
    assert "removed by Admin" in page
    assert admin.get(f"/webhooks/{endpoint.pk}/").status_code == 404
    assert do(admin, endpoint, "resume").status_code == 404
    endpoint.refresh_from_db()
    assert (endpoint.salt, endpoint.old_salt) == ("", "")
    assert not Delivery.objects.exists()


def test_a_test_waits_for_the_sweep(admin: Client, endpoint_for: Registers) -> None:
    endpoint = endpoint_for()
    page = do(admin, endpoint, "test").content.decode()
    assert "webhook.test" in page
    assert Delivery.objects.get().event_type == "webhook.test"


def test_a_dead_delivery_can_be_tried_again(admin: Client, endpoint_for: Registers, cast: Cast) -> None:
    delivery = send_test(actor=cast.admin, endpoint=endpoint_for())
    path = f"/webhooks/deliveries/{delivery.pk}/retry/"
    assert admin.post(path).status_code == 409
    Delivery.objects.update(state=DeliveryState.DEAD, attempts=10, answer="<b>No</b>", status=500)
    page = admin.get(delivery.endpoint.get_absolute_url()).content.decode()
    assert path in page
    assert "&lt;b&gt;No&lt;/b&gt;" in page
    assert admin.post(path).status_code == 302
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.QUEUED, 0)


def test_an_auditor_reads_and_cannot_act(cast: Cast, endpoint_for: Registers) -> None:
    auditor, endpoint = client_of(cast.auditor), endpoint_for()
    send_test(actor=cast.admin, endpoint=endpoint)
    Delivery.objects.update(state=DeliveryState.DEAD)
    for page in (auditor.get("/webhooks/"), auditor.get(f"/webhooks/{endpoint.pk}/")):
        assert page.status_code == 200
        assert '<form method="post" action="/webhooks' not in page.content.decode()
    assert do(auditor, endpoint, "rotate").status_code == 403


def test_a_changed_secret_key_is_told(admin: Client, endpoint_for: Registers, settings: Any) -> None:
    endpoint = endpoint_for()
    settings.SECRET_KEY = "y" * 60
    admin = client_of(endpoint.created_by)
    assert "The secret is useless" in admin.get(f"/webhooks/{endpoint.pk}/").content.decode()
    do(admin, endpoint, "pause")
    assert do(admin, endpoint, "resume").status_code == 409
    assert SECRET.search(do(admin, endpoint, "rotate").content.decode())
    endpoint.refresh_from_db()
    assert endpoint.old_salt == ""
    assert "Resumed" in do(admin, endpoint, "resume").content.decode()


@pytest.mark.parametrize(("who", "is_shown"), [("admin", True), ("auditor", True), ("reviewer", False)])
def test_the_way_there_is_shown_to_those_who_may_go(cast: Cast, who: str, is_shown: bool) -> None:
    page = client_of(getattr(cast, who)).get("/enforcement/").content.decode()
    assert ('href="/webhooks/"' in page) is is_shown
