"""One DKIM key record: its type and size, and whether receivers will use it (RFC 6376 3.6.1, 8301, 8463)."""

import base64
import binascii
import re
from dataclasses import dataclass

from portal.lib.outcome import Outcome
from portal.mailauth.notes import Note, fail, info, outcome_of, warn

SMALLEST_RSA = 1024
"""Bits below which verifiers must not accept a signature (RFC 8301 section 3.2)."""
COMFORTABLE_RSA = 2048
LARGEST_RSA = 4096
"""Bits up to which every verifier must be able to verify (RFC 8301 section 3.2)."""
LARGEST_EVALUATED_RSA = 8192
"""Bits above which we do not verify: the work grows with their cube, and a stranger chooses them."""
LARGEST_EXPONENT_BITS = 64
LONGEST_RECORD = 8192
ED25519_BYTES = 32
_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_WSP = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True)
class DkimKey:
    """A key record judged; `usable` is whether a signature made with it can verify at all."""

    key_type: str | None
    """rsa or ed25519 (or what the record says); None where there is no key record."""
    bits: int | None
    revoked: bool
    testing: bool
    hashes: tuple[str, ...]
    """The hash algorithms the record allows; empty for all."""
    strict_identity: bool
    """t=s: the domain of i= must be d= itself (RFC 6376 section 3.6.1)."""
    usable: bool
    notes: tuple[Note, ...]

    @property
    def outcome(self) -> Outcome:
        """The worst of the notes."""
        return outcome_of(self.notes)

    def allows(self, algorithm: str) -> str | None:
        """None where a signature by `algorithm` (a=) may use this key, else why not (RFC 6376 6.1.2)."""
        kind, _, hash_name = algorithm.partition("-")
        if kind != self.key_type:
            return f"the signature is {algorithm} and the key is {self.key_type}"
        if self.hashes and hash_name not in self.hashes:
            return f"the key does not allow {hash_name} (h={':'.join(self.hashes)})"
        return None


def parse_key(record: str) -> DkimKey:
    """Judge the text of one key record; never raises for its text."""
    if len(record) > LONGEST_RECORD:
        return _unusable(f"The key record is {len(record)} characters long and was not evaluated.")
    tags = _tags(record)
    if isinstance(tags, str):
        return _unusable(f"The key record is not valid: {tags}")
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        return _unusable(
            "The key record is not valid: v must be DKIM1 and come first (RFC 6376 section 3.6.1)."
        )
    if "p" not in tags:
        return _unusable("The key record has no p= tag, so it holds no key.")
    key_type = tags.get("k", "rsa").lower()
    notes, bits = _judge_material(key_type, _WSP.sub("", tags["p"]))
    flags = [flag.strip() for flag in tags.get("t", "").split(":")]
    hashes = tuple(name.strip().lower() for name in tags.get("h", "").split(":") if name.strip())
    notes += _notes_on_use(hashes, tags.get("s", "*"))
    usable = outcome_of(notes) is not Outcome.FAIL
    if "y" in flags:
        notes.append(warn("t=y: the domain is testing DKIM; receivers may treat its mail as unsigned."))
    return DkimKey(key_type, bits, tags["p"] == "", "y" in flags, hashes, "s" in flags, usable, tuple(notes))


def _unusable(text: str) -> DkimKey:
    return DkimKey(None, None, False, False, (), False, False, (fail(text),))


def _tags(record: str) -> dict[str, str] | str:
    """The tag list (RFC 6376 section 3.2), or what is wrong with it."""
    tags: dict[str, str] = {}
    parts = record.split(";")
    if not parts[-1].strip():
        parts.pop()
    for part in parts:
        name, separator, value = part.partition("=")
        name = name.strip()
        if not separator or not _TAG_NAME.fullmatch(name):
            return f"“{part.strip()[:40]}” is no tag."
        if name in tags:
            return f"the tag {name}= stands twice."
        tags[name] = value.strip()
    return tags


def _judge_material(key_type: str, material: str) -> tuple[list[Note], int | None]:
    if not material:
        return [fail("The key is revoked: p= is empty.")], None
    if key_type not in ("rsa", "ed25519"):
        return [fail(f"The key type {key_type} is unknown to receivers.")], None
    try:
        if not _BASE64.fullmatch(material):
            raise ValueError
        raw = base64.b64decode(material, validate=True)
    except (ValueError, binascii.Error):
        return [fail("The key in p= is broken: it is no base64.")], None
    return _judge_ed25519(raw) if key_type == "ed25519" else _judge_rsa(raw)


def _judge_ed25519(raw: bytes) -> tuple[list[Note], int | None]:
    if len(raw) != ED25519_BYTES:
        return [fail(f"An Ed25519 key has {ED25519_BYTES} bytes; this one has {len(raw)}.")], None
    return [
        info("Some receivers do not verify Ed25519 yet; sign with an RSA key as well.")
    ], ED25519_BYTES * 8


def _judge_rsa(raw: bytes) -> tuple[list[Note], int | None]:
    numbers = rsa_numbers(raw)
    if numbers is None:
        return [fail("The key in p= is broken: it is no RSA public key.")], None
    modulus, exponent = numbers
    bits = modulus.bit_length()
    return [note for note in (_note_on_rsa(bits, modulus, exponent),) if note is not None], bits


def _note_on_rsa(bits: int, modulus: int, exponent: int) -> Note | None:
    if bits < SMALLEST_RSA:
        return fail(f"An RSA key of {bits} bits is not accepted any more (RFC 8301 section 3.2).")
    if bits > LARGEST_EVALUATED_RSA or exponent.bit_length() > LARGEST_EXPONENT_BITS:
        return fail(f"An RSA key of {bits} bits with such an exponent is more than receivers evaluate.")
    if modulus % 2 == 0 or exponent % 2 == 0 or exponent == 1:
        return fail("The key in p= is broken: its numbers are no RSA public key.")
    if bits < COMFORTABLE_RSA:
        return warn(f"The RSA key has {bits} bits; use {COMFORTABLE_RSA} (RFC 8301 section 3.2).")
    if bits > LARGEST_RSA:
        return warn(f"The RSA key has {bits} bits; receivers need not verify more than {LARGEST_RSA}.")
    return None


def rsa_numbers(raw: bytes) -> tuple[int, int] | None:
    """Modulus and exponent from a SubjectPublicKeyInfo or a bare RSAPublicKey; None for anything else."""
    from dkim.crypto import UnparsableKeyError, parse_public_key  # noqa: PLC0415 - slow to import, and not needed at web start

    try:
        key = parse_public_key(raw)
        return int(key["modulus"]), int(key["publicExponent"])
    except (UnparsableKeyError, LookupError, AssertionError, TypeError, ValueError):
        return None  # dkimpy's ASN.1 reader meets hostile bytes with whatever exception they lead to


def _notes_on_use(hashes: tuple[str, ...], services: str) -> list[Note]:
    notes = []
    if hashes and "sha256" not in hashes:
        notes.append(
            fail(f"The key allows {', '.join(hashes)} alone; receivers accept sha256 only (RFC 8301).")
        )
    elif "sha1" in hashes:
        notes.append(
            info("The key still lists sha1, which no receiver accepts any more (RFC 8301 section 3.1).")
        )
    if not {"*", "email"} & {name.strip() for name in services.split(":")}:
        notes.append(fail(f"The key is not for email (s={services})."))
    return notes
