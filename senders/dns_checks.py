"""What the DNS says to a plan: keys, SPF after the change, DMARC, and the reach of the signing domain."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.mailauth.answers import Answer, AnswerKind
from portal.mailauth.as_drawing import spf_drawing
from portal.mailauth.configured import configured_resolver
from portal.mailauth.dmarc import DmarcReport, check_dmarc
from portal.mailauth.mx import MxReport, check_mx
from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.reach import Mechanism, Reach, assess_reach
from portal.mailauth.resolver import Session
from portal.mailauth.spf import MOST_LOOKUPS, SpfReport, check_spf
from portal.mailauth.spf_simulation import SpfSimulation, simulate_spf
from portal.workflow.findings import Finding
from senders.dns_text import planned_records_of
from senders.key_checks import SeenKey, ask_keys, dns_found, of_key
from senders.models import RecordState
from senders.observing import Observed, Question, observe_all
from senders.plan import KeyPlan, Plan


@dataclass(frozen=True)
class SeenPlan:
    """What the DNS says to every question of a plan."""

    keys: list[SeenKey]
    reaches: list[Reach]
    spf: SpfSimulation | None
    """None where the plan changes no SPF record."""
    dmarc: DmarcReport
    envelope: "SeenEnvelope | None" = None
    """None where the plan names no envelope domain."""
    stops: tuple[tuple[str, Observed], ...] = ()
    """By name, the planned records that cannot be added beside what the zones hold."""


@dataclass(frozen=True)
class SeenEnvelope:
    """What the DNS says of the domain to which bounces go."""

    domain: str
    answer: Answer
    mx: MxReport
    spf: SpfReport


def ask_plan(plan: Plan) -> SeenPlan:
    """Every question of the plan, asked at once within one deadline; never inside a transaction."""

    async def ask(session: Session) -> SeenPlan:
        keys, reaches, spf, dmarc, envelope, observed = await asyncio.gather(
            ask_keys(plan.signing_domain, plan.keys, session),
            _ask_reach(plan, session),
            _ask_spf(plan.envelope_domain, plan.spf_term, session),
            check_dmarc(plan.sending_domain, session),
            _ask_envelope(plan.envelope_domain, session),
            _ask_zones(plan, session),
        )
        return SeenPlan(keys, reaches, spf, dmarc, envelope, observed)

    load_parsers()
    return configured_resolver().run(ask)


def findings(plan: Plan) -> list[Finding]:
    """What the DNS says to a plan that is asked for: its records may still be to come."""
    if not plan.signing_domain or not plan.keys:
        return [dns_found("AUT-3", "dkim", Outcome.FAIL, "AUT-3: the DKIM plan is missing.", "keys")]
    seen = ask_plan(plan)
    judged = [of_key(key) for key in seen.keys]
    judged += [of_reach(reach) for reach in seen.reaches]
    if seen.envelope is not None:
        judged.append(of_envelope(seen.envelope, is_planned=bool(plan.spf_term)))
    judged.append(_of_dmarc(seen.dmarc, plan))
    judged.append(of_spf(seen.spf) if seen.spf else _no_spf(plan))
    judged += [of_stop(name, observed) for name, observed in seen.stops]
    return judged


def key_findings(signing_domain: str, keys: Sequence[KeyPlan]) -> list[Finding]:
    """The keys alone."""
    load_parsers()
    seen = configured_resolver().run(lambda session: ask_keys(signing_domain, keys, session))
    return [of_key(key) for key in seen]


def spf_findings(envelope_domain: str, term: str) -> list[Finding]:
    """The SPF record of the envelope domain with the term."""
    load_parsers()
    spf = configured_resolver().run(lambda session: _ask_spf(envelope_domain, term, session))
    return [of_spf(spf)] if spf else []


# ---------------------------------------------------------------- asking
async def _ask_reach(plan: Plan, session: Session) -> list[Reach]:
    ours = institution().mail_domain
    wanted = [assess_reach(plan.signing_domain, ours, session, Mechanism.DKIM)]
    if plan.spf_term and plan.envelope_domain:
        wanted.append(assess_reach(plan.envelope_domain, ours, session, Mechanism.SPF))
    return list(await asyncio.gather(*wanted))


async def _ask_spf(domain: str, term: str, session: Session) -> SpfSimulation | None:
    return await simulate_spf(domain, term, session) if domain and term else None


async def _ask_zones(plan: Plan, session: Session) -> tuple[tuple[str, Observed], ...]:
    questions = [Question(0, *planned) for planned in planned_records_of(plan)]
    observed = await observe_all(questions, session)
    return tuple(
        (question.name, seen)
        for question, seen in zip(questions, observed, strict=True)
        if seen.state == RecordState.CONFLICT
    )


async def _ask_envelope(domain: str, session: Session) -> SeenEnvelope | None:
    if not domain:
        return None
    answer, mx, spf = await asyncio.gather(
        session.ask(domain, "MX"), check_mx(domain, session), check_spf(domain, session)
    )
    return SeenEnvelope(domain, answer, mx, spf)


# ---------------------------------------------------------------- judging
def of_stop(name: str, seen: Observed) -> Finding:
    """That a record of the plan cannot be added as it is, and what to publish instead: advice, for whoever decides."""
    sentence = f"The DNS change set stops at {name}: {seen.note}"
    return dns_found(
        "AUT-3",
        f"zone:{name}",
        Outcome.WARN,
        sentence,
        must=False,
        found=list(seen.found),
        publish_instead=seen.publish,
        lookups=seen.lookups,
    )


def of_envelope(seen: SeenEnvelope, *, is_planned: bool = False) -> Finding:
    """Whether the envelope domain exists, takes bounces (RFC 5321 section 5.1) and has one usable SPF record.

    It must exist: receivers refuse mail whose bounces go nowhere. The rest is advice, since DKIM is what proves the
    service (AUT-3). `is_planned` says that the change set brings the domain into being by an SPF record of ours.
    """
    domain, evidence = (
        seen.domain,
        {"mx": list(seen.mx.hosts), "spf": seen.spf.record, "lookups": seen.spf.lookups},
    )

    def found(outcome: Outcome, sentence: str, *, must: bool = True) -> Finding:
        rule = "envelope-domain"
        return dns_found(
            "AUT-3", rule, outcome, sentence, "envelope_domain", must=must, domain=seen.domain, **evidence
        )

    if seen.answer.is_unknown:
        return found(
            Outcome.UNKNOWN,
            f"AUT-3: the DNS did not say whether the envelope domain {domain} exists "
            f"({seen.answer.why}). It is asked again before the decision.",
        )
    if seen.answer.kind is AnswerKind.NXDOMAIN and is_planned:
        return found(
            Outcome.WARN,
            f"The envelope domain {domain} does not exist yet. The DNS change set adds its SPF "
            "record; bounces need an MX record there too. Ask the vendor which.",
            must=False,
        )
    if seen.answer.kind is AnswerKind.NXDOMAIN:
        return found(
            Outcome.FAIL,
            f"AUT-3: the envelope domain {domain} does not exist in the DNS, so bounces go nowhere "
            "and receivers refuse the mail. Ask the vendor for the right name.",
        )
    remarks = [note.text for note in seen.mx.notes if note.outcome in (Outcome.FAIL, Outcome.WARN)]
    if not is_planned:
        remarks += [note.text for note in seen.spf.notes if note.outcome is Outcome.FAIL]
    if remarks:
        return found(Outcome.WARN, f"The envelope domain {domain}: {' '.join(remarks)}", must=False)
    spf_unknown = seen.spf.outcome is Outcome.UNKNOWN or seen.mx.outcome is Outcome.UNKNOWN
    if spf_unknown:
        return found(
            Outcome.UNKNOWN,
            f"Whether {domain} takes bounces and has an SPF record could not be established.",
            must=False,
        )
    return found(Outcome.PASS, f"The envelope domain {domain} takes bounces and has an SPF record.")


def of_reach(reach: Reach) -> Finding:
    """Whom the holder of a key or of a place in the SPF record could pass as, and the remedy: advice."""
    remedies = [
        {"record": one.record_name, "change": one.change, "effect": one.effect, "caveat": one.caveat}
        for one in reach.remedies
    ]
    rule = f"reach:{reach.mechanism.value}"
    if not reach.is_wide:
        return dns_found(
            "OVR-4", rule, Outcome.PASS, reach.sentence, must=False, identities=list(reach.identities)
        )
    advice = "".join(f" Remedy: {one.change} at {one.record_name}." for one in reach.remedies[-1:])
    return dns_found(
        "OVR-4",
        rule,
        Outcome.WARN,
        f"{reach.sentence}{advice}",
        "signing_domain",
        must=False,
        identities=list(reach.identities),
        remedies=remedies,
    )


def _of_dmarc(report: DmarcReport, plan: Plan) -> Finding:
    if report.record is None and plan.is_subdomain and not report.discovery.rfc9989.unknown:
        sentence = f"{report.domain} has no DMARC record yet. The DNS change set adds it."
        return _dmarc_found(report, Outcome.WARN, sentence, must=False)
    return of_dmarc(report)


def of_dmarc(report: DmarcReport) -> Finding:
    """Whether a valid DMARC record applies to the domain in From."""
    domain = report.domain
    if report.record is None and report.discovery.rfc9989.unknown:
        sentence = f"OVR-4: the DNS did not say whether {domain} has a DMARC record."
        return _dmarc_found(report, Outcome.UNKNOWN, sentence, must=False)
    if report.record is None or report.policy is None:
        sentence = f"OVR-4: {domain} has no valid DMARC record, so nothing can pass."
        return _dmarc_found(report, Outcome.FAIL, sentence)
    return _dmarc_found(report, Outcome.PASS, f"DMARC for {domain}: policy {report.policy}.")


def _dmarc_found(report: DmarcReport, outcome: Outcome, sentence: str, *, must: bool = True) -> Finding:
    return dns_found(
        "OVR-4",
        "dmarc",
        outcome,
        sentence,
        must=must,
        record=report.record,
        found_at=report.found_at,
        policy=report.policy,
    )


def _no_spf(plan: Plan) -> Finding:
    sentence = "No SPF record is to be changed."
    return dns_found("AUT-3", "spf", Outcome.PASS, sentence, must=False, envelope=plan.envelope_domain)


def of_spf(spf: SpfSimulation) -> Finding:
    """What the term does, or does already, to the SPF record of the envelope domain."""
    after, domain = spf.after, spf.before.domain
    evidence = spf_evidence(spf)

    def found(outcome: Outcome, sentence: str, *, must: bool = True) -> Finding:
        return dns_found("AUT-3", "spf", outcome, sentence, "spf_term", must=must, **evidence)

    if after is not None and after.lookups is not None and after.lookups > MOST_LOOKUPS:
        return found(
            Outcome.FAIL,
            f"AUT-3: with {spf.term} the SPF record of {domain} needs {after.lookups} DNS lookups; "
            f"receivers stop at {MOST_LOOKUPS}, and then all its mail fails SPF.",
        )
    if after is None and spf.before.outcome is Outcome.FAIL:
        return found(Outcome.FAIL, f"AUT-3: the SPF record of {domain} is broken already; mend it first.")
    if after is None or after.outcome is Outcome.UNKNOWN:
        return found(
            Outcome.UNKNOWN,
            f"What {spf.term} does to the SPF record of {domain} could not be established.",
            must=False,
        )
    if after.has_permanent_error:
        worst = next(note.text for note in after.notes if note.outcome is Outcome.FAIL)
        return found(Outcome.FAIL, f"AUT-3: with {spf.term} the SPF record of {domain} is broken. {worst}")
    return found(
        Outcome.PASS,
        f"With {spf.term} the SPF record of {domain} needs {after.lookups} of {MOST_LOOKUPS} DNS lookups.",
        must=False,
    )


def spf_evidence(spf: SpfSimulation) -> dict[str, Any]:
    """The record before and after, what it costs, and the tree to draw where there is a record."""
    shown = spf.after or spf.before
    evidence: dict[str, Any] = {
        "domain": spf.before.domain,
        "term": spf.term,
        "before": spf.before.record,
        "after": spf.changed,
        "lookups_before": spf.before.lookups,
        "lookups_after": spf.after.lookups if spf.after else None,
        "notes": [note.text for note in shown.notes],
    }
    if shown.record is not None:
        evidence["drawing"] = spf_drawing(shown, added=spf.term)
    return evidence
