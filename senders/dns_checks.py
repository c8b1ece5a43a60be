"""What the DNS says to a plan: keys, SPF after the change, DMARC, and the reach of the signing domain."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.mailauth.answers import Answer
from portal.mailauth.dkim_key import parse_key
from portal.mailauth.dkim_selectors import SelectorReport, judge_answer
from portal.mailauth.dmarc import DmarcReport, check_dmarc
from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.reach import Mechanism, Reach, assess_reach
from portal.mailauth.resolver import Resolver, Session
from portal.mailauth.servers import parse_servers
from portal.mailauth.spf import MOST_LOOKUPS
from portal.mailauth.spf_simulation import SpfSimulation, simulate_spf
from portal.workflow.findings import Found
from senders.plan import KeyPlan, Plan


def resolver() -> Resolver:
    """The configured name servers, with the portal's deadline for a whole report."""
    servers = parse_servers(settings.DNS_RESOLVER) if settings.DNS_RESOLVER else ()
    return Resolver(servers, deadline_seconds=settings.DNS_DEADLINE_SECONDS)


@dataclass(frozen=True)
class SeenKey:
    """What stands at a selector's own name, and at the target of its alias."""

    plan: KeyPlan
    here: SelectorReport
    has_records: bool
    """Whether anything stands at the name: records, or an alias that leads to none."""
    has_several: bool
    target: SelectorReport | None


def findings(plan: Plan) -> list[Found]:
    """Every question of the plan, asked at once within one deadline."""

    async def ask(session: Session) -> tuple[list[SeenKey], list[Reach], SpfSimulation | None, DmarcReport]:
        keys, reaches, spf, dmarc = await asyncio.gather(
            _ask_keys(plan.signing_domain, plan.keys, session),
            _ask_reach(plan, session),
            _ask_spf(plan.envelope_domain, plan.spf_term, session),
            check_dmarc(plan.sending_domain, session),
        )
        return keys, reaches, spf, dmarc

    if not plan.signing_domain or not plan.keys:
        return [_found("AUT-3", "dkim", Outcome.FAIL, "AUT-3: the DKIM plan is missing.", "keys")]
    load_parsers()
    keys, reaches, spf, dmarc = resolver().run(ask)
    found = [_of_key(key, plan.signing_domain) for key in keys]
    found += [_of_reach(reach) for reach in reaches]
    found.append(_of_dmarc(dmarc, plan))
    found.append(_of_spf(spf) if spf else _no_spf(plan))
    return found


def key_findings(signing_domain: str, keys: Sequence[KeyPlan]) -> list[Found]:
    """The keys alone."""
    load_parsers()
    seen = resolver().run(lambda session: _ask_keys(signing_domain, keys, session))
    return [_of_key(key, signing_domain) for key in seen]


def spf_findings(envelope_domain: str, term: str) -> list[Found]:
    """The SPF record of the envelope domain with the term."""
    load_parsers()
    spf = resolver().run(lambda session: _ask_spf(envelope_domain, term, session))
    return [_of_spf(spf)] if spf else []


# ---------------------------------------------------------------- asking
async def _ask_keys(domain: str, keys: Sequence[KeyPlan], session: Session) -> list[SeenKey]:
    async def one(plan: KeyPlan) -> SeenKey:
        here = await session.ask(plan.name(domain), "TXT")
        report = judge_answer(domain, plan.selector, here)
        target: Answer | None = None
        if plan.kind == "CNAME" and not here.records and not here.is_unknown:
            target = await session.ask(plan.value, "TXT")
        behind = None if target is None else judge_answer(domain, plan.selector, target)
        return SeenKey(plan, report, bool(here.records or here.chain), len(here.records) > 1, behind)

    return list(await asyncio.gather(*(one(plan) for plan in keys)))


