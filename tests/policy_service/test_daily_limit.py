"""The limit of recipients a day: counted by recipients, by the institution's day, and never fresh by a restart."""

import smtplib
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from portal.grants.models import Grant
from portal.grants.relay_rules import RelayRule
from portal.policy_service.answering import Answering
from portal.policy_service.budgets import Load
from portal.policy_service.index import Index
from portal.policy_service.models import DailyUse
from portal.policy_service.selectors import recipients_on
from relay.models import RelayPermission
from tests.cast import SENDER, Cast, approved
from tests.policy_service.test_postfix import COPIER, INSIDE, OUTSIDE, postfix
from tests.support.policy import Asker, PolicyService, request
from tests.support.postfix import PostfixServer
from tests.support.programs import start_redis

__all__ = ("postfix",)
CLIENT = "129.118.10.20"
FIRST = date(2020, 1, 1)
BEFORE_MIDNIGHT = datetime(2026, 11, 26, 5, 59, 0, tzinfo=UTC)  # 23:59 in Lubbock


def rule(**facts: Any) -> RelayRule:
    usual: dict[str, Any] = {
        "grant_id": 1,
        "reference": "TM-R-1001",
        "state": "active",
        "changed_on": FIRST,
        "starts_on": FIRST,
        "ends_on": date(2099, 1, 1),
        "is_held_open": False,
        "networks": (ip_network(CLIENT),),
        "senders": (SENDER,),
        "recipient_domains": None,
        "per_hour": None,
    }
    return RelayRule(**(usual | facts))


class Service:
    """The answers of one process, without the network."""

    def __init__(self, **facts: Any) -> None:
        self.answering = Answering(max_age=1e9, shared=None)
        self.answering.install(Index([rule(**facts)], [ip_network("129.118.0.0/16")]), time.monotonic())
        self.messages = 0

    def ask(self, **attributes: str) -> str:
        usual = {"client_address": CLIENT, "policy_context": "relay"}
        answer = self.answering.answer(request(**(usual | attributes))[:-2])
        assert isinstance(answer, bytes)
        return answer.decode().removeprefix("action=").strip()

    def send(self, *recipients: str) -> list[str]:
        """The answers to one message with these recipients: one at each RCPT, one at DATA."""
        self.messages += 1
        instance, single = f"i{self.messages}", recipients[0] if len(recipients) == 1 else ""
        answers = [self.ask(instance=instance, recipient=to) for to in recipients]
        passed = str(answers.count("OK"))
        data = self.ask(instance=instance, protocol_state="DATA", recipient=single, recipient_count=passed)
        return [*answers, data]


def test_a_message_to_a_thousand_people_is_a_thousand() -> None:
    service = Service(per_day=100)
    answers = service.send(*(f"p{number}@ttu.edu" for number in range(1000)))
    assert answers.count("OK") == 100
    assert answers[-1] == "PREPEND X-TechMail-Grant: TM-R-1001"
    assert service.send("dean@ttu.edu")[0].startswith(
        "DEFER 4.7.1 TM-R-1001 is over 100 recipients a day. Try again"
    )


def test_the_external_limit_holds_back_external_mail_alone() -> None:
    service = Service(per_day=100, external_per_day=2)
    assert service.send("a@example.com", "b@example.com", "c@example.com")[:3].count("OK") == 2
    refused = service.send("d@example.org")[0]
    assert refused.startswith(
        "DEFER 4.7.1 TM-R-1001 is over 2 recipients outside ttu.edu a day. Try again after 00:00"
    )
    assert service.send("dean@ttu.edu", "clerk@cs.ttu.edu")[:2] == ["OK", "OK"]
    # A local part that names a way onward leads outside, whatever its domain says.
    assert service.send("victim%example.com@ttu.edu")[0].startswith("DEFER")


def test_what_data_alone_asks_for_counts_as_many_as_postfix_says() -> None:
    service = Service(per_day=10, external_per_day=5)
    many = {"protocol_state": "DATA", "recipient": "", "policy_context": ""}
    assert service.ask(instance="a", recipient_count="6", **many).startswith("DEFER_IF_PERMIT 4.7.1")
    assert service.ask(instance="b", recipient_count="5", **many).startswith("PREPEND")
    assert service.ask(instance="c", recipient_count="1", **many).startswith("DEFER_IF_PERMIT 4.7.1")
    wrong = {"a number": "9" * 60, "none": "", "words": "many"}
    for index, text in enumerate(wrong.values()):
        assert service.ask(instance=f"w{index}", recipient_count=text, **many).startswith("DEFER_IF_PERMIT")


def test_the_day_turns_at_the_institutions_midnight() -> None:
    service = Service(per_day=2)
    with time_machine.travel(BEFORE_MIDNIGHT, tick=False) as clock:
        assert [service.send("dean@ttu.edu")[0] for _ in range(2)] == ["OK", "OK"]
        assert "Try again after 00:00 on 2026-11-26" in service.send("dean@ttu.edu")[0]
        clock.move_to(BEFORE_MIDNIGHT.replace(second=59))
        assert service.send("dean@ttu.edu")[0].startswith("DEFER")
        clock.move_to(BEFORE_MIDNIGHT.replace(hour=6, minute=0, second=1))
        assert [service.send("dean@ttu.edu")[0][:5] for _ in range(3)] == ["OK", "OK", "DEFER"]


