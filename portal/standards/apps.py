"""The standards room: the clauses that every decision cites, and the glossary."""

from portal.lib import registration


class StandardsConfig(registration.RegisteredApp):
    """Clauses as dated data; no tables."""

    name = "portal.standards"
    verbose_name = "Standards"
