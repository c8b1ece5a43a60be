"""The interface and the registry of exports. Each kind registers its own."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from portal.lib.registration import ExtensionPoint
from portal.ui.links import url_or_none


class Entry(NamedTuple):
    """One thing that a grant allows, and its last day. The manifest lists them all."""

    grant: str
    value: str
    ends_on: date


@dataclass(frozen=True)
class Export:
    """The files of one target by their path below the published folder, and the entries they hold."""

    files: Mapping[str, str]
    entries: tuple[Entry, ...]
    terms: Mapping[str, str] = field(default_factory=dict)
    """By reference: what the files allow beyond the entries, such as recipients. A change of it needs an
    explanation, like a change of the entries.
    """


@dataclass(frozen=True)
class Held:
    """Held permissions, which a release does not read from the database: as the last release had them, or not
    at all.
    """

    kept: Mapping[str, Any] = field(default_factory=dict)
    """By reference: what `Target.facts` gave when the permission was last released."""
    left_out: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.kept or self.left_out)

    def __contains__(self, reference: str) -> bool:
        return reference in self.kept or reference in self.left_out


NOTHING_HELD = Held()


class LintError(ValueError):
    """A rendered file is malformed. Postfix would skip such a line with a warning, so it must not be released."""

    def __init__(self, message: str, *, grant: str = "") -> None:
        super().__init__(message)
        self.grant = grant
        """The reference of the permission that cannot be written, if known: then only that one is held."""


class Target(Protocol):
    """One mail system's format."""

    key: str
    """In paths and pages: "postfix"."""
    label: str
    kind: str
    """The kind whose permissions it holds."""

    def render(self, *, day: date, install_path: str, held: Held = NOTHING_HELD) -> Export:
        """The files for the grants in force on `day`, deterministic and escaped. `install_path` is where the
        mail host will hold them. Permissions in `held` are taken from there only."""

    def facts(self, *, day: date, references: Collection[str]) -> Iterator[tuple[str, Any]]:
        """For those of `references` in force on `day`: the reference, and all that `render` needs of it again when
        its rows are gone, as values that JSON holds (see `as_json`)."""

    def lint(self, folder: Path) -> None:
        """Raise LintError for malformed files in `folder` (the target's own)."""


EXPORT_TARGETS: ExtensionPoint[Target] = ExtensionPoint(lambda target: target.key)
"""All targets; a target's key is its folder."""


def page_of(target: Target) -> str:
    """The address of the target's own page for people, named by its attribute `page`; "" where it has none."""
    name = getattr(target, "page", "")
    return (url_or_none(name) or "") if name else ""


def as_json(facts: Any) -> str:
    """Facts as one line of JSON; days and moments in ISO 8601."""
    return json.dumps(facts, separators=(",", ":"), default=_iso)


def _iso(value: Any) -> str:
    text: str = value.isoformat()
    return text
