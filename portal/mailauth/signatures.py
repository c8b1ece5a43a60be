"""Verifying the DKIM signatures of one message: dkimpy for the cryptography, RFC 8301 and 8463 for the rules.

dkimpy asks no DNS here: each key was fetched, judged and bounded before (`dkim_selectors`). The body's hash is
compared here as well: dkimpy's own canonicalization takes the square of a run of blanks, and seconds for many words.
"""

import base64
import hashlib
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from portal.mailauth.dkim_key import COMFORTABLE_RSA
from portal.mailauth.dkim_selectors import SelectorReport
from portal.mailauth.message_intake import Message
from portal.mailauth.notes import Note, fail, info, unknown, warn
from portal.mailauth.signature_fields import SignatureFields

MOST_SIGNATURES = 8
MOST_SECONDS = 5.0
"""Time for the signatures of one message together; what is left over then is unknown."""
CLOCK_SKEW = timedelta(minutes=15)
"""How far a signer's clock may be ahead of ours."""
SHOULD_BE_SIGNED = ("subject", "date", "to", "cc", "reply-to", "mime-version", "content-type")
"""What people see, or how they see it: who may change it, changes the message (RFC 6376 section 5.4.1)."""
_quiet = logging.getLogger("portal.mailauth.dkimpy")
_quiet.propagate = False  # dkimpy logs every bad signature as an error; here it is a finding
_quiet.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Verification:
    """Whether one signature verifies: None where that could not be established; with its remarks."""

    valid: bool | None
    notes: tuple[Note, ...]
    limit: str = ""
    """Why a signature that verifies proves nothing all the same, as a clause; "" where it proves the message."""
    warnings: tuple[str, ...] = ()
    """What it leaves open to others although it proves this message, a sentence each."""


