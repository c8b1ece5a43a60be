"""The standards and the glossary, open to everybody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.standards.clauses import current_edition, sections
from portal.standards.glossary import GLOSSARY


@require_safe
def standards(request: HttpRequest) -> HttpResponse:
    """Every clause, by section, each at its anchor."""
    context = {"sections": sections(), "edition": current_edition()}
    return render(request, "standards/standards.html", context)


@require_safe
def glossary(request: HttpRequest) -> HttpResponse:
    """Every term, each at its anchor."""
    return render(request, "standards/glossary.html", {"terms": GLOSSARY})
