"""The standards in force on a day, and single clauses by their ids, with the institution's names filled in."""

from dataclasses import fields, replace
from datetime import date
from functools import lru_cache

from django.utils import timezone

from portal.institution import Institution, institution
from portal.standards.editions import CHAPTERS, EDITIONS, Chapter, Clause, Edition, Section

_TEXTS = ("title", "meaning", "held")


class UnknownClause(LookupError):
    """No edition has a clause of this id."""


def current_edition(day: date | None = None) -> Edition:
    """The edition in force on `day` (today where None); before the first one, the first."""
    asked = day or timezone.localdate()
    return next((edition for edition in reversed(EDITIONS) if edition.in_force_from <= asked), EDITIONS[0])


def sections(day: date | None = None) -> tuple[Section, ...]:
    """The edition in force on `day` (today where None), with the institution's names."""
    return _sections(current_edition(day), tuple(CHAPTERS), _names(institution()))


def clauses(day: date | None = None) -> tuple[Clause, ...]:
    """Every clause of the edition in force on `day` (today where None), in its order."""
    return tuple(entry for section in sections(day) for entry in section.clauses)


def clause(clause_id: str) -> Clause:
    """The clause with this id: of the edition in force, else of the newest that had it, since a decision keeps
    the ids it cited. Raises UnknownClause.
    """
    for edition in (current_edition(), *reversed(EDITIONS)):
        for section in _sections(edition, tuple(CHAPTERS), _names(institution())):
            for entry in section.clauses:
                if entry.id == clause_id:
                    return entry
    raise UnknownClause(clause_id)


def _names(of: Institution) -> tuple[tuple[str, str], ...]:
    values = ((field.name, getattr(of, field.name)) for field in fields(of))
    return tuple((name, value) for name, value in values if isinstance(value, str))


@lru_cache(maxsize=8)
def _sections(
    edition: Edition, chapters: tuple[Chapter, ...], names: tuple[tuple[str, str], ...]
) -> tuple[Section, ...]:
    known = dict(names)
    return tuple(
        Section(
            section.key,
            section.title.format_map(known),
            tuple(_named(entry, known) for entry in section.clauses),
        )
        for section in (*edition.sections, *_of_kinds(edition, chapters))
        if section.clauses
    )


def _of_kinds(edition: Edition, chapters: tuple[Chapter, ...]) -> list[Section]:
    """The sections of the kinds in `edition`: of each the newest chapter that is no newer than the edition."""
    known = [entry.id for entry in EDITIONS]
    newest: dict[str, Chapter] = {}
    for chapter in sorted(chapters, key=lambda chapter: known.index(chapter.since)):
        if known.index(chapter.since) <= known.index(edition.id):
            newest[chapter.section.key] = chapter
    return [chapter.section for chapter in sorted(newest.values(), key=lambda chapter: chapter.place)]


def _named(entry: Clause, names: dict[str, str]) -> Clause:
    return replace(entry, **{text: getattr(entry, text).format_map(names) for text in _TEXTS})
