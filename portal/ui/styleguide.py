"""The styleguide: every part in every state, on one page, in development alone."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def styleguide(request: HttpRequest) -> HttpResponse:
    """All parts with sample values; no model is touched."""
    return render(request, "styleguide/page.html")


def live(request: HttpRequest) -> HttpResponse:
    """What a live check answers."""
    return render(request, "components/live_findings.html", {"findings": []})
