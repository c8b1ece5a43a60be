"""The syntax of SPF and DMARC records, judged by checkdmarc's parsers and kept off the network.

checkdmarc follows RFC 9989 and RFC 7208 closely, so its parsers are the authority here. But they also ask
the DNS, one question after the other, and read a time-out as a fault of the record. So they are handed a
resolver that agrees to everything: what remains of their errors and warnings is about the text alone, and
what the DNS says is established elsewhere, all questions at once (docs/decisions/0003-mailauth-spf-walk.md).
"""

import re
import threading
from dataclasses import dataclass
from typing import Any

import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset

LONGEST_RECORD = 4096
"""Characters of a record that are parsed. RFC 7208 section 3.4 asks for answers below 512 bytes."""
_EXP_WITH_NAME = re.compile(r"(?<=\s)exp=[^%\s]+(?=\s|$)", re.IGNORECASE)
_AGREED = {"MX": "10 mx.invalid.", "A": "192.0.2.1", "AAAA": "2001:db8::1"}
# checkdmarc keeps a module-global cache by name and type alone, shared by all resolvers and threads.
_checkdmarc = threading.Lock()


@dataclass(frozen=True)
class SyntaxResult:
    """What the parser says of one record: a fault that voids it, or none, and remarks."""

    fault: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class DmarcSyntax:
    """A DMARC record parsed: its tags with defaults filled in (report addresses apart), the verdict on it."""

    verdict: SyntaxResult
    tags: dict[str, str]
    explicit: frozenset[str]
    reports_to: tuple[str, ...] = ()
    """The addresses of `rua` and `ruf`, without their scheme; mailto alone."""


class _Agreeing(dns.resolver.Resolver):
    """A resolver that never asks anybody and answers whatever keeps a parser going."""

    def __init__(self, txt: str) -> None:
        super().__init__(configure=False)
        self._agreed = _AGREED | {"TXT": txt}

    def resolve(self, qname: Any, rdtype: Any = "A", *args: Any, **kwargs: Any) -> Any:
        text = str(rdtype)
        if text not in self._agreed:
            raise dns.resolver.NoAnswer
        return dns.rrset.from_text("name.invalid.", 60, "IN", text, self._agreed[text])


def load_parsers() -> None:
    """Import checkdmarc now: it takes up to a second, which must not pass while a deadline runs."""
    import checkdmarc.dmarc  # noqa: PLC0415 - takes up to a second
    import checkdmarc.spf  # noqa: F401, PLC0415 - the same


def parse_dmarc(record: str, domain: str) -> DmarcSyntax:
    """A DMARC record as published at `_dmarc.{domain}` (RFC 9989 section 4.8); never raises for its text."""
    if fault := _unreadable(record):
        return DmarcSyntax(SyntaxResult(fault), {}, frozenset())
    from checkdmarc import dmarc  # noqa: PLC0415 - see load_parsers

    with _checkdmarc:
        _forget()
        try:
            parsed = dmarc.parse_dmarc_record(record, domain, resolver=_Agreeing('"v=DMARC1"'))
        except dmarc.DMARCError as error:
            return DmarcSyntax(SyntaxResult(_one_sentence(error)), {}, frozenset())
        finally:
            _forget()
    tags = {name: tag["value"] for name, tag in parsed["tags"].items()}
    explicit = frozenset(name for name, tag in parsed["tags"].items() if tag["explicit"])
    reports = [uri for name in ("rua", "ruf") for uri in tags.pop(name, ())]
    return DmarcSyntax(
        SyntaxResult(remarks=tuple(parsed["warnings"])),
        {name: str(value) for name, value in tags.items()},
        explicit,
        tuple(dict.fromkeys(uri["address"] for uri in reports if uri["scheme"] == "mailto")),
    )


def judge_spf(record: str, domain: str) -> SyntaxResult:
    """Whether an SPF record of `domain` is well formed (RFC 7208 section 12); never raises for its text."""
    if fault := _unreadable(record):
        return SyntaxResult(fault)
    from checkdmarc import spf  # noqa: PLC0415 - see load_parsers

    # Without a macro the parser would look up the explanation through the system's resolver, not through ours.
    record = _EXP_WITH_NAME.sub("exp=%{d}", record)
    with _checkdmarc:
        _forget()
        try:
            parsed = spf.parse_spf_record(
                record, domain, resolver=_Agreeing('"v=spf1 -all"'), ignore_too_many_lookups=True
            )
        except (
            spf.SPFTooManyDNSLookups,
            spf.SPFTooManyVoidDNSLookups,
            spf.SPFIncludeLoop,
            spf.SPFRedirectLoop,
        ):
            return SyntaxResult()  # established by our own walk, which sees the real zone
        except spf.SPFError as error:
            return SyntaxResult(_one_sentence(error))
        finally:
            _forget()
    return SyntaxResult(
        remarks=tuple(dict.fromkeys(text for text in parsed["warnings"] if "ptr" not in text))
    )


def _unreadable(record: str) -> str | None:
    if any("\ud800" <= char <= "\udfff" for char in record):
        return "The record has bytes that are no text."
    if len(record) > LONGEST_RECORD:
        return f"The record is {len(record)} characters long; more than {LONGEST_RECORD} are not evaluated."
    return None


def _forget() -> None:
    from checkdmarc import utils  # noqa: PLC0415 - see load_parsers

    utils.DNS_CACHE.clear()


def _one_sentence(error: Exception) -> str:
    return " ".join(str(error).removeprefix("Error: ").split())