async def _ask_reach(plan: Plan, session: Session) -> list[Reach]:
    ours = institution().mail_domain
    wanted = [assess_reach(plan.signing_domain, ours, session, Mechanism.DKIM)]
    if plan.spf_term and plan.envelope_domain:
        wanted.append(assess_reach(plan.envelope_domain, ours, session, Mechanism.SPF))
    return list(await asyncio.gather(*wanted))


async def _ask_spf(domain: str, term: str, session: Session) -> SpfSimulation | None:
    return await simulate_spf(domain, term, session) if domain and term else None


# ---------------------------------------------------------------- judging
def _of_key(seen: SeenKey, domain: str) -> Found:
    plan, report, name = seen.plan, seen.here, seen.plan.name(domain)
    evidence: dict[str, Any] = {
        "name": name, "planned": f"{plan.kind} {plan.value}", "record": report.record,
        "chain": list(report.chain), "notes": [note.text for note in report.notes],
    }  # fmt: skip
    if report.outcome is not Outcome.UNKNOWN and not seen.has_records:
        outcome, sentence = _of_unpublished(seen, name)
    else:
        outcome, sentence = _of_published(seen, name)
    return _found("AUT-3", f"dkim:{plan.selector}", outcome, sentence, "keys", **evidence)


def _of_published(seen: SeenKey, name: str) -> tuple[Outcome, str]:
    plan, report = seen.plan, seen.here
    if report.outcome is Outcome.UNKNOWN:
        return Outcome.UNKNOWN, (
            f"AUT-3: the DNS did not say whether there is a key at {name}. It is asked again before the decision."
        )
    if report.key is None:
        dangling = report.chain and not seen.here.record and not seen.has_several
        why = f"its target {report.chain[-1]} has no key" if dangling else _worst(report).rstrip(".")
        return Outcome.FAIL, f"AUT-3: {name} is published, but: {why}."
    if not report.key.usable:
        return Outcome.FAIL, f"AUT-3: the key at {name} cannot be used. {_worst(report)}"
    if report.key.testing or report.outcome is Outcome.WARN:
        return Outcome.WARN, f"The key at {name} can be used, with a remark: {_worst(report)}"
    if plan.kind == "CNAME" and (not report.chain or report.chain[0].rstrip(".") != plan.value):
        return Outcome.WARN, f"There is a key at {name}, but not the alias of the plan ({plan.value})."
    size = f", {report.key.bits} bits" if report.key.bits else ""
    return Outcome.PASS, f"The key at {name} is published and sound ({report.key.key_type}{size})."


def _of_unpublished(seen: SeenKey, name: str) -> tuple[Outcome, str]:
    plan, target = seen.plan, seen.target
    if plan.kind == "CNAME" and (target is None or target.outcome is Outcome.UNKNOWN):
        return Outcome.UNKNOWN, f"AUT-3: the DNS did not say whether {plan.value} has a key."
    if plan.kind == "CNAME" and target is not None and target.record is None:
        return Outcome.FAIL, (
            f"AUT-3: {plan.value}, to which {name} would point, has no key. Ask the vendor for the right name."
        )
    key = parse_key(plan.value) if target is None else target.key
    if key is None or not key.usable:
        where = plan.value if plan.kind == "CNAME" else f"planned for {name}"
        return (
            Outcome.FAIL,
            f"AUT-3: the key {where} cannot be used. {key.notes[0].text if key else ''}".strip(),
        )
    return Outcome.WARN, f"{name} is not published yet. The DNS change set adds it."


def _worst(report: SelectorReport) -> str:
    return next((note.text for note in report.notes if note.outcome is report.outcome), "")


