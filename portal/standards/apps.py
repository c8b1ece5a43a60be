"""The standards room: the clauses that every decision cites, and the glossary."""

from django.apps import AppConfig


class StandardsConfig(AppConfig):
    """Clauses as dated data; no tables."""

    name = "portal.standards"
    verbose_name = "Standards"
