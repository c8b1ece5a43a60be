"""How an app adds to the others without being named there: one registration per app, read when Django starts.

The app that reads entries declares an `ExtensionPoint`; an app that has some lists them in its `registration.py`:

    REGISTRATION = AppRegistration(
        KINDS.contribution(RelayKind()),
        EXPORT_TARGETS.contribution(PostfixRelay(), Firewall()),
    )

Its `apps.py` subclasses `RegisteredApp`, which reads that. Points are typed, so an entry in the wrong place does not pass
mypy, and they lie in the layer that reads them, so that imports keep running one way.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from django.apps import AppConfig

T = TypeVar("T")


class ExtensionPoint(Generic[T]):
    """Where apps add entries of one type; they are read in the order of INSTALLED_APPS."""

    def __init__(
        self,
        *unique: Callable[[T], object],
        problems_of: Callable[[T], Collection[str]] = lambda entry: (),
    ) -> None:
        """Each of `unique` gives a value of an entry that no other entry may have.

        `problems_of` says what is missing of an entry, in sentences; one with problems is not added.
        """
        self._unique = unique
        self._problems_of = problems_of
        self._entries: tuple[T, ...] = ()

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries)

    def contribution(self, *entries: T) -> "Contribution[T]":
        """What an app's registration says: that it adds `entries` here."""
        return Contribution(self, entries)

    def add(self, entry: T) -> None:
        """Add `entry`; adding it again changes nothing. ValueError where another entry has a unique value of it,
        and where something of it is missing.
        """
        if entry in self._entries:
            return
        for value_of in self._unique:
            if value_of(entry) in map(value_of, self._entries):
                raise ValueError(f"{value_of(entry)!r} is registered already.")
        if problems := self._problems_of(entry):
            raise ValueError(f"{entry!r} is not whole. {' '.join(problems)}")
        self._entries = (*self._entries, entry)

    @contextmanager
    def replaced_by(self, *entries: T) -> Iterator[None]:
        """Only `entries` inside; for tests."""
        before, self._entries = self._entries, entries
        try:
            yield
        finally:
            self._entries = before


@dataclass(frozen=True)
class Contribution(Generic[T]):
    """Entries of one app for one point."""

    point: ExtensionPoint[T]
    entries: tuple[T, ...]


class AppRegistration:
    """All that one app adds to others."""

    def __init__(self, *contributions: Contribution[Any]) -> None:
        self.contributions = contributions

    def register(self) -> None:
        """Add every entry to its point. ValueError where one is taken."""
        for contribution in self.contributions:
            for entry in contribution.entries:
                contribution.point.add(entry)


class RegisteredApp(AppConfig):
    """An app with a module `registration` and a REGISTRATION in it."""

    def ready(self) -> None:
        """Read the app's registration."""
        # Only now are models loaded, which registrations lead to.
        registration: AppRegistration = import_module(f"{self.name}.registration").REGISTRATION
        registration.register()
