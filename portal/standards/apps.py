"""The standards app: the clauses that decisions cite, and the glossary."""

from portal.lib import registration


class StandardsConfig(registration.RegisteredApp):
    """Clauses as dated data; no tables."""

    name = "portal.standards"
    verbose_name = "Standards"