class Verifier:
    """The signatures of one message, verified within a bound of time as of the moment `now`."""

    def __init__(self, message: Message, now: datetime) -> None:
        self._message, self._now = message, now
        self._stop_at = time.monotonic() + MOST_SECONDS
        self._bodies: dict[bool, bytes] = {}
        self._hashes: dict[tuple[bool, int | None], bytes] = {}

    def verify(self, index: int, fields: SignatureFields, key: SelectorReport | None) -> Verification:
        """Verify the signature that stands at `index` among the DKIM-Signature fields; never raises."""
        remarks = (*_remarks(fields), *self._unsigned(fields))
        refusal = _refuse_fields(fields, self._now) or _refuse_key(fields, key) or self._refuse_length(fields)
        if refusal is not None:
            return Verification(None if refusal.outcome.value == "unknown" else False, (refusal, *remarks))
        assert key is not None
        assert key.key is not None
        remarks += key.notes
        if time.monotonic() > self._stop_at:
            return Verification(None, (unknown("It was not evaluated: the message took too long."), *remarks))
        problem = self._compute(index, fields, key)
        if problem:
            return Verification(False, (fail(problem), *remarks))
        limit = self.limit(fields) or _limit_of_key(key)
        warnings = _warnings(fields, key)
        shown = [*([fail(f"It proves nothing: {limit}.")] if limit else []), *map(warn, warnings)]
        return Verification(True, (*shown, *remarks), limit, warnings)

    def limit(self, fields: SignatureFields) -> str:
        """Why the signature would prove nothing, whatever its key: text that it does not sign; "" where it signs all."""
        if fields.fault or fields.body_length is None:
            return ""
        size = len(self._canonical_body(relaxed=fields.relaxed_body))
        if 0 < fields.body_length == size:
            return ""
        part = f"the first {fields.body_length:,} of {size:,} octets" if fields.body_length else "nothing"
        return (
            f"it signs {part} of the body (l={fields.body_length}), so anybody can have added text "
            "(RFC 6376 section 8.2)"
        )

    def _refuse_length(self, fields: SignatureFields) -> Note | None:
        if fields.body_length is None:
            return None
        size = len(self._canonical_body(relaxed=fields.relaxed_body))
        if fields.body_length <= size:
            return None
        return fail(
            f"The signature is not valid: it signs {fields.body_length:,} octets of the body (l=), and the body has {size:,}."
        )

    def _unsigned(self, fields: SignatureFields) -> list[Note]:
        """A note on header fields of the message that anybody can change without breaking the signature."""
        here = {name.lower() for name, _ in self._message.fields}
        open_ = [name for name in SHOULD_BE_SIGNED if name in here and name not in fields.covers]
        if fields.fault or not open_:
            return []
        names = ", ".join(name.title().replace("Mime", "MIME") for name in open_)
        return [warn(f"Not signed, so that anybody can change it: {names} (RFC 6376 section 5.4.1).")]

    def _compute(self, index: int, fields: SignatureFields, key: SelectorReport) -> str:
        """Empty where the signature verifies, else one sentence."""
        import dkim  # noqa: PLC0415 - slow to import, and not needed at web start

        verifier = _header_verifier(self._message.header + b"\r\n")
        verifier.body_hash = self._body_hash(fields)
        record = _key_for_dkimpy(key)
        # dkimpy looks at the clock by itself; what the signature says of time was judged above, as of `now`.
        dkim.time = SimpleNamespace(time=self._now.timestamp)
        try:
            good = verifier.verify(index, dnsfunc=lambda _name, timeout=0: record)
        except dkim.ValidationError as error:
            return _in_plain_words(str(error))
        except Exception as error:
            # dkimpy raises whatever hostile fields lead it to (assertions, index errors); none of it verifies.
            _quiet.debug("signature %d: %r", index, error)
            return "The signature field is malformed and cannot be verified."
        if good:
            return ""
        return "The signature does not match: the header was changed after signing, or another key signed it."

    def _canonical_body(self, *, relaxed: bool) -> bytes:
        """The body in the form that is hashed (RFC 6376 sections 3.4.3, 3.4.4), in linear time."""
        if relaxed not in self._bodies:
            body = self._message.body
            if relaxed:
                body = body.replace(b"\t", b" ")
                while b"  " in body:  # each turn halves every run of blanks, so all turns cost as much as two
                    body = body.replace(b"  ", b" ")
                body = body.replace(b" \r\n", b"\r\n").removesuffix(b" ")
            stripped = body.rstrip(b"\r\n")
            self._bodies[relaxed] = stripped + b"\r\n" if stripped or not relaxed else b""
        return self._bodies[relaxed]

    def _body_hash(self, fields: SignatureFields) -> bytes:
        """SHA-256 of the signed part of the canonical body; every algorithm that is accepted uses it (RFC 8301)."""
        what = (fields.relaxed_body, fields.body_length)
        if what not in self._hashes:
            body = memoryview(self._canonical_body(relaxed=fields.relaxed_body))
            self._hashes[what] = hashlib.sha256(body[: fields.body_length]).digest()
        return self._hashes[what]


def _header_verifier(header: bytes) -> Any:
    """dkimpy's verifier for the header, which compares `body_hash` with the one that is signed."""
    import dkim  # noqa: PLC0415 - slow to import, and not needed at web start

    class HeaderVerifier(dkim.DKIM):  # type: ignore[misc]  # dkimpy has no types
        body_hash = b""

        def verify_sig(self, sig: dict[bytes, bytes], *others: Any) -> Any:
            """Verify what is signed of the header, the hash of the body among it."""
            signed = base64.b64decode(re.sub(rb"\s+", b"", sig[b"bh"]))
            if signed != self.body_hash:
                raise dkim.ValidationError("body hash mismatch")
            return super().verify_sig({name: value for name, value in sig.items() if name != b"bh"}, *others)

    return HeaderVerifier(header, logger=_quiet, minkey=0)


