"""The addresses in a From, Sender, Resent-From or Resent-Sender field, where every mail program reads them alike.

RFC 5322 section 3.4 with RFC 6854 (groups) and RFC 6532 (UTF-8), less what programs are known to read in more
than one way: comments, routes or quotes inside an address, words outside of quotes that hold an @, missing
brackets, encoded words that no one decoder agrees on. Such a field is `Undecidable`. What a program may show in
place of the address, the names and comments, is handed back decoded, so that the caller can judge it as well.
"""

import base64
import binascii
import quopri
import re
import unicodedata
from typing import NamedTuple

LONGEST_FIELD = 4096
LONGEST_ADDRESS = 254
MOST_ADDRESSES = 50
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = rf"{_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})+"
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_INTERNATIONAL = _ADDRESS.replace("[A-Za-z0-9", "[A-Za-z0-9\u0080-\U0010ffff")
"""RFC 6532 section 3.2: letters of other scripts in both parts."""


def _tokens(address: str) -> re.Pattern[str]:
    return re.compile(
        rf"""[ \t]+
        | "(?P<quoted>(?:[^"\\]|\\["\\])*)"
        | <[ \t]*(?P<angle>{address})[ \t]*>
        | (?P<atom>[^ \t"()<>,:;\\\[\]]+)
        | (?P<mark>[,:;(])""",
        re.VERBOSE,
    )


_FORMS = {
    False: (_tokens(_ADDRESS), re.compile(_ADDRESS).fullmatch),
    True: (_tokens(_INTERNATIONAL), re.compile(_INTERNATIONAL).fullmatch),
}
_SIMPLE = re.compile(
    rf'[ \t]*(?:"(?P<name>[A-Za-z0-9 .,_&\'/-]*)"|(?P<words>[A-Za-z0-9 _&\'/-]*))[ \t]*<(?P<address>{_ADDRESS})>[ \t]*'
).fullmatch
"""What nearly every system writes, read in one go."""