def _of_reach(reach: Reach) -> Found:
    remedies = [
        {"record": one.record_name, "change": one.change, "effect": one.effect, "caveat": one.caveat}
        for one in reach.remedies
    ]
    rule = f"reach:{reach.mechanism.value}"
    if not reach.is_wide:
        return _found(
            "OVR-4", rule, Outcome.PASS, reach.sentence, must=False, identities=list(reach.identities)
        )
    advice = "".join(f" Remedy: {one.change} at {one.record_name}." for one in reach.remedies[-1:])
    return _found("OVR-4", rule, Outcome.WARN, f"{reach.sentence}{advice}", "signing_domain", must=False,
                  identities=list(reach.identities), remedies=remedies)  # fmt: skip


def _of_dmarc(report: DmarcReport, plan: Plan) -> Found:
    evidence: dict[str, Any] = {"record": report.record, "found_at": report.found_at, "policy": report.policy}
    if report.record is None and report.discovery.rfc9989.unknown:
        return _found("OVR-4", "dmarc", Outcome.UNKNOWN, f"OVR-4: the DNS did not say whether {report.domain} has a "
                      "DMARC record.", must=False, **evidence)  # fmt: skip
    if report.record is None and plan.is_subdomain:
        return _found("OVR-4", "dmarc", Outcome.WARN, f"{report.domain} has no DMARC record yet. The DNS change set adds "
                      "it.", must=False, **evidence)  # fmt: skip
    if report.record is None or report.policy is None:
        return _found("OVR-4", "dmarc", Outcome.FAIL, f"OVR-4: {report.domain} has no valid DMARC record, so nothing "
                      "can pass.", **evidence)  # fmt: skip
    return _found(
        "OVR-4", "dmarc", Outcome.PASS, f"DMARC for {report.domain}: policy {report.policy}.", **evidence
    )


def _no_spf(plan: Plan) -> Found:
    return _found("AUT-3", "spf", Outcome.PASS, "No SPF record is to be changed.", must=False,
                  envelope=plan.envelope_domain)  # fmt: skip


def _of_spf(spf: SpfSimulation) -> Found:
    after, domain = spf.after, spf.before.domain
    evidence: dict[str, Any] = {
        "domain": domain, "term": spf.term, "before": spf.before.record, "after": spf.changed,
        "lookups_before": spf.before.lookups, "lookups_after": after.lookups if after else None,
        "notes": [note.text for note in (after.notes if after else spf.before.notes)],
    }  # fmt: skip

    def found(outcome: Outcome, sentence: str, *, must: bool = True) -> Found:
        return _found("AUT-3", "spf", outcome, sentence, "spf_term", must=must, **evidence)

    if after is not None and after.lookups is not None and after.lookups > MOST_LOOKUPS:
        return found(Outcome.FAIL, f"AUT-3: with {spf.term} the SPF record of {domain} needs {after.lookups} DNS lookups; "
                     f"receivers stop at {MOST_LOOKUPS}, and then all its mail fails SPF.")  # fmt: skip
    if after is None and spf.before.outcome is Outcome.FAIL:
        return found(Outcome.FAIL, f"AUT-3: the SPF record of {domain} is broken already; mend it first.")
    if after is None or after.outcome is Outcome.UNKNOWN:
        return found(Outcome.UNKNOWN, f"What {spf.term} does to the SPF record of {domain} could not be established.",
                     must=False)  # fmt: skip
    if after.has_permanent_error:
        worst = next(note.text for note in after.notes if note.outcome is Outcome.FAIL)
        return found(Outcome.FAIL, f"AUT-3: with {spf.term} the SPF record of {domain} is broken. {worst}")
    return found(Outcome.PASS, f"With {spf.term} the SPF record of {domain} needs {after.lookups} of {MOST_LOOKUPS} DNS "
                 "lookups.", must=False)  # fmt: skip


def _found(
    clause: str,
    rule: str,
    outcome: Outcome,
    sentence: str,
    field: str = "",
    *,
    must: bool = True,
    **evidence: Any,
) -> Found:
    facts = evidence | {"checked_at": datetime.now(UTC).isoformat(timespec="seconds")}
    return Found(clause, rule[:60], outcome, sentence, must=must, field=field, evidence=facts)
