"""What the DNS holds at the name of one planned record now, and whether what it points at still exists.

Everything is asked within one session, whose deadline bounds it; nothing here touches the database. No answer is
no state: a time-out, SERVFAIL and a refusal leave what was seen before as it was.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from portal.lib.text import sentence_list, storable
from portal.mailauth.answers import Answer, AnswerKind, Lookups
from portal.mailauth.discovery import is_dmarc_record
from portal.mailauth.dkim_key import parse_key
from portal.mailauth.organizational import by_public_suffix
from portal.mailauth.spf import MOST_LOOKUPS, SpfReport, check_unpublished_spf
from portal.mailauth.spf_terms import is_spf_record, split_terms
from portal.mailauth.spf_walk import Branch
from senders.key_checks import key_material
from senders.merging import has_term, is_same_dmarc, merged_dmarc, merged_spf
from senders.models import Alarm, Purpose, RecordState

WILDCARD_LABEL = "techmail-wildcard-check"
"""A name that nobody publishes: what answers there comes from a wildcard (RFC 4592)."""
OTHER_TYPES = ("TXT", "A", "AAAA", "MX", "NS")
"""What is looked for beside an alias that is to be added (RFC 1034 section 3.6.2)."""
MOST_FOUND = 5
LONGEST_FOUND = 500


@dataclass(frozen=True)
class Question:
    """One planned record, as the DNS is asked about it."""

    pk: int
    purpose: str
    name: str
    rdtype: str
    value: str
    """The target of an alias, the text of a TXT record, or the SPF term."""
    beside: tuple[str, ...] = ()
    """The SPF terms that other authorizations want in the same record."""


@dataclass(frozen=True)
class Target:
    """Whether what a record points at still exists; `alarm` is None where the DNS did not say."""

    alarm: str | None = ""
    note: str = ""


@dataclass(frozen=True)
class Observed:
    """What the DNS said about one planned record; `state` is None where it did not."""

    pk: int
    state: RecordState | None
    is_there: bool | None = None
    """Whether the planned record itself is published, alone or beside others."""
    found: tuple[str, ...] = ()
    note: str = ""
    publish: str = ""
    """The text to publish in place of what was found."""
    lookups: int | None = None
    """DNS lookups that `publish` costs receivers (RFC 7208 section 4.6.4)."""
    target: Target = Target()


def unanswered(pk: int) -> Observed:
    """An observation that establishes nothing."""
    return Observed(pk, None, target=Target(None))


async def observe_all(questions: Sequence[Question], lookups: Lookups) -> list[Observed]:
    """What the DNS says to each question, asked at the same time."""
    return list(await asyncio.gather(*(observe(question, lookups) for question in questions)))


async def observe(question: Question, lookups: Lookups) -> Observed:
    """What stands at the record's name, and whether its target resolves."""
    ask = _ASK[Purpose(question.purpose), question.rdtype]
    seen, target = await asyncio.gather(ask(question, lookups), _ask_target(question, lookups))
    return replace(
        seen,
        target=target,
        found=tuple(storable(text)[:LONGEST_FOUND] for text in seen.found[:MOST_FOUND]),
        note=storable(seen.note),
        publish=storable(seen.publish),
    )


# ---------------------------------------------------------------- a key behind an alias
async def _ask_alias(question: Question, lookups: Lookups) -> Observed:
    pk, name = question.pk, question.name
    here = await lookups.ask(name, "CNAME")
    if here.is_unknown:
        return unanswered(pk)
    if here.records:
        target = _target_of(here)
        if target == question.value.lower():
            return Observed(pk, RecordState.PRESENT, True, (target,))
        if await _is_from_wildcard(here, lookups):
            return _absent_behind_wildcard(question)
        note = f"{name} is an alias of {target}, and approved is {question.value}."
        return Observed(pk, RecordState.DIFFERS, False, (target,), note)
    if here.kind is AnswerKind.NXDOMAIN:
        return Observed(pk, RecordState.ABSENT, False)
    return await _ask_beside(question, lookups)


