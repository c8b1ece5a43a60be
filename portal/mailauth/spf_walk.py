"""Walking an SPF record through its includes, all of a level at once, and counting as RFC 7208 4.6.4 does.

The walk is ours, since checkdmarc's goes one question after the other, stops counting at eleven, and cannot
tell a time-out from a missing record (docs/decisions/0003-mailauth-spf-walk.md).
"""

import asyncio
from dataclasses import dataclass, field

from portal.mailauth.answers import Answer, Lookups
from portal.mailauth.published_syntax import judge_spf
from portal.mailauth.spf_terms import Term, Terms, is_spf_record, split_terms

MOST_FOLLOWED = 40
"""Terms followed into the DNS; ten is the most that receivers follow, so the rest is only counted."""
MOST_MX = 10
"""MX records behind one `mx` term (RFC 7208 section 4.6.4)."""


@dataclass
class Branch:
    """One term that costs a lookup, and its result."""

    term: Term
    target: str
    void: bool = False
    unknown: str = ""
    error: str = ""
    followed: bool = True
    node: "Node | None" = None
    """The record behind an include or a redirect."""


@dataclass
class Node:
    """One SPF record in the tree, or what stands where one should be."""

    domain: str
    answer: Answer | None
    """None for a record that is not published yet."""
    records: tuple[str, ...]
    error: str = ""
    remarks: tuple[str, ...] = ()
    terms: Terms | None = None
    branches: list[Branch] = field(default_factory=list)

    @property
    def record(self) -> str | None:
        """The one record, where there is exactly one."""
        return self.records[0] if len(self.records) == 1 else None

    @property
    def lookups(self) -> int:
        """DNS-querying terms here and below."""
        return sum(1 + (branch.node.lookups if branch.node else 0) for branch in self.branches)

    @property
    def void_lookups(self) -> int:
        """Lookups that found nothing, here and below."""
        return sum(branch.void + (branch.node.void_lookups if branch.node else 0) for branch in self.branches)

    @property
    def all_result(self) -> str | None:
        """What happens to mail that nothing matches: from `all`, or from the record redirected to."""
        if self.terms is None:
            return None
        if self.terms.all_result is not None:
            return self.terms.all_result
        for branch in self.branches:
            if branch.term.name == "redirect":
                return branch.node.all_result if branch.node else None
        return "neutral"  # RFC 7208 section 4.7

    def below(self) -> "list[Branch]":
        """Every branch of the tree, this record's first."""
        return self.branches + [
            deeper for branch in self.branches if branch.node for deeper in branch.node.below()
        ]


class _Walk:
    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._room = MOST_FOLLOWED

    async def fetch(self, domain: str, path: tuple[str, ...]) -> Node:
        answer = await self._lookups.ask(domain, "TXT")
        node = Node(domain, answer, tuple(text for text in answer.records if is_spf_record(text)))
        await self.grow(node, (*path, domain))
        return node

    async def grow(self, node: Node, path: tuple[str, ...]) -> None:
        if len(node.records) > 1:
            node.error = (
                f"{node.domain} has {len(node.records)} SPF records; there must be one (RFC 7208 section 4.5)"
            )
        if node.record is None:
            return
        verdict = judge_spf(node.record, node.domain)
        node.error, node.remarks = verdict.fault or "", verdict.remarks
        node.terms = split_terms(node.record)
        if node.terms.redirects > 1:
            node.error = f"{node.domain} has more than one redirect (RFC 7208 section 6)"
        node.branches = [Branch(term, term.target(node.domain)) for term in node.terms.querying]
        for branch in node.branches:
            branch.followed = self._room > 0
            self._room -= branch.followed
        await asyncio.gather(*(self._follow(branch, path) for branch in node.branches if branch.followed))

    async def _follow(self, branch: Branch, path: tuple[str, ...]) -> None:
        if branch.term.has_macro or branch.term.name == "ptr":
            return  # what they ask depends on the message
        if branch.term.name in ("include", "redirect"):
            await self._follow_record(branch, path)
        elif branch.term.name == "mx":
            answer = await self._lookups.ask(branch.target, "MX")
            branch.void, branch.unknown = answer.is_void, answer.why if answer.is_unknown else ""
            if len(answer.records) > MOST_MX:
                branch.error = f"{branch.target} has more than {MOST_MX} MX records"
        else:
            await self._follow_addresses(branch)

    async def _follow_addresses(self, branch: Branch) -> None:
        kinds = ("A",) if branch.term.name == "exists" else ("A", "AAAA")
        answers = await self._lookups.ask_all([(branch.target, kind) for kind in kinds])
        branch.void = all(answer.is_void for answer in answers)
        if not any(answer.records for answer in answers):
            branch.unknown = next((answer.why for answer in answers if answer.is_unknown), "")

    async def _follow_record(self, branch: Branch, path: tuple[str, ...]) -> None:
        if branch.target in path:
            branch.error = (
                f"{' includes '.join((*path[path.index(branch.target) :], branch.target))}: a circle"
            )
            return
        node = branch.node = await self.fetch(branch.target, path)
        if node.answer is not None and node.answer.is_unknown:
            branch.unknown = node.answer.why
        elif not node.records:
            branch.void = node.answer is not None and node.answer.is_void
            # RFC 7208 sections 5.2 and 6.1: a missing record behind an include or a redirect is an error.
            branch.error = f"{branch.target} has no SPF record, and {branch.term.name} needs one"


async def walk_spf(domain: str, lookups: Lookups) -> Node:
    """The SPF record of `domain` and everything behind it; never raises for what zones hold."""
    return await _Walk(lookups).fetch(domain, ())


async def walk_unpublished(record: str, domain: str, lookups: Lookups) -> Node:
    """The tree of a record that `domain` does not publish yet, as if it did."""
    node = Node(domain, None, (record,))
    await _Walk(lookups).grow(node, (domain,))
    return node