def _refuse_fields(fields: SignatureFields, now: datetime) -> Note | None:
    if fields.fault:
        return fail(f"The signature is not valid: {fields.fault}.")
    if fields.algorithm == "rsa-sha1":
        return fail("It is signed by rsa-sha1, which receivers must not accept (RFC 8301 section 3.1).")
    if fields.expires_at is not None and fields.expires_at < now:
        return fail(f"The signature expired on {fields.expires_at:%d %B %Y, %H:%M} UTC (x=).")
    if fields.signed_at is not None and fields.signed_at > now + CLOCK_SKEW:
        return fail(f"The signature is dated in the future: {fields.signed_at:%d %B %Y, %H:%M} UTC (t=).")
    return None


def _refuse_key(fields: SignatureFields, key: SelectorReport | None) -> Note | None:
    if key is None:
        return unknown("It was not evaluated: the message has too many signatures.")
    if key.key is None or not key.key.usable:
        return next(note for note in key.notes if note.outcome.value in ("fail", "unknown"))
    mismatch = key.key.allows(fields.algorithm)
    if mismatch:
        return fail(f"The signature is not valid: {mismatch}.")
    inside = fields.identity_domain == fields.domain or fields.identity_domain.endswith(f".{fields.domain}")
    if not inside or (key.key.strict_identity and fields.identity_domain != fields.domain):
        return fail(
            f"The signature is not valid: i= names {fields.identity_domain}, which its key does not allow."
        )
    return None


def _remarks(fields: SignatureFields) -> tuple[Note, ...]:
    notes = []
    if fields.signs_from_twice:
        notes.append(info("From is over-signed: nobody can add a second one."))
    if fields.expires_at is not None:
        notes.append(info(f"The signature is good until {fields.expires_at:%d %B %Y, %H:%M} UTC (x=)."))
    return tuple(notes)


def _limit_of_key(key: SelectorReport) -> str:
    if key.key is not None and key.key.testing:
        return (
            f"the key at {key.name} says t=y (testing), so receivers treat the mail as if it were not signed "
            "(RFC 6376 section 3.6.1)"
        )
    return ""


def _warnings(fields: SignatureFields, key: SelectorReport) -> tuple[str, ...]:
    """What others can do to a copy of the message without breaking its signature, and how the signer prevents it."""
    found = []
    if fields.body_length is not None:
        found.append(
            f"It signs the body up to its present end alone (l={fields.body_length}): anybody can append text to a copy, "
            "and the signature stays valid (RFC 6376 section 8.2). Have the service sign without l=."
        )
    if not fields.signs_from_twice:
        found.append(
            "It signs From once: anybody can add a second From to a copy, and the signature stays valid (RFC 6376 "
            "section 8.15). Have the service list From twice in h=."
        )
    bits = key.key.bits if key.key is not None and key.key.key_type == "rsa" else None
    if bits is not None and bits < COMFORTABLE_RSA:
        found.append(f"Its RSA key has {bits} bits, which is weak. Have the service use {COMFORTABLE_RSA}.")
    return tuple(found)


def _key_for_dkimpy(key: SelectorReport) -> bytes:
    """The key alone: dkimpy trips over tags that it does not expect, and they were judged already."""
    assert key.key is not None
    tags = dict(part.split("=", 1) for part in (key.record or "").split(";") if "=" in part)
    material = next(value for name, value in tags.items() if name.strip() == "p")
    return f"k={key.key.key_type}; p={''.join(material.split())}".encode("ascii", "replace")


def _in_plain_words(message: str) -> str:
    if message.startswith("body hash mismatch"):
        return "The body was changed after signing (its hash differs)."
    text = re.sub(r"b'([^']*)'", r"\1", " ".join(message.split()))
    return f"The signature is not valid: {text[:200]}."


def keys_wanted(signatures: Sequence[SignatureFields]) -> list[tuple[str, str]]:
    """Domain and selector of every key to fetch, without those of signatures that cannot be used anyway."""
    return list(dict.fromkeys((one.domain, one.selector) for one in signatures if not one.fault))
