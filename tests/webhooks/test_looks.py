"""The pages in a real browser: accessible at every width, in light and in dark, and without sideways scrolling."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from portal.webhooks.models import Delivery, DeliveryState, Endpoint
from portal.webhooks.services import send_test
from tests.cast import Cast, approved
from tests.support.browser import assert_accessible_in_both_schemes, picture, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shown(cast: Cast, endpoint_for: Callable[..., Endpoint]) -> Endpoint:
    """An endpoint with deliveries in every state."""
    endpoint = endpoint_for()
    approved(cast)
    send_test(actor=cast.admin, endpoint=endpoint)
    rows = list(Delivery.objects.order_by("id"))
    now = timezone.now()
    for row, columns in zip(
        rows,
        (
            {"state": DeliveryState.DELIVERED, "attempts": 1, "status": 204, "finished_at": now},
            {
                "state": DeliveryState.DEAD,
                "attempts": 10,
                "status": 500,
                "answer": "Oh no",
                "finished_at": now,
            },
            {"attempts": 2, "answer": "No answer came within 15 seconds."},
        ),
        strict=False,
    ):
        Delivery.objects.filter(pk=row.pk).update(**columns)
    Endpoint.objects.update(failing_since=now)
    return endpoint


def test_the_pages_are_accessible(browser: Any, live_server: Any, cast: Cast, shown: Endpoint) -> None:
    page = sign_in(browser, live_server.url, cast.admin)
    page.goto("/webhooks/")
    assert_accessible_in_both_schemes(page, "webhooks")
    page.goto(f"/webhooks/{shown.pk}/")
    assert_accessible_in_both_schemes(page, "webhook")
    page.get_by_text("Rotate the secret").click()
    page.get_by_role("button", name="Make a new secret").click()
    page.get_by_role("heading", name="The secret", exact=True).wait_for()
    assert_accessible_in_both_schemes(page, "webhook-secret")
    page.goto("/webhooks/new/")
    page.get_by_role("button", name="Register").click()
    page.get_by_text("Choose at least one.").first.wait_for()
    assert_accessible_in_both_schemes(page, "webhook-new")
    picture(page, "webhook-new")
    page.context.close()
