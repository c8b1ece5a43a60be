"""The stable JSON form of the reports, as `docs/mailauth.md` documents it: scripts rely on these keys."""

from typing import Any

from portal.mailauth.alignment import Aligned
from portal.mailauth.dkim_selectors import SelectorReport
from portal.mailauth.domain_report import DomainReport
from portal.mailauth.message_report import MessageReport, SignatureReport
from portal.mailauth.notes import Note


def domain_as_json(report: DomainReport) -> dict[str, Any]:
    """A domain report as plain data for `json.dumps`."""
    dmarc, spf = report.dmarc, report.spf
    return {
        "domain": report.domain,
        "dmarc": {
            "outcome": dmarc.outcome.value,
            "record": _printable(dmarc.record),
            "found_at": dmarc.found_at,
            "policy": dmarc.policy,
            "subdomain_policy": dmarc.subdomain_policy,
            "adkim": dmarc.adkim,
            "aspf": dmarc.aspf,
            "organizational_domain": {
                "rfc9989": dmarc.organizational_domain.rfc9989,
                "rfc7489": dmarc.organizational_domain.rfc7489,
            },
            "notes": _texts(dmarc.notes),
        },
        "spf": {
            "outcome": spf.outcome.value,
            "record": _printable(spf.record),
            "lookups": spf.lookups,
            "void_lookups": spf.void_lookups,
            "all": spf.all,
            "notes": _texts(spf.notes),
        },
        "dkim": [_selector(one) for one in report.dkim],
        "mx": {"outcome": report.mx.outcome.value, "hosts": list(report.mx.hosts)},
    }


def message_as_json(report: MessageReport) -> dict[str, Any]:
    """A message report as plain data for `json.dumps`."""
    return {
        "from_domain": report.from_domain,
        "dkim": [_signature(one) for one in report.dkim],
        "dmarc_by_dkim": {
            "outcome": report.dmarc_by_dkim.outcome.value,
            "reason": _printable(report.dmarc_by_dkim.reason),
        },
    }


def _selector(one: SelectorReport) -> dict[str, Any]:
    return {
        "selector": one.selector,
        "outcome": one.outcome.value,
        "key_type": _printable(one.key.key_type) if one.key else None,
        "bits": one.key.bits if one.key else None,
        "revoked": one.key.revoked if one.key else None,
        "testing": one.key.testing if one.key else None,
        "notes": _texts(one.notes),
    }


def _signature(one: SignatureReport) -> dict[str, Any]:
    return {
        "domain": _printable(one.domain),
        "selector": _printable(one.selector),
        "algorithm": _printable(one.algorithm),
        "bits": one.bits,
        "valid": one.valid,
        "proves": one.proves,
        "aligned": _aligned(one.aligned),
        "covers": [_printable(name) for name in one.covers],
        "body_length_tag": one.body_length_tag,
        "notes": _texts(one.notes),
    }


def _aligned(aligned: Aligned) -> dict[str, bool | None]:
    return {"rfc9989": aligned.rfc9989, "rfc7489": aligned.rfc7489}


def _texts(notes: tuple[Note, ...]) -> list[str | None]:
    return [_printable(note.text) for note in notes]


def _printable(text: str | None) -> str | None:
    """The text without what no JSON file or terminal can hold: bytes of a zone that are no characters."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")