def test_a_lowered_limit_counts_what_was_sent_before() -> None:
    service = Service(per_day=None)
    assert [service.send("dean@ttu.edu")[0] for _ in range(5)] == ["OK"] * 5
    service.answering.apply({1: rule(per_day=5)}, time.monotonic())
    assert service.send("dean@ttu.edu")[0].startswith("DEFER 4.7.1 TM-R-1001 is over 5 recipients a day")


def test_an_hour_without_room_costs_no_recipient_of_the_day() -> None:
    service = Service(per_hour=1, per_day=100)
    assert service.send("dean@ttu.edu")[0] == "OK"
    assert all("over 1 messages an hour" in service.send("dean@ttu.edu")[0] for _ in range(5))
    assert service.answering._days.used(1, timezone.localdate()) == Load(1, 0)


# ---------------------------------------------------------------- processes
@pytest.fixture(params=["alone", "with Redis"])
def service(request: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> PolicyService:
    """A service whose counts are written three times a second, by itself or with Redis."""
    shared = {}
    if request.param == "with Redis":
        shared["REDIS_URL"] = start_redis(tmp_path_factory.mktemp("redis"))
    return PolicyService(tmp_path, "--batch-seconds", "0.3", **shared)


def limited(grant: Grant, **columns: Any) -> Grant:
    usual = {"recipients": "anyone", "peak_per_hour": None}
    RelayPermission.objects.filter(grant=grant).update(**(usual | columns))
    return grant


@pytest.mark.django_db(transaction=True)
def test_a_restart_gives_nobody_a_fresh_day(cast: Cast, service: PolicyService) -> None:
    grant = limited(approved(cast), per_day=5, external_per_day=2)
    DailyUse.objects.create(grant=grant, day=FIRST, recipients=500, last_at=timezone.now())

    def send(instance: str, *recipients: str) -> list[str]:
        with Asker(service.port) as postfix:
            usual = {"client_address": CLIENT, "policy_context": "relay", "instance": instance}
            answers = [postfix.ask(**usual, recipient=to) or "" for to in recipients]
        return [answer.split()[0] for answer in answers]

    today = timezone.localdate()
    with service:
        assert send("a", "dean@ttu.edu", "x@example.com") == ["OK", "OK"]
        service.until(lambda: recipients_on(today) == {grant.pk: (2, 1)}, "The counts")
        service.kill()
        service.start()
        assert send("b", "y@example.com", "z@example.com", "dean@ttu.edu") == ["OK", "DEFER", "OK"]
        assert service.stop() == 0
        assert recipients_on(today) == {grant.pk: (4, 2)}
        service.start()
        assert send("c", "z@example.com", "dean@ttu.edu", "clerk@ttu.edu") == ["DEFER", "OK", "DEFER"]
        assert service.stop() == 0
    assert recipients_on(today) == {grant.pk: (5, 2)}
    assert "Traceback" not in service.log


@pytest.mark.django_db(transaction=True)
def test_postfix_passes_no_more_recipients_than_a_day_has(
    cast: Cast, settings: Any, tmp_path: Path, postfix: PostfixServer
) -> None:
    settings.INSTITUTION = replace(settings.INSTITUTION, campus_networks=("127.0.0.0/8",), closed_networks=())
    grant = limited(approved(cast, address=COPIER), per_day=4, external_per_day=2)
    with PolicyService(tmp_path, "--batch-seconds", "0.3") as running:
        postfix.ask_policy(running.port)
        to = [INSIDE, OUTSIDE, "other@example.com", "third@example.com", "clerk@ttu.edu", "sixth@ttu.edu"]
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60, source_address=(COPIER, 0)) as smtp:
            refused = smtp.sendmail(SENDER, to, "Subject: Test\r\n\r\nHello\r\n")
        assert sorted(refused) == ["sixth@ttu.edu", "third@example.com"]
        code, text = refused["third@example.com"]
        assert (code, f"{grant.reference} is over 2 recipients outside ttu.edu a day" in text.decode()) == (
            450,
            True,
        )
        assert f"{grant.reference} is over 4 recipients a day" in refused["sixth@ttu.edu"][1].decode()
        assert postfix.send(COPIER, SENDER, INSIDE).code == 450
        running.until(lambda: recipients_on(timezone.localdate()) == {grant.pk: (4, 2)}, "The counts")
        # A restart between two messages is no new day.
        running.stop()
        running.start()
        assert postfix.send(COPIER, SENDER, INSIDE).code == 450
    row = DailyUse.objects.get()
    assert (row.accepted, row.recipients, row.external) == (1, 4, 2)
