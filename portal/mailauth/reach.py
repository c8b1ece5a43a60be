"""The reach of a key or an include: which names under the mail domain it could pass as, and what limits it.

Under relaxed alignment whoever holds a DKIM key for one name of an organization can sign mail that passes
as any other (RFC 9989 sections 4.4.1 and 11). A reviewer sees that before approving, with the remedies.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from portal.mailauth.alignment import Aligned, Mode, align
from portal.mailauth.answers import Lookups
from portal.mailauth.discovery import Discovery, discover


class Mechanism(StrEnum):
    """What authenticates the name: a DKIM key at d=, or the envelope domain that an include authorizes."""

    DKIM = "dkim"
    SPF = "spf"

    @property
    def tag(self) -> str:
        """The DMARC tag that sets its alignment."""
        return "adkim" if self is Mechanism.DKIM else "aspf"


@dataclass(frozen=True)
class Remedy:
    """A change of the DNS that makes the reach smaller."""

    record_name: str
    change: str
    """The tag to add or set in the record at `record_name`."""
    effect: str
    caveat: str


@dataclass(frozen=True)
class Reach:
    """What the holder of a key at `authenticated`, or of a place in its SPF record, could pass as."""

    authenticated: str
    mail_domain: str
    mechanism: Mechanism
    as_mail_domain: Aligned
    """Mail from addresses at the mail domain itself."""
    as_other_names: Aligned
    """Mail from addresses at any other name under it that has no DMARC record of its own."""
    remedies: tuple[Remedy, ...]

    @property
    def is_wide(self) -> bool:
        """Whether some receiver accepts it for more than the name itself; also where that is not known."""
        others = [self.as_other_names]
        if self.authenticated != self.mail_domain:
            others.append(self.as_mail_domain)
        return any(not aligned.nowhere for aligned in others)

    @property
    def identities(self) -> tuple[str, ...]:
        """The addresses it passes as for at least some receivers, the narrowest first."""
        found = [f"@{self.authenticated}"]
        if self.authenticated != self.mail_domain and not self.as_mail_domain.nowhere:
            found.append(f"@{self.mail_domain}")
        if not self.as_other_names.nowhere:
            found.append(f"@*.{self.mail_domain}")
        return tuple(found)

    @property
    def sentence(self) -> str:
        """The reach in one sentence for requester and reviewer."""
        thing = "A DKIM key at" if self.mechanism is Mechanism.DKIM else "A place in the SPF record of"
        if not self.is_wide:
            return f"{thing} {self.authenticated} passes as @{self.authenticated} alone."
        judged = (self.as_mail_domain, self.as_other_names)
        if any(aligned.is_unknown for aligned in judged):
            return (
                f"{thing} {self.authenticated} may pass as {', '.join(self.identities)}: DNS did not answer."
            )
        some = (
            "" if all(aligned.everywhere or aligned.nowhere for aligned in judged) else " for some receivers"
        )
        return f"{thing} {self.authenticated} passes as {', '.join(self.identities)}{some}."


async def assess_reach(
    authenticated: str, mail_domain: str, lookups: Lookups, mechanism: Mechanism = Mechanism.DKIM
) -> Reach:
    """The reach of `authenticated` (the d= or the envelope domain) among the names under `mail_domain`."""
    theirs, ours = await asyncio.gather(discover(authenticated, lookups), discover(mail_domain, lookups))
    return reach(theirs, ours, mechanism)


def reach(theirs: Discovery, ours: Discovery, mechanism: Mechanism = Mechanism.DKIM) -> Reach:
    """The same from discoveries that were made already: of the authenticated name, and of the mail domain."""
    modes = ours.modes(mechanism.tag)
    owners = theirs.organizational_domain, ours.organizational_domain
    as_mail_domain = align(theirs.domain, ours.domain, modes, *owners)
    # A name that has no record of its own inherits the mail domain's, and belongs to the same owner.
    as_other_names = align(theirs.domain, f"*.{ours.domain}", modes, *owners)
    found = Reach(theirs.domain, ours.domain, mechanism, as_mail_domain, as_other_names, ())
    if not found.is_wide:
        return found
    return Reach(
        theirs.domain,
        ours.domain,
        mechanism,
        as_mail_domain,
        as_other_names,
        _remedies(theirs, ours, mechanism),
    )


def _remedies(theirs: Discovery, ours: Discovery, mechanism: Mechanism) -> tuple[Remedy, ...]:
    remedies = []
    holder = ours.rfc9989.place.domain if ours.rfc9989.place is not None else ours.domain
    if Mode.RELAXED in ours.modes(mechanism.tag):
        remedies.append(
            Remedy(
                record_name=f"_dmarc.{holder}",
                change=f"{mechanism.tag}=s",
                effect=f"Mail from @{ours.domain} then needs exactly {ours.domain}, at every receiver.",
                caveat=f"Every service that authenticates a subdomain for @{ours.domain} stops passing.",
            )
        )
    if theirs.domain == ours.domain:
        remedies.append(
            Remedy(
                record_name=f"service.{ours.domain}",
                change="a subdomain of its own, with psd=n",
                effect="The service then authenticates its own name and no other.",
                caveat="Its mail must be from addresses at that subdomain.",
            )
        )
    elif theirs.here.psd != "n":
        remedies.append(
            Remedy(
                record_name=f"_dmarc.{theirs.domain}",
                change="psd=n",
                effect=f"Receivers that follow RFC 9989 then keep {theirs.domain} apart from {ours.domain}.",
                caveat="Receivers that still follow RFC 7489 ignore it.",
            )
        )
    return tuple(remedies)
