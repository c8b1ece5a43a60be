"""Everything the DNS says about mail from a domain, in one report (DMARC, SPF, DKIM selectors, MX)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from portal.lib.outcome import Outcome, worst
from portal.mailauth.answers import Lookups
from portal.mailauth.dkim_selectors import SelectorReport, check_selectors
from portal.mailauth.dmarc import DmarcReport, check_dmarc
from portal.mailauth.mx import MxReport, check_mx
from portal.mailauth.names import DomainName
from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.resolver import Resolver, run_to_end
from portal.mailauth.spf import SpfReport, check_spf

DOMAINS_AT_ONCE = 20


@dataclass(frozen=True)
class DomainReport:
    """The parts of the report on one domain."""

    domain: str
    dmarc: DmarcReport
    spf: SpfReport
    dkim: tuple[SelectorReport, ...]
    mx: MxReport

    @property
    def outcome(self) -> Outcome:
        """The worst of the parts."""
        parts = (self.dmarc.outcome, self.spf.outcome, self.mx.outcome, *(one.outcome for one in self.dkim))
        return worst(parts)


def check_domain(domain: DomainName, *, selectors: Sequence[str] = (), resolver: Resolver) -> DomainReport:
    """The report on a domain and the given selectors (from `parse_selector`).

    Takes at most the resolver's deadline; what did not answer by then is unknown. Never raises for what
    the DNS holds.
    """
    return resolver.run(lambda session: report(domain.ascii, selectors, session))


def check_domains(
    wanted: Sequence[tuple[DomainName, Sequence[str]]],
    *,
    resolver: Resolver,
    at_once: int = DOMAINS_AT_ONCE,
) -> list[DomainReport]:
    """Reports on many domains with their selectors, at most `at_once` under way, each with its own deadline."""

    async def all_of_them() -> list[DomainReport]:
        gate = asyncio.Semaphore(at_once)

        async def one(domain: DomainName, selectors: Sequence[str]) -> DomainReport:
            async with gate:
                return await report(domain.ascii, selectors, resolver.session())

        return list(await asyncio.gather(*(one(domain, selectors) for domain, selectors in wanted)))

    load_parsers()
    return run_to_end(all_of_them())


async def report(domain: str, selectors: Sequence[str], lookups: Lookups) -> DomainReport:
    """The report on `domain`, all parts at the same time, for callers that run an event loop themselves."""
    dmarc, spf, dkim, mx = await asyncio.gather(
        check_dmarc(domain, lookups),
        check_spf(domain, lookups),
        check_selectors(domain, selectors, lookups),
        check_mx(domain, lookups),
    )
    return DomainReport(domain, dmarc, spf, dkim, mx)
