"""The SPF report of a domain, and what a change to its record would cost (RFC 7208)."""

from dataclasses import dataclass

from portal.lib.outcome import Outcome
from portal.mailauth.answers import Lookups
from portal.mailauth.notes import Note, fail, info, outcome_of, unknown, warn
from portal.mailauth.spf_walk import Node, walk_spf, walk_unpublished

MOST_LOOKUPS = 10
MOST_VOID_LOOKUPS = 2
"""RFC 7208 section 4.6.4."""
COMFORTABLE_BYTES, MOST_BYTES = 450, 512
"""Size of a record that fits a DNS answer over UDP (RFC 7208 section 3.4)."""


@dataclass(frozen=True)
class SpfReport:
    """What SPF says for mail with `domain` in its envelope."""

    domain: str
    outcome: Outcome
    record: str | None
    lookups: int | None
    void_lookups: int | None
    all: str | None
    """pass, neutral, softfail or fail: the result for mail that nothing else matches."""
    notes: tuple[Note, ...]
    tree: Node

    @property
    def has_permanent_error(self) -> bool:
        """Whether receivers get permerror: the record is there and cannot be used."""
        return self.record is not None and any(note.outcome is Outcome.FAIL for note in _errors(self.tree))


async def check_spf(domain: str, lookups: Lookups) -> SpfReport:
    """The SPF report of `domain`; questions of one level of includes are asked at the same time."""
    return report_on(await walk_spf(domain, lookups))


async def check_unpublished_spf(record: str, domain: str, lookups: Lookups) -> SpfReport:
    """The report that `domain` would get if it published `record`."""
    return report_on(await walk_unpublished(record, domain, lookups))


def report_on(tree: Node) -> SpfReport:
    """The report on a walked tree."""
    notes = [*_errors(tree), *_unknowns(tree), *_remarks(tree)]
    counted = tree.terms is not None
    return SpfReport(
        domain=tree.domain,
        outcome=outcome_of(notes),
        record=tree.record,
        lookups=tree.lookups if counted else None,
        void_lookups=tree.void_lookups if counted else None,
        all=tree.all_result,
        notes=tuple(dict.fromkeys(notes)),
        tree=tree,
    )


def _errors(tree: Node) -> list[Note]:
    """What makes every receiver return permerror (RFC 7208 section 2.6.7), or shows that there is no SPF."""
    if tree.answer is not None and not tree.answer.is_unknown and not tree.records:
        return [fail(f"There is no SPF record at {tree.domain}.")]
    problems = [tree.error]
    for branch in tree.below():
        problems.append(branch.error)
        if branch.node is not None:
            problems.append(branch.node.error)
    notes = [fail(f"Permanent error: {problem}") for problem in problems if problem]
    if tree.lookups > MOST_LOOKUPS:
        more = "" if all(branch.followed for branch in tree.below()) else "at least "
        notes.append(
            fail(
                f"Permanent error: the record needs {more}{tree.lookups} DNS lookups, and receivers stop "
                f"at {MOST_LOOKUPS} (RFC 7208 section 4.6.4)."
            )
        )
    if tree.void_lookups > MOST_VOID_LOOKUPS:
        notes.append(
            fail(
                f"Permanent error: {tree.void_lookups} lookups find nothing, and receivers allow "
                f"{MOST_VOID_LOOKUPS} (RFC 7208 section 4.6.4)."
            )
        )
    return notes


def _unknowns(tree: Node) -> list[Note]:
    """What may be a temporary error (RFC 7208 section 2.6.6): nothing was established."""
    if tree.answer is not None and tree.answer.is_unknown:
        return [unknown(f"The record of {tree.domain} could not be read: {tree.answer.why}.")]
    return [
        unknown(f"{branch.term.text} could not be followed: {branch.unknown}.")
        for branch in tree.below()
        if branch.unknown
    ]


def _remarks(tree: Node) -> list[Note]:
    notes = [warn(remark) for remark in tree.remarks]
    if tree.record is None:
        return notes
    if tree.terms is not None and tree.error == "":
        notes += _remarks_on_all(tree.all_result)
    if any(branch.term.name == "ptr" for branch in tree.below()):
        notes.append(
            warn("It uses ptr, which should not be used and many receivers skip (RFC 7208 section 5.5).")
        )
    if any(branch.term.name == "include" and branch.term.has_macro for branch in tree.below()):
        notes.append(
            info("An include with a macro is counted once; what is behind it depends on the message.")
        )
    if 0 < tree.void_lookups <= MOST_VOID_LOOKUPS:
        notes.append(
            warn(f"{tree.void_lookups} lookup(s) find nothing; receivers allow {MOST_VOID_LOOKUPS}.")
        )
    size = len(tree.record.encode("utf-8", "surrogateescape"))
    if size > MOST_BYTES:
        notes.append(
            warn(f"The record is {size} bytes, more than a DNS answer over UDP can carry ({MOST_BYTES}).")
        )
    elif size > COMFORTABLE_BYTES:
        notes.append(info(f"The record is {size} bytes, close to what a DNS answer over UDP can carry."))
    return notes


def _remarks_on_all(result: str | None) -> list[Note]:
    if result == "pass":
        return [fail("It ends in +all: any server in the world passes.")]
    if result == "neutral":
        return [warn("It ends without a decision (?all, or no all): mail from anywhere is neutral.")]
    return []
