"""Generated messages through `check_message`: no crash, no hang, and no other From judged than people would see.

    python benchmarks/generated_messages.py [--count 100000] [--seed 1]

Each message is put together by chance from pieces that mail programs read in different ways. Where the report names an
author domain, a parser of its own (`visible_domains`, by RFC 5322 and nothing else of ours or of the standard library) must
find the same domain and no other. Prints each message that breaks a bar; exit status 1 where one does.
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import idna

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
LONGEST_SECONDS = 1.0
_DOMAINS = (
    "ttu.edu",
    "evil.example",
    "TTU.EDU",
    "ttu.edu.",
    "mail.ttu.edu",
    "ttu.edu.evil.example",
    "bücher.example",
    "[192.0.2.1]",
    "localhost",
    "-",
    "",
)
_LOCALS = ("president", "joe", '"joe doe"', "joe.doe", "jo\\e", "joe..doe", '"a@b"', "jö", "", "a b", "%s")
_NAMES = (
    "",
    "Joe",
    '"Joe, President"',
    '"president@ttu.edu"',
    "president@ttu.edu",
    "=?utf-8?q?Joe?=",
    "=?utf-8?b?cHJlc2lkZW50QHR0dS5lZHU=?=",
    "=?utf-8?q?a=2C_b=40ttu=2Eedu?=",
    '"a\\"b',
    "(Joe)",
    "Joe (at) TTU",
    "Joé",
    "\u202eude.utt",
    "<joe>",
    "a,b",
    "a;b",
    "a:b",
    "\\",
)
_BETWEEN = ("", " ", "\r\n ", "\t", " (x) ", "(<evil@evil.example>)", "\r\n\t", "  ", "\x0b", "\xa0")
_WRAPPED = (
    "{name}{gap}<{address}>",
    "{address}",
    "<{address}>",
    "{address}{gap}({name})",
    "{name}{gap}<{gap}{address}{gap}>",
    "{name}: {address};",
    "{name}{gap}<@relay.example:{address}>",
    "{address} <{other}>",
    "{name} <{address}> <{other}>",
    "{name} <{address}",
    "{address}>",
    "{address}, {other}",
    "{address} {other}",
    "{address};{other}",
    '"{address}" <{other}>',
    "{name} <{address}>, {name} <{other}>",
    "<{address}>{other}",
    "{address}\\, {other}",
    "{name} <{address}> ({other}",
    '"{name} <{address}>',
    "undisclosed:;",
    "{name}:;, {address}",
    "({address}) {other}",
    "{name} <{address}>x",
)
_FIELD_NAMES = (
    "From",
    "From",
    "From",
    "from",
    "FROM",
    "From ",
    "X-From",
    "Sender",
    "Reply-To",
    "Resent-From",
    "Fr\xf6m",
)


def generated(chance: random.Random) -> bytes:
    """One message."""

    def piece(pieces: Sequence[str]) -> str:
        """Mostly one of the first two, which are ordinary."""
        return chance.choice(pieces[:2] if chance.random() < 0.7 else pieces)

    def address() -> str:
        at = piece(("@", "@", "@", " @ ", "@@", "", "\uff20"))
        return f"{piece(_LOCALS)}{at}{piece(_DOMAINS)}"

    def value() -> str:
        facts = {
            "name": piece(_NAMES),
            "gap": piece(_BETWEEN),
            "address": address(),
            "other": address(),
        }
        text = piece(_WRAPPED).format(**facts)
        if chance.random() < 0.1:
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice('"\\()<>@,;:\r\n\0\x80 \t') + text[at:]
        return text

    count = chance.choice((1, 1, 1, 1, 1, 1, 0, 2))
    fields = [f"{piece(_FIELD_NAMES)}:{chance.choice((' ', '', chr(9)))}{value()}" for _ in range(count)]
    fields += chance.sample(
        [
            "Subject: x",
            "To: a@ttu.edu",
            "Date: x",
            "MIME-Version: 1.0",
            "DKIM-Signature: v=1; h=from; d=ttu.edu",
            f"DKIM-Signature: v=1; a=rsa-sha256; b=x; bh=x; d=ttu.edu; s=s; h=from; l={chance.randrange(9)}",
            "Content-Type: multipart/mixed; boundary=b",
        ],
        chance.randrange(5),
    )
    chance.shuffle(fields)
    end = chance.choice(("\r\n", "\r\n", "\n"))
    encoding = chance.choice(("utf-8", "utf-8", "latin-1"))
    return f"{end.join(fields)}{end}{end}Hello{end}".encode(encoding, "replace")


def visible_domains(raw: bytes) -> set[str] | None:
    """The domains of all addresses that From shows, in lower case; None where it cannot be told what a reader sees.

    RFC 5322 section 3.4, read sign by sign: quoted strings and comments hide what is in them, a route is nothing that
    anybody writes.
    """
    header = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].replace(b"\n ", b" ").replace(b"\n\t", b" ")
    values = [
        line.partition(b":")[2] for line in header.split(b"\n") if line.partition(b":")[0].lower() == b"from"
    ]
    if len(values) != 1:
        return None
    found: set[str] = set()
    for mailbox in _mailboxes(values[0].decode("utf-8", "replace")):
        if mailbox is None or mailbox.count("@") != 1:
            return None
        found.add(mailbox.partition("@")[2].strip().lower().rstrip("."))
    return found


def _mailboxes(text: str) -> list[str | None]:  # noqa: C901, PLR0912 - one pass, sign by sign, as the grammar has it
    """The address of each mailbox, its blanks left out; None for one that is read in more than one way.

    A group (RFC 6854) is a name in front of its mailboxes, and nothing follows it.
    """
    found: list[str | None] = []
    plain, angle, depth, quoted, inside, odd, group, position = "", "", 0, False, False, False, "", 0
    while position <= len(text):
        at_end = position == len(text)
        sign = "," if at_end else text[position]
        position += 1
        if at_end and (quoted or depth or inside or group == "open"):
            return [None]
        if sign == "\\" and (quoted or depth):
            position += 1
        elif quoted:
            quoted = sign != '"'
        elif depth:
            depth += {"(": 1, ")": -1}.get(sign, 0)
        elif sign == '"':
            quoted = True
            if inside:
                angle += "q"
            else:
                plain += "q"
        elif sign == "(":
            depth = 1
        elif sign == ":" and plain.strip() and not (inside or angle or group or found or "@" in plain):
            plain, group = "", "open"
        elif (sign == "," or (sign == ";" and group == "open")) and not inside:
            if plain.strip() or angle:
                address = angle or plain
                odd = odd or (bool(angle) and "@" in plain) or (not angle and " " in plain.strip())
                found.append(None if odd or group == "closed" else address.strip())
            plain, angle, odd = "", "", False
            group = "closed" if sign == ";" else group
        elif sign in ")\\;:" or (sign == ">" and not inside) or (sign == "<" and (inside or angle)):
            odd = True
        elif sign == "<":
            inside = True
        elif sign == ">":
            inside = False
            angle = angle or "-"
        elif inside:
            angle += sign
        elif angle and not sign.isspace():
            odd = True
        else:
            plain += sign
    return found


def main() -> int:
    """Run; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from portal.mailauth.message_intake import MessageRefused  # noqa: PLC0415 - settings and path are set up first
    from portal.mailauth.message_report import check_message  # noqa: PLC0415 - settings and path are set up first
    from portal.mailauth.resolver import Resolver  # noqa: PLC0415 - settings and path are set up first
    from portal.mailauth.servers import parse_servers  # noqa: PLC0415 - settings and path are set up first
    from tests.support.dns_server import DnsServer  # noqa: PLC0415 - settings and path are set up first

    chance, bad, judged, longest, began = random.Random(options.seed), 0, 0, 0.0, time.monotonic()
    with DnsServer() as server:
        resolver = Resolver(parse_servers(server.address), deadline_seconds=3.0)
        check_message(b"From: a@ttu.edu\r\n\r\nx", resolver=resolver)  # starts what the others find running
        for number in range(options.count):
            raw, said = generated(chance), ""
            started = time.monotonic()
            try:
                domain = check_message(raw, resolver=resolver).from_domain
            except MessageRefused:
                domain = None
            except Exception as error:
                domain, said = None, f"crashed: {error!r}"
            longest = max(longest, time.monotonic() - started)
            judged += domain is not None
            if time.monotonic() - started > LONGEST_SECONDS:
                said = f"took {time.monotonic() - started:.1f} s"
            if domain is not None and not agrees(domain, raw):
                said = f"judged {domain}, and people see {visible_domains(raw)}"
            if said:
                bad += 1
                print(f"message {number}: {said}\n    {raw!r}")
    print(
        f"{options.count} messages in {time.monotonic() - began:.0f} s, {judged} with an author, longest {longest:.3f} s, "
        f"{bad} beyond a bar"
    )
    return int(bad > 0)


def agrees(domain: str, raw: bytes) -> bool:
    """Whether `domain`, in ASCII form, is what people see in From of a message, and all of it."""
    seen = visible_domains(raw)
    if not seen or len(seen) != 1:
        return False
    try:
        return idna.encode(seen.pop(), uts46=True).decode() == domain
    except idna.IDNAError:
        return False


if __name__ == "__main__":
    sys.exit(main())
