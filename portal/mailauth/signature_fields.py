"""What one DKIM-Signature field says of itself, before anything is verified (RFC 6376 section 3.5)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from portal.mailauth.names import DomainRefused, parse_domain

LONGEST_FIELD = 16 * 1024
MOST_COVERED = 200
"""Names in h=; each of them is looked for among all fields of the header."""
_FWS = re.compile(r"[ \t\r\n]+")
_KNOWN_ALGORITHMS = frozenset({"rsa-sha1", "rsa-sha256", "ed25519-sha256"})
_SELECTOR = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_LATEST_SECOND = 253_402_300_799
_LONGEST_NUMBER = 76
_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")


@dataclass(frozen=True)
class SignatureFields:
    """The tags of a signature; `fault` says why it cannot be used, empty where it can be tried."""

    domain: str
    selector: str
    algorithm: str
    covers: tuple[str, ...]
    """Names of the signed header fields in lower case, as listed (a name may stand twice)."""
    body_length: int | None
    identity_domain: str
    signed_at: datetime | None
    """The time of t=, as the signer says it."""
    expires_at: datetime | None
    relaxed_body: bool
    fault: str = ""

    @property
    def signs_from_twice(self) -> bool:
        """Whether another From field cannot be added without breaking the signature (over-signing)."""
        return self.covers.count("from") > 1


def read_fields(value: bytes) -> SignatureFields:
    """The tags of a raw DKIM-Signature value; never raises for its content."""
    if len(value) > LONGEST_FIELD:
        return _from_tags({}, "the signature field is too long to be evaluated")
    tags: dict[str, str] = {}
    fault = ""
    for part in value.decode("utf-8", "replace").strip().removesuffix(";").split(";"):
        name, separator, text = part.partition("=")
        name = name.strip()
        if not separator or not name:
            fault = fault or "the signature field is no list of tags"
        elif name in tags:
            fault = fault or f"the tag {name}= stands twice"
        else:
            tags[name] = text.strip()
    missing = [name for name in _REQUIRED if name not in tags]
    if missing and not fault:
        fault = f"the tag {missing[0]}= is missing"
    return _from_tags(tags, fault)


def _from_tags(tags: dict[str, str], fault: str) -> SignatureFields:
    domain, domain_fault = _domain(tags.get("d", ""))
    covers = tuple(name.strip().lower() for name in tags.get("h", "").split(":") if name.strip())
    selector, algorithm = tags.get("s", "").lower(), tags.get("a", "").lower()
    _, _, body = tags.get("c", "simple/simple").partition("/")
    identity = _FWS.sub("", tags.get("i", "")).lower().rpartition("@")[2] or domain
    signed_at, time_fault = _moment(tags.get("t"), "the time t=")
    expires_at, expiry_fault = _moment(tags.get("x"), "the expiry x=")
    body_length, length_fault = _length(tags.get("l"))
    faults = (
        fault,
        domain_fault,
        "" if algorithm in _KNOWN_ALGORITHMS else f"the algorithm {algorithm or '(none)'} is unknown",
        "" if _SELECTOR.fullmatch(selector) else "the selector s= is no part of a domain name",
        "" if "from" in covers else "it does not cover the From field (RFC 6376 section 5.4)",
        "" if len(covers) <= MOST_COVERED else f"it names more than {MOST_COVERED} header fields (h=)",
        time_fault,
        expiry_fault,
        length_fault,
    )
    return SignatureFields(
        domain=domain,
        selector=selector,
        algorithm=algorithm,
        covers=covers,
        body_length=body_length,
        identity_domain=identity,
        signed_at=signed_at,
        expires_at=expires_at,
        relaxed_body=body.strip().lower() == "relaxed",
        fault=next((text for text in faults if text), ""),
    )


def _domain(text: str) -> tuple[str, str]:
    try:
        return parse_domain(text).ascii, ""
    except DomainRefused:
        return _FWS.sub("", text).lower()[:253], "the domain d= is no domain name"


def _moment(text: str | None, what: str) -> tuple[datetime | None, str]:
    if text is None:
        return None, ""
    if not (text.isascii() and text.isdecimal()):
        return None, f"{what} is no time"
    return datetime.fromtimestamp(min(int(text[:20]), _LATEST_SECOND), UTC), ""


def _length(text: str | None) -> tuple[int | None, str]:
    if text is None:
        return None, ""
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER):
        return None, "the body length l= is no number"
    return int(text), ""
