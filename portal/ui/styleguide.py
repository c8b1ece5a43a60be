"""The styleguide: every part in every state, on one page, in development alone."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.ui import samples


def styleguide(request: HttpRequest) -> HttpResponse:
    """All parts with sample values; `?theme=dark` or `light` shows that scheme."""
    today = timezone.localdate()
    formset = forms.formset_factory(samples.SampleRow, extra=0, max_num=4, can_delete=True)
    context = {
        "outcomes": ("pass", "warn", "fail", "unknown"),
        "states": ("draft", "in_review", "needs_information", "approved", "denied", "withdrawn"),
        "grant_states": ("unproven", "active", "suspended", "revoked", "lapsed", "ended"),
        "tones": ("info", "pass", "warn", "fail", "unknown", "quiet"),
        "colors": ("ink", "muted", "paper", "surface", "line", "accent", "pass", "warn", "fail", "unknown"),
        "blank": samples.SampleForm(prefix="blank"),
        "ask": samples.SampleForm(prefix="ask"),
        "wrong": samples.bound_form(),
        "rows_formset": formset(initial=[{"address": "129.118.10.9"}], prefix="addresses"),
        "findings": samples.evidence(),
        "events": samples.timeline(),
        "stops": samples.route(),
        "grants": samples.grants(today),
        "rows": samples.rows(),
        "queue": samples.queue(),
        "tabs": samples.tabs(),
        "chips": samples.chips(),
        "files": [
            {"name": "asset-tag.pdf", "size": 182_044, "pk": 1, "url": "#file", "uploaded_at": timezone.now()}
        ],
        "now": timezone.now(),
        "today": today,
    }
    return render(request, "styleguide/page.html", context)


def live(request: HttpRequest) -> HttpResponse:
    """What a live check answers."""
    return render(request, "components/live_findings.html", {"findings": samples.evidence()[:2]})