async def _ask_beside(question: Question, lookups: Lookups) -> Observed:
    """Whether the name, which is there and no alias, has records beside which no alias may stand."""
    answers = await lookups.ask_all([(question.name, rdtype) for rdtype in OTHER_TYPES])
    if any(answer.is_unknown for answer in answers):
        return unanswered(question.pk)
    held = [answer for answer in answers if answer.records]
    if not held:
        return Observed(question.pk, RecordState.ABSENT, False)
    if await _is_from_wildcard(held[0], lookups):
        return _absent_behind_wildcard(question)
    found = tuple(f"{answer.rdtype} {record}" for answer in held for record in answer.records)
    texts = held[0].records if held[0].rdtype == "TXT" else ()
    revoked = " It is a revoked key (p= is empty)." if any(parse_key(text).revoked for text in texts) else ""
    types = sentence_list([answer.rdtype for answer in held])
    note = (
        f"{question.name} has {types} records, and an alias may not stand beside other records (RFC 1034 section "
        f"3.6.2).{revoked} Remove them first."
    )
    return Observed(question.pk, RecordState.CONFLICT, False, found, note)


# ---------------------------------------------------------------- TXT records
async def _ask_key(question: Question, lookups: Lookups) -> Observed:
    wanted = key_material(question.value)
    answer, seen = await _ask_text(question, lookups)
    pk, name, texts = question.pk, question.name, answer.records
    is_there = any(key_material(text) == wanted for text in texts)
    if is_there and len(texts) == 1:
        return Observed(pk, RecordState.PRESENT, True, texts)
    if seen is not None:
        return seen
    if not texts:
        return Observed(pk, RecordState.ABSENT, False)
    if not is_there and await _is_from_wildcard(answer, lookups):
        return _absent_behind_wildcard(question)
    if len(texts) > 1:
        note = (
            f"{name} has {len(texts)} TXT records; receivers may take any of them (RFC 6376 section 3.6.2.2). Keep the "
            "approved key alone."
        )
        return Observed(pk, RecordState.CONFLICT, is_there, texts, note)
    what = "a revoked key (p= is empty)" if parse_key(texts[0]).revoked else "another key"
    note = f"{name} holds {what}. Replace it by the approved one; two keys at one name cancel each other."
    return Observed(pk, RecordState.DIFFERS, False, texts, note)


async def _ask_dmarc(question: Question, lookups: Lookups) -> Observed:
    answer, seen = await _ask_text(question, lookups)
    records = tuple(text for text in answer.records if is_dmarc_record(text))
    is_there = any(is_same_dmarc(record, question.value) for record in records)
    if is_there and len(records) == 1:
        return Observed(question.pk, RecordState.PRESENT, True, records)
    if seen is not None:
        return seen
    pk, name = question.pk, question.name
    if not records:
        return Observed(pk, RecordState.ABSENT, False)
    if await _is_from_wildcard(answer, lookups):
        return _absent_behind_wildcard(question)
    has = "a DMARC record already" if len(records) == 1 else f"{len(records)} DMARC records"
    note = (
        f"{name} has {has}. There must be exactly one; with two, receivers apply none (RFC 9989 section 4.7)."
    )
    merged = merged_dmarc(records, question.value)
    return Observed(pk, RecordState.CONFLICT, is_there, records, note, merged)


async def _ask_spf(question: Question, lookups: Lookups) -> Observed:
    answer, seen = await _ask_text(question, lookups)
    records = tuple(text for text in answer.records if is_spf_record(text))
    is_there = any(has_term(record, question.value) for record in records)
    if is_there and len(records) == 1:
        return Observed(question.pk, RecordState.PRESENT, True, records)
    if seen is not None:
        return seen
    if records and await _is_from_wildcard(answer, lookups):
        return replace(await _planned_spf(question, (), lookups), note=_wildcard_note(question))
    return replace(await _planned_spf(question, records, lookups), is_there=is_there)


async def _planned_spf(question: Question, records: Sequence[str], lookups: Lookups) -> Observed:
    """The one record to publish, with what it costs receivers (RFC 7208 sections 3.2 and 4.6.4)."""
    domain = question.name
    merged = merged_spf(records, [question.value, *question.beside])
    report = await check_unpublished_spf(merged, domain, lookups)
    notes = []
    if records:
        has = "an SPF record already" if len(records) == 1 else f"{len(records)} SPF records"
        notes.append(
            f"{domain} has {has}. There must be exactly one; with two, all its mail fails SPF (RFC 7208 section 3.2)."
        )
    is_too_many = report.lookups is not None and report.lookups > MOST_LOOKUPS
    if is_too_many:
        notes.append(
            f"The record would need {report.lookups} DNS lookups, and receivers stop at {MOST_LOOKUPS} (RFC 7208 "
            "section 4.6.4). Take something out of it first."
        )
    state = RecordState.CONFLICT if records or is_too_many else RecordState.ABSENT
    return Observed(question.pk, state, False, tuple(records), " ".join(notes), merged, report.lookups)


