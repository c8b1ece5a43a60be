"""Whatever a grant or a client holds, an answer is one line of printable ASCII of bounded length."""

import re
import time
from datetime import date, datetime
from ipaddress import ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.grants.relay_rules import RelayRule
from portal.grants.states import GrantState
from portal.policy_service.answering import Answering, Today
from portal.policy_service.index import Index
from portal.policy_service.protocol import Malformed
from portal.policy_service.replies import LONGEST_TEXT, safe
from tests.support.policy import request

CLIENT = "129.118.10.20"
ANSWER = re.compile(
    rb"action=(OK|DUNNO|PREPEND X-TechMail-Grant: [!-~]{1,80}|(REJECT 5\.7\.1|DEFER(_IF_PERMIT)? 4\.7\.1) [ -~]{1,400})\n\n"
)
TEXT = st.text(min_size=1, max_size=60)
REFERENCES = TEXT.map(lambda text: text.replace("/", "-"))


@settings(deadline=None)
@given(
    reference=REFERENCES,
    senders=st.lists(TEXT, max_size=6),
    state=st.sampled_from(GrantState.values),
    per_hour=st.sampled_from([None, 1, 0]),
    sender=st.one_of(st.none(), TEXT),
    context=st.sampled_from(["", "relay"]),
    stage=st.sampled_from(["RCPT", "DATA", "END-OF-MESSAGE", "MAIL"]),
)
@example(" ", ["a@b"], "active", None, None, "", "RCPT")
@example("TM-R-1\r\nX-Evil: 1", ["a@b\r\naction=OK"], "active", None, None, "", "RCPT")
@example("TM-R-1\n\naction=OK", ["x" * 900] * 9, "active", 0, "a@b", "relay", "RCPT")
def test_no_value_breaks_out_of_an_answer(  # noqa: PLR0917 - one argument for each field
    reference: str,
    senders: list[str],
    state: str,
    per_hour: int | None,
    sender: str | None,
    context: str,
    stage: str,
) -> None:
    rule = RelayRule(
        grant_id=1,
        reference=reference,
        state=state,
        changed_on=date(2026, 1, 1),
        starts_on=date(2020, 1, 1),
        ends_on=date(2099, 1, 1),
        is_held_open=False,
        networks=(ip_network(CLIENT),),
        senders=tuple(senders),
        recipient_domains=None,
        per_hour=per_hour,
    )
    answering = Answering(max_age=60, shared=None)
    answering.install(Index([rule], [ip_network("129.118.0.0/16")]), time.monotonic())
    asked = (sender if sender is not None else (senders or [""])[0]).replace("\n", "")
    block = request(
        client_address=CLIENT, sender=asked, policy_context=context, protocol_state=stage, instance="1"
    )
    for _ in range(2):
        try:
            reply = answering.answer(block[:-2])
        except Malformed:
            continue
        assert isinstance(reply, bytes)
        assert ANSWER.fullmatch(reply), reply
    stranger = answering.answer(request(client_address="129.118.10.21", sender=asked)[:-2])
    assert isinstance(stranger, bytes)
    assert ANSWER.fullmatch(stranger), stranger


@settings(deadline=None)
@given(st.text(max_size=900))
@example("${x} {y}; a,b\r\nREJECT")
def test_safe_text_is_one_bounded_line_without_what_maps_read(text: str) -> None:
    made = safe(text)
    assert re.fullmatch(r"[ -~]*", made)
    assert len(made) <= LONGEST_TEXT
    assert not set(made) & set("{}$,;")
    assert safe(made.strip()) == made.strip()


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-08T05:59:59+00:00", "2026-03-07"),
        ("2026-03-08T06:00:00+00:00", "2026-03-08"),  # the day of 23 hours
        ("2026-03-09T04:59:59+00:00", "2026-03-08"),
        ("2026-03-09T05:00:00+00:00", "2026-03-09"),
        ("2026-11-02T05:59:59+00:00", "2026-11-01"),  # the day of 25 hours
        ("2026-11-02T06:00:00+00:00", "2026-11-02"),
    ],
)
def test_the_day_is_the_institutions_and_turns_at_its_midnight(moment: str, day: str) -> None:
    at = datetime.fromisoformat(moment).timestamp()
    today = Today()
    for warmed in (at, at - 3 * 3600, at - 86_400, at + 86_400, at):
        today.on(warmed)
    assert today.on(at) == date.fromisoformat(day)
    fresh = Today()
    fresh.on(at - 1)
    assert fresh.on(at) == date.fromisoformat(day)
