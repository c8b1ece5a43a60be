"""Checks of a campaign's window against the calendar, and the next free window."""

from datetime import date, timedelta

from django.utils import timezone

from campaigns import services
from campaigns.models import CampaignRequest
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.sending_calendar import bookings, windows
from portal.sending_calendar.labels import population_labels, span_label, window_label, window_populations
from portal.sending_calendar.windows import Window
from portal.ui.moments import day_in_words
from portal.workflow.calendar import business_calendar
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest

_BUDGET_YEARS = timedelta(days=800)
"""How far back bookings are read, so that whole survey years are counted."""


def window_of(service_request: ServiceRequest) -> Window | None:
    """Return the requested window; None until days and audience are answered."""
    detail = CampaignRequest.of(service_request)
    people = services.audience_of(service_request)
    if detail.first_send_on is None or detail.last_send_on is None or not people:
        return None
    return Window(detail.first_send_on, detail.last_send_on, frozenset(people), detail.is_survey)


def filed_on(service_request: ServiceRequest) -> date:
    """Return the day from which the lead time counts: that of the submission, or today for a draft."""
    return timezone.localdate(service_request.submitted_at) if service_request.submitted_at else _today()


def _today() -> date:
    return timezone.localdate()


def next_free_window(service_request: ServiceRequest, window: Window) -> Window | None:
    """Return the next free window of the same length; None if there is none within `windows.FURTHEST_DAYS`."""
    place, calendar = institution(), business_calendar()
    not_before = max(windows.earliest_start(filed_on(service_request), place, calendar), _today())
    taken = bookings.bookings(first=window.starts_on - _BUDGET_YEARS, leave_out=service_request)
    return windows.next_free(window, taken, place, calendar, not_before=not_before)


def window_findings(service_request: ServiceRequest, window: Window | None = None) -> list[Finding]:
    """Return the findings against the window and the next free one, or one finding that it is free.

    Lead time, blackouts and budgets bar an approval only at the stage of the CIO office, which may waive them with a
    reason. Earlier stages do not decide that for the office.
    """
    window = window or window_of(service_request)
    if window is None:
        return [
            Finding(
                "MKT-4",
                "window",
                Outcome.FAIL,
                "Enter the first and the last day of sending.",
                field="first_send_on",
            )
        ]
    if window.ends_on < _today():
        return [
            Finding(
                "MKT-4",
                "window",
                Outcome.FAIL,
                "The window is in the past. Choose a later one.",
                field="first_send_on",
            )
        ]
    taken = bookings.bookings(first=window.starts_on - _BUDGET_YEARS, leave_out=service_request)
    bars = service_request.stage == "cio"
    findings = [
        *_lead_time(service_request, window, bars=bars),
        *_blackouts(window, bars=bars),
        *_conflicts(window, taken),
        *_budgets(window, taken, bars=bars),
    ]
    if not findings:
        return [
            Finding(
                "MKT-4",
                "window",
                Outcome.PASS,
                f"{window_label(window)} is free for {window_populations(window)}.",
                field="first_send_on",
            )
        ]
    return [*findings, _proposal(service_request, window)]


def conflicts_of(service_request: ServiceRequest) -> list[windows.Conflict]:
    """Return the other campaigns to some of the same people at the same time."""
    window = window_of(service_request)
    if window is None:
        return []
    return windows.conflicts(
        window, bookings.bookings(first=window.starts_on - timedelta(days=7), leave_out=service_request)
    )


def _lead_time(service_request: ServiceRequest, window: Window, *, bars: bool) -> list[Finding]:
    place = institution()
    earliest = windows.earliest_start(filed_on(service_request), place, business_calendar())
    if window.starts_on >= earliest:
        return []
    return [
        Finding(
            "MKT-4",
            "lead-time",
            Outcome.FAIL,
            f"A campaign is filed {place.campaign_lead_days} business days "
            f"before its first message. The earliest possible first day is {earliest:%A}, {day_in_words(earliest)}.",
            must=bars,
            waivable=True,
            field="first_send_on",
        )
    ]


def _blackouts(window: Window, *, bars: bool) -> list[Finding]:
    return [
        Finding(
            "MKT-4",
            f"blackout:{blackout.starts}",
            Outcome.FAIL,
            f"Nothing is sent during {blackout.label}, {span_label(blackout.starts, blackout.ends)}.",
            must=bars,
            waivable=True,
            field="first_send_on",
        )
        for blackout in windows.blackouts(window, institution())
    ]


def _conflicts(window: Window, taken: list[windows.Booking]) -> list[Finding]:
    findings = []
    for conflict in windows.conflicts(window, taken):
        other = conflict.booking
        what = "another survey" if other.window.is_survey else "another mailing"
        state = "approved" if other.is_approved else "waiting for a decision"
        when = "that week" if other.window.is_survey and window.is_survey else "on those days"
        findings.append(
            Finding(
                "MKT-5" if other.window.is_survey else "MKT-4",
                f"conflict:{other.reference}",
                Outcome.WARN,
                f"{population_labels(conflict.populations)} get {what} {when}: {other.unit or other.kind_label}, "
                f"{window_label(other.window)} ({state}).",
                must=False,
                field="first_send_on",
                evidence={"reference": other.reference},
            )
        )
    return findings


def used_up_budgets(service_request: ServiceRequest) -> list[Finding]:
    """Return a finding for each survey budget that is used up, as the approval checks them."""
    window = window_of(service_request)
    if window is None:
        return []
    taken = bookings.bookings(first=window.starts_on - _BUDGET_YEARS, leave_out=service_request)
    return _budgets(window, taken, bars=True)


def _budgets(window: Window, taken: list[windows.Booking], *, bars: bool) -> list[Finding]:
    return [
        Finding(
            "MKT-5",
            f"budget:{budget.population.key}",
            Outcome.FAIL,
            f"{budget.population.label} have had {budget.used} "
            f"of {budget.population.survey_budget} surveys in the year that ends on "
            f"{day_in_words(budget.year_ends_on)}. The limit is reached.",
            must=bars,
            waivable=True,
            field="first_send_on",
        )
        for budget in windows.budgets(window, taken, institution())
        if budget.is_used_up
    ]


def _proposal(service_request: ServiceRequest, window: Window) -> Finding:
    free = next_free_window(service_request, window)
    if free is None:
        sentence = "There is no free window of this length in the next months. Make it shorter, or choose fewer populations."
    else:
        sentence = f"The next free window of this length is {window_label(free)}."
    evidence = {"starts_on": str(free.starts_on), "ends_on": str(free.ends_on)} if free else {}
    return Finding(
        "MKT-4", "next-free", Outcome.WARN, sentence, must=False, field="first_send_on", evidence=evidence
    )


def detail_window(detail: CampaignRequest) -> Window | None:
    """Return the window of a loaded detail row; None until its days are answered."""
    if detail.first_send_on is None or detail.last_send_on is None:
        return None
    people = frozenset(row.population for row in detail.audiences.all())
    return Window(detail.first_send_on, detail.last_send_on, people, detail.is_survey)
