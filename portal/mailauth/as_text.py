"""The reports as a person reads them on a terminal."""

from collections.abc import Iterable

from portal.lib.text import one_line
from portal.mailauth.domain_report import DomainReport
from portal.mailauth.message_report import MessageReport
from portal.mailauth.notes import Note

_YES = {True: "yes", False: "no", None: "unknown"}


def domain_as_text(report: DomainReport) -> str:
    """A domain report in lines."""
    dmarc, spf = report.dmarc, report.spf
    lines = [
        report.domain,
        f"DMARC    {dmarc.outcome}",
        *_facts(
            record=dmarc.record,
            found_at=dmarc.found_at,
            policy=dmarc.policy,
            subdomains=dmarc.subdomain_policy,
        ),
        *_facts(
            owner_by_tree_walk=dmarc.organizational_domain.rfc9989 or "unknown",
            owner_by_public_suffix=dmarc.organizational_domain.rfc7489,
        ),
        *_remarks(dmarc.notes),
        f"SPF      {spf.outcome}",
        *_facts(record=spf.record, lookups=spf.lookups, void_lookups=spf.void_lookups, all=spf.all),
        *_remarks(spf.notes),
    ]
    for one in report.dkim:
        lines += [f"DKIM     {one.outcome}  {one.name}"]
        if one.key is not None:
            lines += _facts(key=one.key.key_type, bits=one.key.bits)
        lines += _remarks(one.notes)
    lines += [f"MX       {report.mx.outcome}", *_facts(hosts=", ".join(report.mx.hosts) or None)]
    return "\n".join(one_line_each(lines + _remarks(report.mx.notes)))


def message_as_text(report: MessageReport) -> str:
    """A message report in lines, the verdict first."""
    lines = [
        f"DMARC by DKIM    {report.dmarc_by_dkim.outcome}",
        f"    {report.dmarc_by_dkim.reason}",
        f"From domain      {report.from_domain or 'none'}",
    ]
    for one in report.dkim:
        lines += [
            f"Signature        d={one.domain} s={one.selector} {one.algorithm}",
            *_facts(
                valid=_YES[one.valid], proves=_YES[one.proves], bits=one.bits, covers=", ".join(one.covers)
            ),
            *_facts(aligned_rfc9989=_YES[one.aligned.rfc9989], aligned_rfc7489=_YES[one.aligned.rfc7489]),
            *_remarks(one.notes),
        ]
    return "\n".join(one_line_each(lines + _remarks(report.notes)))


def one_line_each(lines: Iterable[str]) -> list[str]:
    """The lines, each without control characters: what a stranger's zone holds must not drive a terminal."""
    shown = []
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip(" ")))
        head, gap, rest = line.strip().partition("  ")
        text = f"{one_line(head)}{gap}{' ' * (len(rest) - len(rest.lstrip(' ')))}{one_line(rest)}"
        shown.append(indent + text.encode("utf-8", "replace").decode("utf-8"))
    return shown


def _facts(**facts: object) -> list[str]:
    return [f"    {name.replace('_', ' ')}: {value}" for name, value in facts.items() if value is not None]


def _remarks(notes: Iterable[Note]) -> list[str]:
    return [f"    [{note.outcome}] {note.text}" for note in notes]
