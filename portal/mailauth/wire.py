"""One question to one name server over UDP, then TCP where the answer was cut, through dnspython.

What comes back is a fact or an unknown, never an exception: a reply that cannot be read, a closed port and a
silent server all mean that nothing was established.
"""

import asyncio
import logging

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT

from portal.mailauth.answers import Answer, AnswerKind, unknown
from portal.mailauth.servers import Server

EDNS_PAYLOAD = 1232
"""The UDP size that fits every path (DNS flag day 2020); larger answers come over TCP."""
TIMED_OUT = "no name server answered in time"
_REFUSED = "the name server refused to answer"
_NO_SERVER = "the name server cannot be reached"
_MALFORMED = "the name server's answer cannot be read"
_RETRY = frozenset({TIMED_OUT, _REFUSED, _NO_SERVER, _MALFORMED, "the name server answered SERVFAIL"})
_log = logging.getLogger(__name__)

Query = dns.message.QueryMessage


def question(name: str, rdtype: str) -> Query | None:
    """The query message for a name; None where no name in the DNS can be like that."""
    try:
        owner = dns.name.from_text(name)
    except (dns.exception.DNSException, ValueError, UnicodeError):
        return None
    return dns.message.make_query(owner, rdtype, use_edns=0, payload=EDNS_PAYLOAD)


def is_worth_another_try(answer: Answer) -> bool:
    """Whether another server, or the same one once more, may know what this one did not."""
    return answer.why in _RETRY


async def exchange(query: Query, server: Server, *, seconds: float, most_bytes: int) -> Answer:
    """Ask `server` once, within `seconds`; an answer of more than `most_bytes` is not read."""
    asked = query.question[0]
    name, rdtype = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
    try:
        async with asyncio.timeout(seconds):
            reply = await _over_udp_then_tcp(query, server)
    except (TimeoutError, dns.exception.Timeout):
        return unknown(name, rdtype, TIMED_OUT)
    except OSError:
        return unknown(name, rdtype, _NO_SERVER)
    except (dns.exception.DNSException, EOFError, ValueError) as error:
        _log.debug("unreadable answer for %s %s from %s: %s", name, rdtype, server, error)
        return unknown(name, rdtype, _MALFORMED)
    if len(reply.wire or b"") > most_bytes:
        return unknown(name, rdtype, f"the answer is larger than {most_bytes // 1024} kB and was not read")
    return _read(reply, name, rdtype)


async def _over_udp_then_tcp(query: Query, server: Server) -> dns.message.Message:
    # ignore_unexpected: a stranger who guesses the port must not be able to end the wait with a forged reply.
    try:
        return await dns.asyncquery.udp(
            query,
            server.address,
            port=server.port,
            ignore_unexpected=True,
            ignore_errors=True,
            raise_on_truncation=True,
        )
    except dns.message.Truncated:
        return await dns.asyncquery.tcp(query, server.address, port=server.port)


def _read(reply: dns.message.Message, name: str, rdtype: str) -> Answer:
    rcode = reply.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        why = (
            _REFUSED if rcode == dns.rcode.REFUSED else f"the name server answered {dns.rcode.to_text(rcode)}"
        )
        return unknown(name, rdtype, why)
    owner = reply.question[0].name
    chain: list[str] = []
    links = {rrset.name: rrset for rrset in reply.answer if rrset.rdtype == dns.rdatatype.CNAME}
    wanted = {rrset.name: rrset for rrset in reply.answer if dns.rdatatype.to_text(rrset.rdtype) == rdtype}
    while owner not in wanted and owner in links:
        owner = links[owner][0].target
        target = owner.to_text(omit_final_dot=True).lower()
        if target in chain:
            return unknown(name, rdtype, "its CNAME records lead in a circle")
        chain.append(target)
    if owner in wanted:
        return Answer(name, rdtype, AnswerKind.RECORDS, _texts(wanted[owner]), tuple(chain))
    kind = AnswerKind.NXDOMAIN if rcode == dns.rcode.NXDOMAIN else AnswerKind.NO_ANSWER
    return Answer(name, rdtype, kind, chain=tuple(chain))


def _texts(rrset: dns.rrset.RRset) -> tuple[str, ...]:
    # Sorted: name servers rotate their records, and two reports of the same zone must read the same.
    return tuple(sorted(_text(rdata) for rdata in rrset))


def _text(rdata: dns.rdata.Rdata) -> str:
    if isinstance(rdata, TXT):
        # Bytes that are no UTF-8 stay visible as surrogates, so that a check can say that they are there.
        return b"".join(rdata.strings).decode("utf-8", "surrogateescape")
    return rdata.to_text()
