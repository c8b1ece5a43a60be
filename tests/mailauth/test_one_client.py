"""Whatever asks the DNS goes through one client, as the settings configure it."""

import ast
from pathlib import Path
from typing import Any

from django.conf import settings

from portal.mailauth.configured import configured_resolver
from portal.mailauth.servers import Server

ASKING = ("dns.resolver", "dns.asyncresolver", "dns.query", "dns.asyncquery", "checkdmarc", "aiodns")
"""Modules that send questions; `dns.zone` and the like only read text."""


def asks(path: Path) -> bool:
    """Whether a module imports one of these, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return any(f"{name}.".startswith(f"{asking}.") for name in names for asking in ASKING)


def test_no_other_module_speaks_to_name_servers() -> None:
    root = Path(settings.BASE_DIR)
    apps = ["portal", *(found.parent.name for found in root.glob("*/apps.py"))]
    others = [
        path
        for app in apps
        for path in (root / app).rglob("*.py")
        if not path.is_relative_to(root / "portal" / "mailauth")
    ]
    assert len(others) > 300
    assert asks(root / "portal" / "mailauth" / "servers.py")
    assert [str(path) for path in others if asks(path)] == []


def test_the_client_asks_whom_the_settings_name(settings: Any) -> None:
    settings.DNS_RESOLVER, settings.DNS_DEADLINE_SECONDS = "127.0.0.1:5353", 1.5
    asked = configured_resolver()
    assert (asked.servers, asked.deadline_seconds) == ((Server("127.0.0.1", 5353),), 1.5)
    settings.DNS_RESOLVER = ""
    assert configured_resolver().servers == ()
