"""Typed readers of environment variables that fail loudly (twelve-factor configuration).

Every reader takes the variable's name and an optional default; without a default an unset variable is
an error, and so is a value of the wrong form. `ConfigurationError` says which variable, what was wrong
and what would be right; its message never repeats the value, since a value may be a secret.
"""

import base64
import binascii
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})
_MILTER: Final = re.compile(r"inet:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}|unix:/?[A-Za-z0-9._/-]+")
_ROOT: Final = Path(__file__).resolve().parent.parent


class ConfigurationError(ImproperlyConfigured):
    """An environment variable is missing or has the wrong form."""


def load_dotenv(path: Path = _ROOT / ".env") -> None:
    """Set what `path` (lines of NAME=value) names and the environment does not yet; no file is no error."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


def text(name: str, default: str | None = None) -> str:
    """The variable as text."""
    value = os.environ.get(name, default)
    if value is None:
        raise ConfigurationError(f"{name} is not set. Set it in the environment (README, Configuration).")
    return value


def secret(name: str, *, at_least: int = 50) -> str:
    """The variable as a secret of at least `at_least` characters; there is never a default."""
    value = text(name)
    if len(value) < at_least:
        raise ConfigurationError(f"{name} is too short: it must have at least {at_least} characters.")
    return value


def key(name: str, *, length: int) -> bytes | None:
    """The variable as a key of exactly `length` bytes, written in base64; None where it is empty or not set."""
    value = text(name, "").strip()
    if not value:
        return None
    try:
        parsed = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        parsed = b""
    if len(parsed) != length:
        raise ConfigurationError(f"{name} must be {length} bytes in base64.")
    return parsed


def flag(name: str, default: bool | None = None) -> bool:
    """The variable as true (1, true, yes, on) or false (0, false, no, off)."""
    value = text(name, None if default is None else str(default)).strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ConfigurationError(f"{name} must be true or false.")


def number(name: str, default: int | None = None, *, at_least: int = 0) -> int:
    """The variable as a whole number, `at_least` or more."""
    value = text(name, None if default is None else str(default))
    try:
        parsed = int(value)
    except ValueError:
        raise ConfigurationError(f"{name} must be a whole number.") from None
    if parsed < at_least:
        raise ConfigurationError(f"{name} must be {at_least} or more.")
    return parsed


def words(name: str, default: str = "") -> list[str]:
    """The variable as a list, separated by commas; empty parts are dropped."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def networks(name: str, default: str = "") -> tuple[IPv4Network | IPv6Network, ...]:
    """The variable as IP networks in CIDR form, separated by commas."""
    try:
        return tuple(ip_network(part) for part in words(name, default))
    except ValueError:
        raise ConfigurationError(f"{name} must be networks in CIDR form, such as 10.20.0.0/16.") from None


def folder(name: str, default: Path) -> Path:
    """The variable as the path of a folder, relative to the checkout; it need not exist yet."""
    return _ROOT / text(name, str(default))


def host_port(name: str, default: str = "") -> tuple[str, int] | None:
    """The variable as HOST:PORT (IPv6 in brackets), or None where it is empty."""
    value = text(name, default).strip()
    if not value:
        return None
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{name} must have the form HOST:PORT, such as 127.0.0.1:53.")
    return host.strip("[]"), int(port)


def milter(name: str) -> str:
    """The variable as a milter's place the way Postfix writes it, inet:HOST:PORT or unix:PATH; "" where not set."""
    value = text(name, "").strip()
    if value and not _MILTER.fullmatch(value):
        raise ConfigurationError(
            f"{name} must have the form inet:127.0.0.1:10032 or unix:/run/techmail/milter."
        )
    return value
