"""Whether what an authorization was approved on still stands in the DNS (AUT-3, OVR-4), for the daily checks.

Before the approval a record may still be missing: the change set adds it. Once the service was proven, its
records are facts, and one that is gone, revoked or changed means out of compliance. A plan with several keys
lets the vendor change from one to the next (RFC 6376 section 3.1): a spent key is advice as long as another one may be
in use and the newest proof was not signed with the spent one. What leads elsewhere than approved is never advice.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from portal.lib.outcome import Outcome
from portal.mailauth.spf_simulation import SpfSimulation
from portal.samples.models import SignedSample
from portal.workflow.findings import Finding
from senders.dns_checks import ask_plan, of_dmarc, of_envelope, of_reach, of_spf, spf_evidence
from senders.key_checks import SeenKey, dns_found, key_found, of_published
from senders.plan import Plan


def standing_findings(plan: Plan, *, proven: Collection[str]) -> list[Finding]:
    """Every question of the plan asked again, within one deadline; `proven` are the selectors of the newest proof."""
    seen = ask_plan(plan)
    found = [*_weighed(seen.keys, proven), of_dmarc(seen.dmarc), *map(of_reach, seen.reaches)]
    if seen.envelope is not None:
        found.append(of_envelope(seen.envelope))
    if seen.spf is not None:
        found.append(_of_spf(seen.spf))
    # What got no answer neither breaks nor mends: as a must it leaves the standing as it was.
    return [replace(one, must=True) if one.outcome is Outcome.UNKNOWN else one for one in found]


def selectors_of(sample: SignedSample | None, signing_domain: str) -> frozenset[str]:
    """The selectors with which a sample was validly signed as the signing domain."""
    signatures = sample.evidence.get("signatures", []) if sample is not None else []
    return frozenset(
        one["s"] for one in signatures if one.get("proves", one["valid"]) and one["d"] == signing_domain
    )


# ---------------------------------------------------------------- keys
def _weighed(keys: Sequence[SeenKey], proven: Collection[str]) -> list[Finding]:
    judged = [(key, *_of_key(key)) for key in keys]
    # A key that did not answer may be the one in use, so a gone one beside it bars nothing yet.
    others = any(outcome is not Outcome.FAIL for _, outcome, _ in judged)
    return [
        key_found(key, outcome, sentence, must=key.is_another or key.plan.selector in proven or not others)
        for key, outcome, sentence in judged
    ]


def _of_key(key: SeenKey) -> tuple[Outcome, str]:
    if key.is_published is False:
        return Outcome.FAIL, f"AUT-3: {key.name} is not published, and the service was approved with it."
    if key.is_revoked:
        return (
            Outcome.FAIL,
            f"AUT-3: the key at {key.name} is revoked (p= is empty), so no signature with it passes.",
        )
    if key.is_another:
        to = f"to {key.here.chain[0]}" if key.here.chain else "to a key of its own"
        if key.plan.kind == "CNAME":
            return Outcome.FAIL, f"AUT-3: {key.name} leads {to}, and approved is {key.plan.value}."
        return Outcome.FAIL, f"AUT-3: the key at {key.name} is not the one that was approved."
    outcome, sentence = of_published(key)
    if outcome is Outcome.UNKNOWN:
        return outcome, f"AUT-3: the DNS did not say whether there is a key at {key.name}."
    return outcome, sentence


# ---------------------------------------------------------------- SPF
def _of_spf(spf: SpfSimulation) -> Finding:
    if spf.after is not None and not spf.already_there:
        sentence = f"{spf.term} is not in the SPF record of {spf.before.domain}. Mail of the service passes by DKIM alone."
        return dns_found("AUT-3", "spf", Outcome.WARN, sentence, must=False, **spf_evidence(spf))
    return of_spf(spf)
