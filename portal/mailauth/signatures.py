"""Verifying the DKIM signatures of one message: dkimpy for the cryptography, RFC 8301 and 8463 for the rules.

dkimpy asks no DNS here: each key was fetched, judged and bounded before (`dkim_selectors`). It also sees the
body only in canonical form, since its own canonicalization takes the square of a run of blanks.
"""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from portal.mailauth.dkim_selectors import SelectorReport
from portal.mailauth.message_intake import Message
from portal.mailauth.notes import Note, fail, info, unknown, warn
from portal.mailauth.signature_fields import SignatureFields

MOST_SIGNATURES = 8
MOST_SECONDS = 5.0
"""Time for the signatures of one message together; what is left over then is unknown."""
_BLANKS = re.compile(rb"[ \t]+")
_quiet = logging.getLogger("portal.mailauth.dkimpy")
_quiet.propagate = False  # dkimpy logs every bad signature as an error; here it is a finding
_quiet.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Verification:
    """Whether one signature verifies: None where that could not be established; with its remarks."""

    valid: bool | None
    notes: tuple[Note, ...]


class Verifier:
    """The signatures of one message, verified within a bound of time."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._stop_at = time.monotonic() + MOST_SECONDS
        self._bodies: dict[bool, bytes] = {}

    def verify(self, index: int, fields: SignatureFields, key: SelectorReport | None) -> Verification:
        """Verify the signature that stands at `index` among the DKIM-Signature fields; never raises."""
        remarks = _remarks(fields)
        refusal = _refuse_fields(fields) or _refuse_key(fields, key)
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
        return Verification(True, remarks)

    def _compute(self, index: int, fields: SignatureFields, key: SelectorReport) -> str:
        """Empty where the signature verifies, else one sentence."""
        import dkim

        verifier = dkim.DKIM(self._message.header + b"\r\n", logger=_quiet, minkey=0)
        verifier.body = self._canonical_body(relaxed=fields.relaxed_body)
        record = _key_for_dkimpy(key)
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
                body = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n").removesuffix(b" ")
            stripped = body.rstrip(b"\r\n")
            self._bodies[relaxed] = stripped + b"\r\n" if stripped or not relaxed else b""
        return self._bodies[relaxed]


def _refuse_fields(fields: SignatureFields) -> Note | None:
    if fields.fault:
        return fail(f"The signature is not valid: {fields.fault}.")
    if fields.algorithm == "rsa-sha1":
        return fail("It is signed by rsa-sha1, which receivers must not accept (RFC 8301 section 3.1).")
    if fields.expires_at is not None and fields.expires_at < datetime.now(UTC):
        return fail(f"The signature expired on {fields.expires_at:%d %B %Y, %H:%M} UTC (x=).")
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
    if fields.body_length is not None:
        notes.append(
            warn(
                f"l={fields.body_length}: only so many bytes of the body are signed, and anybody can add to it "
                "(RFC 6376 section 8.2)."
            )
        )
    if fields.signs_from_twice:
        notes.append(info("From is over-signed: nobody can add a second one."))
    if fields.expires_at is not None:
        notes.append(info(f"The signature is good until {fields.expires_at:%d %B %Y, %H:%M} UTC (x=)."))
    return tuple(notes)


def _key_for_dkimpy(key: SelectorReport) -> bytes:
    """The key alone: dkimpy trips over tags that it does not expect, and they were judged already."""
    assert key.key is not None
    tags = dict(part.split("=", 1) for part in (key.record or "").split(";") if "=" in part)
    material = next(value for name, value in tags.items() if name.strip() == "p")
    return f"k={key.key.key_type}; p={''.join(material.split())}".encode("ascii", "replace")


def _in_plain_words(message: str) -> str:
    if message.startswith("body hash mismatch"):
        return "The body was changed after signing (its hash differs)."
    if message.startswith("t= value is in the future"):
        return "The signature is not valid: it is dated in the future (t=)."
    text = re.sub(r"b'([^']*)'", r"\1", " ".join(message.split()))
    return f"The signature is not valid: {text[:200]}."


def keys_wanted(signatures: Sequence[SignatureFields]) -> list[tuple[str, str]]:
    """Domain and selector of every key to fetch, without those of signatures that cannot be used anyway."""
    return list(dict.fromkeys((one.domain, one.selector) for one in signatures if not one.fault))
