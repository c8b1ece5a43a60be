"""What makes a renewal short: everything was looked at, nothing changed, nothing is unknown, and it is in use."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.lib.outcome import Outcome
from portal.policy_service.selectors import Usage
from portal.renewals.comparing import compared
from portal.renewals.facts import (
    AT_FILING,
    BEFORE_FILING,
    Fact,
    Group,
    Stand,
    Use,
    UseStand,
    changed_first,
    classify,
    is_confirmable,
)
from portal.renewals.use import use_of
from portal.workflow.findings import Finding

TODAY = date(2027, 2, 1)
facts = st.builds(Fact, st.sampled_from(Group), st.sampled_from(Stand), st.text(min_size=1, max_size=8))
uses = st.builds(Use, st.sampled_from(UseStand), st.text(min_size=1, max_size=8))
in_use = Use(UseStand.SEEN, "Mail passed.")
everything = tuple(Fact(group, Stand.SAME, f"{group} is the same.") for group in Group)


@given(st.lists(facts, max_size=12), uses)
def test_short_means_all_was_looked_at_and_none_changed_or_is_unknown(
    known: Sequence[Fact], use: Use
) -> None:
    verdict = classify(known, use)
    if verdict.is_short:
        assert {fact.group for fact in known} == set(AT_FILING)
        assert not [fact for fact in known if fact.stand in (Stand.CHANGED, Stand.UNKNOWN)]
        assert use.stand in (UseStand.SEEN, UseStand.NOT_MEASURED)
        assert verdict.reasons == ()
    else:
        assert verdict.reasons


@given(st.lists(facts, max_size=6), st.sampled_from((Stand.CHANGED, Stand.UNKNOWN)), st.integers(0, 4))
def test_one_bad_fact_spoils_any_number_of_good_ones(more: Sequence[Fact], stand: Stand, at: int) -> None:
    bad = Fact(list(Group)[at], stand, "Not as it was.")
    verdict = classify([*everything, *more, bad], in_use)
    assert not verdict.is_short
    assert "Not as it was." in verdict.reasons


@given(st.sets(st.sampled_from(Group)), uses)
def test_what_nobody_looked_at_is_not_unchanged(looked_at: set[Group], use: Use) -> None:
    known = [fact for fact in everything if fact.group in looked_at]
    assert classify(known, use).is_short == (
        looked_at == set(Group) and use.stand in (UseStand.SEEN, UseStand.NOT_MEASURED)
    )


@given(st.lists(facts, max_size=12))
def test_the_button_is_there_only_where_nothing_is_known_to_have_changed(known: Sequence[Fact]) -> None:
    looked_at = {fact.group for fact in known} >= BEFORE_FILING
    changed = any(fact.stand is Stand.CHANGED for fact in known)
    assert is_confirmable(known) == (looked_at and not changed)


@given(st.lists(facts, max_size=12))
def test_what_changed_comes_first_and_nothing_is_left_out(known: Sequence[Fact]) -> None:
    ordered = changed_first(known)
    order = [Stand.CHANGED, Stand.UNKNOWN, Stand.WARNED, Stand.SAME]
    assert [order.index(fact.stand) for fact in ordered] == sorted(
        order.index(fact.stand) for fact in ordered
    )
    assert {(fact.stand, fact.sentence) for fact in known} == {
        (fact.stand, fact.sentence) for fact in ordered
    }
    assert [Fact.from_json(fact.as_json()) for fact in ordered] == ordered


def test_a_warning_that_was_weighed_before_is_green_and_a_failing_use_is_not() -> None:
    weighed = Fact(Group.CHECKS, Stand.WARNED, "The system may write to anyone.")
    assert classify([*everything, weighed], in_use).is_short
    for stand in (UseStand.IDLE, UseStand.UNKNOWN):
        assert classify(everything, Use(stand, "Silence.")).reasons == ("Silence.",)


# ---------------------------------------------------------------- one finding beside the approval's
outcomes = st.sampled_from(Outcome)
records = st.dictionaries(
    st.sampled_from(("addresses", "policy", "checked_at")), st.integers(0, 2), max_size=3
)
found = st.builds(
    Finding, st.just("REL-2"), st.just("rule"), outcomes, st.sampled_from(("One.", "Two.")), evidence=records
)


@given(found, found)
def test_a_finding_is_the_same_only_where_it_is_known_and_agrees(now: Finding, then: Finding) -> None:
    fact = compared(Group.CHECKS, now, then)
    shared = (now.evidence.keys() & then.evidence.keys()) - {"checked_at"}
    differs = any(now.evidence[name] != then.evidence[name] for name in shared)
    if Outcome.UNKNOWN in (now.outcome, then.outcome):
        assert fact.stand in (Stand.UNKNOWN, Stand.CHANGED)
    elif now.outcome == Outcome.PASS:
        assert fact.stand == (Stand.CHANGED if then.outcome == Outcome.PASS and differs else fact.stand)
        assert fact.stand in (Stand.SAME, Stand.CHANGED)
    elif fact.stand is Stand.WARNED:
        assert now.outcome == then.outcome == Outcome.WARN
        assert not differs
    else:
        assert fact.stand is Stand.CHANGED


@given(found)
def test_without_an_approval_s_finding_only_a_pass_is_good(now: Finding) -> None:
    stands = {Outcome.PASS: Stand.SAME, Outcome.UNKNOWN: Stand.UNKNOWN}
    assert compared(Group.STANDING, now, None).stand == stands.get(now.outcome, Stand.CHANGED)


def test_when_a_check_ran_and_the_order_of_its_answers_are_no_facts() -> None:
    then = Finding(
        "REL-2", "dns", Outcome.PASS, "It leads there.", evidence={"addresses": ["a", "b"], "checked_at": 1}
    )
    now = Finding(
        "REL-2", "dns", Outcome.PASS, "It leads there.", evidence={"addresses": ["b", "a"], "checked_at": 2}
    )
    assert compared(Group.CHECKS, now, then).stand is Stand.SAME


# ---------------------------------------------------------------- use
def usage(*, last: date | None, idle: bool = False) -> Usage:
    return Usage(
        since=TODAY - timedelta(days=400),
        accepted=1,
        refused=0,
        deferred=0,
        last_seen_at=None,
        last_mail_on=last,
        senders=[],
        strangers=[],
        foreign_authors=[],
        uncounted_days=0,
        is_idle=idle,
    )


@pytest.mark.parametrize(
    ("days_ago", "idle", "stand"),
    [
        (0, False, UseStand.SEEN),
        (180, False, UseStand.SEEN),
        (181, False, UseStand.UNKNOWN),
        (181, True, UseStand.IDLE),
        (None, True, UseStand.IDLE),
        (None, False, UseStand.UNKNOWN),
    ],
)
def test_use_is_mail_within_180_days(days_ago: int | None, idle: bool, stand: UseStand) -> None:
    last = None if days_ago is None else TODAY - timedelta(days=days_ago)
    assert use_of(usage(last=last, idle=idle), TODAY, is_counted=True).stand is stand


def test_what_is_not_measured_is_not_claimed() -> None:
    for use in (use_of(None, TODAY, is_counted=True), use_of(usage(last=TODAY), TODAY, is_counted=False)):
        assert use.stand is UseStand.NOT_MEASURED
        assert use.outcome == "unknown"
