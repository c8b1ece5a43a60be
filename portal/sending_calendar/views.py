"""The calendar's pages: a month, an agenda, the personal address of the feed, and the feed."""

import re
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from portal.accounts.signed_in import person
from portal.institution import institution
from portal.lib.dates import add_months
from portal.lib.problems import NotAllowed
from portal.sending_calendar import feed as feeds
from portal.sending_calendar.bookings import bookings
from portal.sending_calendar.labels import population_labels, window_label
from portal.sending_calendar.models import CalendarToken
from portal.sending_calendar.month import month_of, shown_days
from portal.sending_calendar.windows import Booking, Window, budgets
from portal.workflow.calendar import business_calendar
from portal.workflow.models import ServiceRequest

AGENDA_MONTHS = 6


_MONTH = re.compile(r"(2\d{3})-(0?[1-9]|1[0-2])", re.ASCII)


def _month_asked(request: HttpRequest) -> tuple[date, str]:
    """Return the first day of the month in ?month=YYYY-MM, and a sentence if that is not a month from 2000 to 2100."""
    text, present = request.GET.get("month", ""), timezone.localdate().replace(day=1)
    if not text:
        return present, ""
    found = _MONTH.fullmatch(text)
    if found is None or int(found[1]) > 2100:
        return present, f"“{text[:40]}” is not a month from 2000-01 to 2100-12. This month is shown."
    return date(int(found[1]), int(found[2]), 1), ""


def _population_asked(request: HttpRequest) -> tuple[str, str]:
    """Return the key of the population in ?population=, and a sentence if there is no such population."""
    text = request.GET.get("population", "")
    asked = institution().population(text)
    if text and asked is None:
        return "", f"“{text[:40]}” is not a population. Campaigns to all populations are shown."
    return (asked.key if asked else ""), ""


def _common(request: HttpRequest, first: date, last: date) -> dict[str, Any]:
    population, problem = _population_asked(request)
    rows = [
        booking
        for booking in bookings(first=first, last=last)
        if booking.takes_days and (not population or population in booking.window.populations)
    ]
    return {
        "rows": sorted(rows, key=lambda booking: (booking.starts_on, booking.reference)),
        "population": population,
        "filter_problems": [problem] if problem else [],
        "populations": institution().populations,
        "opened": _that_may_be_opened(request, rows),
        "may_subscribe": feeds.may_subscribe(person(request)),
    }


def _that_may_be_opened(request: HttpRequest, rows: list[Booking]) -> set[str]:
    """Return the references of the bookings whose request this person may open; others show only unit and days."""
    ids = [booking.request_id for booking in rows]
    visible = ServiceRequest.objects.visible_to(person(request)).filter(pk__in=ids)
    seen = set(visible.values_list("pk", flat=True))
    return {booking.reference for booking in rows if booking.request_id in seen}


@login_required
@require_safe
def month(request: HttpRequest) -> HttpResponse:
    """Show one month, for all populations or for one."""
    first, problem = _month_asked(request)
    begins, ends = shown_days(first)
    context = _common(request, begins, ends)
    if problem:
        context["filter_problems"] = [problem, *context["filter_problems"]]
    shown = month_of(
        first,
        context["rows"],
        institution(),
        business_calendar(),
        today=timezone.localdate(),
        population=context["population"],
    )
    return render(request, "sending_calendar/month.html", context | {"month": shown})


@login_required
@require_safe
def agenda(request: HttpRequest) -> HttpResponse:
    """Show the coming bookings in order, the blackouts, and the use of the survey budgets."""
    today = timezone.localdate()
    last = add_months(today, AGENDA_MONTHS)
    context = _common(request, today, last)
    place = institution()
    keys = frozenset({context["population"]} if context["population"] else {p.key for p in place.populations})
    everything = bookings(first=add_months(today, -24))
    context |= {
        "items": [
            {"booking": booking, "words": window_label(booking.window), "people": booking.people}
            for booking in context["rows"]
        ],
        "blackouts": [
            (entry.starts, entry.ends, entry, population_labels(frozenset(entry.populations)))
            for entry in place.blackouts
            if entry.ends >= today and entry.starts <= last
        ],
        "budgets": budgets(Window(today, today, keys, is_survey=True), everything, place),
    }
    return render(request, "sending_calendar/agenda.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def address(request: HttpRequest) -> HttpResponse:
    """Create the personal address of the feed, which is shown once, or delete it."""
    actor = person(request)
    if not feeds.may_subscribe(actor):
        raise NotAllowed(f"The calendar address is for the {institution().cio_office}.")
    made = ""
    if request.method == "POST":
        if request.POST.get("what") == "end":
            feeds.take_address_back(actor=actor)
        else:
            path = reverse("calendar_feed", args=[feeds.give_address(actor=actor)])
            made = f"{settings.PUBLIC_URL}{path}"
    present = CalendarToken.objects.filter(person=actor).first()
    return render(request, "sending_calendar/address.html", {"made": made, "present": present})


@require_safe
@never_cache
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Return the calendar as iCalendar to whoever has a valid token; 404 for any other."""
    if feeds.owner_of(token) is None:
        raise Http404("There is no such calendar.")
    rows = bookings(first=add_months(timezone.localdate(), -12))
    body = feeds.as_icalendar(rows, now=timezone.now(), base_url=settings.PUBLIC_URL)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="campaigns.ics"'
    response["Referrer-Policy"] = "no-referrer"
    return response
