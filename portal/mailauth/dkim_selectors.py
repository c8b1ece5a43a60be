"""The DKIM keys of a domain by selector: where each is, and whether receivers will use it (RFC 6376 3.6)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from portal.lib.outcome import Outcome
from portal.mailauth.answers import Answer, Lookups
from portal.mailauth.dkim_key import DkimKey, parse_key
from portal.mailauth.notes import Note, fail, info, outcome_of, unknown

MOST_SELECTORS = 20


@dataclass(frozen=True)
class SelectorReport:
    """The key behind one selector; its fields are None where there is no key or it could not be read."""

    domain: str
    selector: str
    outcome: Outcome
    record: str | None
    chain: tuple[str, ...]
    """CNAME targets from the selector's name to the key, where it is delegated."""
    key: DkimKey | None
    notes: tuple[Note, ...]

    @property
    def name(self) -> str:
        """The name in the DNS."""
        return key_name(self.selector, self.domain)


def key_name(selector: str, domain: str) -> str:
    """Where the key of `selector` stands (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


async def check_selectors(
    domain: str, selectors: Sequence[str], lookups: Lookups
) -> tuple[SelectorReport, ...]:
    """One report for each selector, in order; all keys are asked for at the same time."""
    wanted = list(dict.fromkeys(selectors))[:MOST_SELECTORS]
    return tuple(await asyncio.gather(*(check_selector(domain, selector, lookups) for selector in wanted)))


async def check_selector(domain: str, selector: str, lookups: Lookups) -> SelectorReport:
    """The key of one selector."""
    return judge_answer(domain, selector, await lookups.ask(key_name(selector, domain), "TXT"))


def judge_answer(domain: str, selector: str, answer: Answer) -> SelectorReport:
    """The report on what the DNS said about a selector."""
    key, record, notes = None, None, _notes_on_chain(answer)
    if answer.is_unknown:
        notes.append(unknown(f"The key of {selector} could not be read: {answer.why}."))
    elif not answer.records:
        notes.append(fail(f"There is no key at {key_name(selector, domain)}."))
    elif len(answer.records) > 1:
        notes.append(
            fail(
                f"There are {len(answer.records)} records at {key_name(selector, domain)}; receivers may take any "
                "of them. Keep one (RFC 6376 section 3.6.2.2)."
            )
        )
    else:
        record = answer.records[0]
        key = parse_key(record)
        notes += key.notes
    return SelectorReport(domain, selector, outcome_of(notes), record, answer.chain, key, tuple(notes))


def _notes_on_chain(answer: Answer) -> list[Note]:
    return (
        [info(f"The name is an alias: {' → '.join((answer.name, *answer.chain))}.")] if answer.chain else []
    )
