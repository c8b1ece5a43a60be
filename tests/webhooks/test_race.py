"""Two deliverers at once on PostgreSQL: each row is one's, and neither waits for the other."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from portal.webhooks import delivering, services
from portal.webhooks.delivering import Report, deliver_due
from portal.webhooks.models import Delivery, Endpoint
from portal.webhooks.selectors import due_deliveries
from tests.cast import Cast
from tests.webhooks.receiver import Receiver

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("postgres")]
ROWS = 40


def test_no_row_goes_out_twice(cast: Cast, endpoint_for: Callable[..., Endpoint]) -> None:
    reports: list[Report] = []
    start = threading.Barrier(4)

    def sweep() -> None:
        try:
            start.wait()
            reports.append(deliver_due())
        finally:
            connection.close()

    with Receiver() as receiver:
        endpoint = endpoint_for(url=receiver.url)
        for _ in range(ROWS):
            services.send_test(actor=cast.admin, endpoint=endpoint)
        threads = [threading.Thread(target=sweep) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sum(report.delivered for report in reports) == ROWS
    assert len({got.headers["webhook-id"] for got in receiver.got}) == len(receiver.got) == ROWS
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_a_row_that_another_holds_is_passed_over(cast: Cast, endpoint_for: Callable[..., Endpoint]) -> None:
    endpoint = endpoint_for()
    first = services.send_test(actor=cast.admin, endpoint=endpoint)
    second = services.send_test(actor=cast.admin, endpoint=endpoint)
    claimed: list[int] = []

    def claim() -> None:
        try:
            claimed.extend(row.pk for row in (delivering._claim(set()), delivering._claim(set())) if row)
        finally:
            connection.close()

    with transaction.atomic():
        held = due_deliveries().select_for_update(of=("self",)).first()
        assert held == first
        thread = threading.Thread(target=claim)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert claimed == [second.pk]