async def _ask_text(question: Question, lookups: Lookups) -> tuple[Answer, Observed | None]:
    """The TXT records at the name, and the observation where an alias or no answer settles it."""
    alias, answer = await lookups.ask_all([(question.name, "CNAME"), (question.name, "TXT")])
    if alias.is_unknown:
        return answer, unanswered(question.pk)
    if alias.records and not await _is_from_wildcard(alias, lookups):
        target = _target_of(alias)
        note = (
            f"{question.name} is an alias of {target}, and nothing may stand beside an alias (RFC 1034 section 3.6.2). "
            "Change the record there, or replace the alias."
        )
        return answer, Observed(question.pk, RecordState.CONFLICT, False, (f"CNAME {target}",), note)
    return answer, unanswered(question.pk) if answer.is_unknown else None


# ---------------------------------------------------------------- wildcards
async def _is_from_wildcard(answer: Answer, lookups: Lookups) -> bool:
    """Whether the records come from a wildcard (RFC 4592): a sibling that nobody publishes has the same ones."""
    _, _, parent = answer.name.partition(".")
    sibling = await lookups.ask(f"{WILDCARD_LABEL}.{parent}", answer.rdtype)
    return bool(answer.records) and sibling.records == answer.records


def _absent_behind_wildcard(question: Question) -> Observed:
    return Observed(question.pk, RecordState.ABSENT, False, note=_wildcard_note(question))


def _wildcard_note(question: Question) -> str:
    return f"A wildcard answers for {question.name} today; the record takes its place there (RFC 4592)."


def _target_of(answer: Answer) -> str:
    return answer.records[0].rstrip(".").lower()


# ---------------------------------------------------------------- targets
async def _ask_target(question: Question, lookups: Lookups) -> Target:
    if question.rdtype == "CNAME":
        return await _ask_name(question.value, lookups)
    if question.purpose == Purpose.SPF:
        return await _ask_spf_target(question, lookups)
    return Target()


async def _ask_spf_target(question: Question, lookups: Lookups) -> Target:
    """Whether the names of the term, and of every include behind it, still exist."""
    if not split_terms(f"v=spf1 {question.value}").querying:
        return Target()
    report: SpfReport = await check_unpublished_spf(f"v=spf1 {question.value} -all", question.name, lookups)
    names = [branch.target for branch in report.tree.below() if _names_a_domain(branch)]
    judged = [await _ask_name(name, lookups) for name in dict.fromkeys(names)]
    for alarm in (Alarm.REGISTRABLE, Alarm.GONE):
        for target in judged:
            if target.alarm == alarm:
                return target
    return Target(None) if any(target.alarm is None for target in judged) else Target()


def _names_a_domain(branch: Branch) -> bool:
    return branch.followed and not branch.term.has_macro and branch.term.name != "ptr"


async def _ask_name(name: str, lookups: Lookups) -> Target:
    """Whether a name still exists; where it does not, whether anybody could register its domain."""
    answer = await lookups.ask(name, "TXT")
    if answer.is_unknown:
        return Target(None)
    if answer.kind is not AnswerKind.NXDOMAIN:
        return Target()
    missing = answer.chain[-1] if answer.chain else name
    way = "" if missing == name else f", to which {name} leads,"
    owner = by_public_suffix(missing)
    answers = await lookups.ask_all([(owner, "NS"), (owner, "SOA")])
    if all(one.kind is AnswerKind.NXDOMAIN for one in answers):
        return Target(
            Alarm.REGISTRABLE,
            f"{missing}{way} does not exist any more, and neither does {owner}: whoever registers that domain could "
            "send as us.",
        )
    return Target(Alarm.GONE, f"{missing}{way} does not exist any more (NXDOMAIN).")


_ASK = {
    (Purpose.KEY, "CNAME"): _ask_alias,
    (Purpose.KEY, "TXT"): _ask_key,
    (Purpose.DMARC, "TXT"): _ask_dmarc,
    (Purpose.SPF, "TXT"): _ask_spf,
}