_ENCODED = re.compile(r"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([^?\s]*)\?([^?]*)\?=")
_BETWEEN_ENCODED = re.compile(r"(\?=)[ \t]+(=\?)")
_CHARSETS = re.compile(
    r"us-ascii|ascii|utf-?8|iso-8859-\d{1,2}|windows-125\d|cp125\d|koi8-[ru]|gb2312|gbk|gb18030|big5|euc-jp|euc-kr"
    r"|iso-2022-jp|shift_jis",
    re.IGNORECASE,
)
"""What encoded words may be in; UTF-7, for one, is decoded by some programs alone."""
_ESCAPED = re.compile(r"\\(.)")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that turn the direction of what follows: what is read is not what stands there."""
_LIKE_AN_ADDRESS = re.compile(r"\S@\S|@\s*[^\s@]+\.[^\s@]")
_LONGEST_NAME = 1000
"""A longer name with an @ in it is not searched for addresses: it is like one."""
_SHOWN_ADDRESS = re.compile(rf"(?<![^\s(\[{{<'\"“‘,:;])({_ADDRESS})(?![^\s)\]}}>'\"”’,:;.!?])")


class Undecidable(ValueError):
    """Programs read the field in more than one way, or not at all; `str(error)` says why, without a period."""


class AddressField(NamedTuple):
    """What stands in one field."""

    addresses: tuple[str, ...]
    """In lower case, in order."""
    texts: tuple[str, ...]
    """The names of people and groups and the comments, encoded words decoded and as they stand."""


def read_addresses(raw: bytes, *, is_international: bool = False) -> AddressField:
    """The addresses and texts in the body of a field, `raw`, folded with LF or CRLF. Raises Undecidable.

    `is_international` takes addresses with letters of other scripts too (RFC 6532).
    """
    if len(raw) > LONGEST_FIELD:
        raise Undecidable(f"it is longer than {LONGEST_FIELD} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Undecidable("it has bytes that are no UTF-8") from None
    if "\n" in text:
        text = _FOLD.sub("", text)
    simple = _SIMPLE(text)
    if simple is not None:
        address = simple["address"].lower()
        _check_address(address)
        return AddressField((address,), ((simple["name"] or simple["words"] or "").strip(),))
    _refuse_signs(text)
    return _Reading(text, is_international=is_international).whole()


def addresses_shown(text: str) -> tuple[str, ...]:
    """What a person takes for an address in a name: the addresses in lower case, "?" for what is only like one."""
    if "@" not in text and text.isascii():
        return ()
    plain = "".join(
        char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf"
    )
    if "@" not in plain:
        return ()
    if len(plain) > _LONGEST_NAME:
        return ("?",)
    found = tuple(match.lower().lstrip("'") for match in _SHOWN_ADDRESS.findall(plain))
    rest = _SHOWN_ADDRESS.sub(" ", plain)
    return (*found, "?") if _LIKE_AN_ADDRESS.search(rest) else found


def _refuse_signs(text: str) -> None:
    for char in text:
        if char == "\t" or " " <= char <= "~":
            continue
        category = unicodedata.category(char)
        if category in ("Cc", "Cs", "Zl", "Zp") or char in _TURNING:
            raise Undecidable("it has a control character")


def _check_address(address: str) -> None:
    if "=?" in address:
        raise Undecidable("an encoded word in it touches an address")
    if len(address) > LONGEST_ADDRESS:
        raise Undecidable(f"an address in it is longer than {LONGEST_ADDRESS} characters")


class _Reading:
    """One pass over a field."""

    def __init__(self, text: str, *, is_international: bool) -> None:
        self._text = text
        self._token, self._bare_address = _FORMS[is_international]
        self._addresses: list[str] = []
        self._texts: list[str] = []
        self._is_in_group = self._is_over = False
        self._clear()

    def _clear(self) -> None:
        self._words: list[str] = []
        self._bare: list[str] = []
        """The words outside of quotes."""
        self._angle = ""
        self._has_comment = False

    def whole(self) -> AddressField:
        """The field, read to its end."""
        at, end = 0, len(self._text)
        while at < end:
            token = self._token.match(self._text, at)
            if token is None:
                raise Undecidable("an address, a quote or a bracket in it is not well formed")
            at, kind = token.end(), token.lastgroup
            if kind == "angle" and self._text[token.start() - 1 : token.start()] == ".":
                raise Undecidable("a dot in it touches a bracket")
            if self._is_over and kind is not None:
                raise Undecidable("there is something after a group")
            if kind == "mark":
                at = self._take_mark(token["mark"], at)
            elif kind is not None:
                self._take(kind, token[kind])
        if self._is_in_group:
            raise Undecidable("a group in it has no end")
        if not self._is_over:
            self._end_mailbox(is_last=True)
        return AddressField(tuple(self._addresses), tuple(self._texts))

    def _take(self, kind: str, value: str) -> None:
        if self._angle:
            raise Undecidable("there is something after the bracket of an address")
        if "=?" in value:
            decoded(value)  # One that goes on beyond its word is read in more than one way.
        if kind == "angle":
            self._angle = value
        elif kind == "quoted":
            if "<" in value or ">" in value:
                raise Undecidable("a name in quotes has a bracket in it")
            self._words.append(_ESCAPED.sub(r"\1", value))
        else:
            self._words.append(value)
            self._bare.append(value)

    def _take_mark(self, mark: str, at: int) -> int:
        if mark == "(":
            return self._take_comment(at)
        if mark == ",":
            self._end_mailbox(is_last=False)
        elif mark == ":":
            self._begin_group()
        else:
            self._end_group()
        return at

    def _take_comment(self, at: int) -> int:
        depth, start = 1, at
        while depth:
            if at >= len(self._text):
                raise Undecidable("a comment in it has no end")
            char = self._text[at]
            if char in '<>"\\':
                raise Undecidable("a comment in it has a quote or a bracket")
            depth += (char == "(") - (char == ")")
            at += 1
        self._has_comment = True
        self._note(self._text[start : at - 1])
        return at

    def _begin_group(self) -> None:
        if self._is_in_group or self._addresses or self._angle or not self._words or self._has_comment:
            raise Undecidable("a colon in it begins no group")
        self._refuse_bare_addresses()
        self._note(" ".join(self._words))
        self._clear()
        self._is_in_group = True

    def _end_group(self) -> None:
        if not self._is_in_group:
            raise Undecidable("a semicolon in it ends no group")
        self._end_mailbox(is_last=True)
        self._is_in_group, self._is_over = False, True

    def _end_mailbox(self, *, is_last: bool) -> None:
        if self._angle:
            self._refuse_bare_addresses()
            if self._words:
                self._note(" ".join(self._words))
            self._add(self._angle)
        elif len(self._words) == 1 and self._bare and self._bare_address(self._words[0]):
            self._add(self._words[0])
        elif self._words:
            raise Undecidable("it has words that are neither an address nor the name of one")
        elif self._addresses or not is_last:
            raise Undecidable("a comma in it has no address beside it")
        self._clear()

    def _add(self, address: str) -> None:
        _check_address(address)
        if len(self._addresses) >= MOST_ADDRESSES:
            raise Undecidable(f"it has more than {MOST_ADDRESSES} addresses")
        # Only ASCII letters are lowered, so that no other letter becomes one of them.
        self._addresses.append(address.lower() if address.isascii() else address.encode().lower().decode())

    def _refuse_bare_addresses(self) -> None:
        if any("@" in word or word.startswith(".") for word in self._bare):
            raise Undecidable("a name in it has an @ or a leading dot outside of quotes")

    def _note(self, text: str) -> None:
        self._texts.append(text)
        if "=?" in text:
            self._texts.append(decoded(text))


def decoded(text: str) -> str:
    """The text with its encoded words decoded (RFC 2047), as lenient programs do it. Raises Undecidable."""
    joined = _BETWEEN_ENCODED.sub(r"\1\2", text)
    plain = _ENCODED.sub(lambda match: _decode_word(match[1], match[2], match[3]), joined)
    if "=?" in plain:
        raise Undecidable("an encoded word in it is not well formed")
    _refuse_signs(plain)
    return plain


def _decode_word(charset: str, encoding: str, data: str) -> str:
    if not _CHARSETS.fullmatch(charset) or not data.isascii():
        raise Undecidable("an encoded word in it has an unusual character set")
    try:
        if encoding in ("q", "Q"):
            raw = quopri.decodestring(data.encode("ascii"), header=True)
        elif encoding in ("b", "B"):
            raw = base64.b64decode(data.encode("ascii"), validate=True)
        else:
            raise Undecidable("an encoded word in it has an unknown encoding")
        return raw.decode(charset)
    except (binascii.Error, UnicodeDecodeError, LookupError):
        raise Undecidable("an encoded word in it cannot be decoded") from None
