"""Messages made to cost as much as they can: one for each way that a parser was, or could be, led to work too long.

They are what the tests of the budgets and `benchmarks/hostile.py` use. Each is at most as large as the form takes
(2 MB for a campaign's message), unless `size` asks for more.
"""

import base64
from collections.abc import Callable
from typing import Final

SIZE: Final = 2 * 1024 * 1024 - 8192
"""Octets of a campaign's message, nearly the most that its form takes."""
_HEAD: Final = (
    "From: Events <events@ttu.edu>\r\nTo: all@ttu.edu\r\nSubject: Spring concerts\r\nMIME-Version: 1.0\r\n"
)
_TAIL: Final = "<p>Texas Tech University, 2500 Broadway, Lubbock, TX 79409. <a href='https://lists.ttu.edu/u/0123456789abcdef'>Unsubscribe</a></p>"


def html(body: str, *, head: str = "") -> bytes:
    """A message of one HTML part."""
    return f"{_HEAD}{head}Content-Type: text/html; charset=utf-8\r\n\r\n{body}".encode()


def plain(body: str, *, head: str = "") -> bytes:
    """A message of one plain part."""
    return f"{_HEAD}{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()


def filled(text: str, size: int) -> str:
    """The text as often as it goes into `size` characters."""
    return text * max(size // len(text), 1)


def _multipart(size: int) -> bytes:
    parts = filled("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n", size)
    return f"{_HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n".encode()


def _nested(depth: int, filling: str) -> bytes:
    levels = "".join(
        f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(depth)
    )
    return f"{_HEAD}{levels}Content-Type: text/plain\r\n\r\n{filling}".encode()


def _embedded(depth: int, filling: str) -> bytes:
    return f"{_HEAD}{'Content-Type: message/rfc822' + chr(13) + chr(10) * 1 + chr(13) + chr(10)}".encode() + (
        b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: x\r\n\r\n" + filling.encode()
    )


def _encoded(name: str, body: str, kind: str = "html") -> bytes:
    head = f"{_HEAD}Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {name}\r\n\r\n"
    return (head + body).encode()


def _base64(text: str) -> bytes:
    return _encoded("base64", base64.encodebytes(text.encode()).decode().replace("\n", "\r\n"))


_DISTINCT: Final = "".join(f"<p style='color:#{number:06x};a{number}:b'>x</p>" for number in range(40_000))

HOSTILE: Final[dict[str, Callable[[int], bytes]]] = {
    "comments in a style sheet": lambda size: html(f"<style>{filled('/* ', size)}</style>{_TAIL}"),
    "at-rules that never end": lambda size: html(f"<style>{filled('@media all{', size)}</style>{_TAIL}"),
    "blocks in blocks of a style sheet": lambda size: html(f"<style>{filled('a{', size)}</style>{_TAIL}"),
    "brackets in a style sheet": lambda size: html(f"<style>a{{b:{filled('(', size)}</style>{_TAIL}"),
    "urls in a style sheet": lambda size: html(f"<style>{filled('url(', size)}</style>{_TAIL}"),
    "escapes in a style sheet": lambda size: html(f"<style>{filled(chr(92), size)}</style>{_TAIL}"),
    "quotes in a style sheet": lambda size: html(
        f"<style>{filled('a', size // 2)}{filled(chr(34), size // 2)}</style>{_TAIL}"
    ),
    "rules in a style sheet": lambda size: html(f"<style>{filled('.a{display:none}', size)}</style>{_TAIL}"),
    "selectors in a style sheet": lambda size: html(
        f"<style>{filled('.a,', size)}b{{display:none}}</style>{_TAIL}"
    ),
    "rules for many elements": lambda size: html(
        f"<style>{''.join(f'.c{n},p.d{n}{{color:#{n:03x};left:{n}px}}' for n in range(150))}</style>"
        + "".join(
            f"<p class='{' '.join(f'c{(n * k) % 150}' for k in range(1, 12))}'>x"
            for n in range(min(size // 60, 19_000))
        )
    ),
    "comments in a style attribute": lambda size: html(
        f"<p style='{filled('/* ', min(size, 60_000))}'>x</p>{_TAIL}"
    ),
    "a large style attribute": lambda size: html(f"<p style='{filled('/* ', size)}'>x</p>{_TAIL}"),
    "brackets in a style attribute": lambda size: html(f"<p style='a:{filled('[{(', size)}'>x</p>{_TAIL}"),
    "declarations in a style attribute": lambda size: html(f"<p style='{filled('a:b;', size)}'>x</p>{_TAIL}"),
    "many style attributes": lambda size: html(_DISTINCT[:size]),
    "parameters of Content-Type": lambda size: (
        f"{_HEAD}Content-Type: text/html{''.join(f'; a{n}=b' for n in range(20_000))}\r\n\r\n<p>x</p>"
    ).encode(),
    "parameters of a part": lambda size: (
        f"{_HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        f"Content-Disposition: attachment{''.join(f'; a*{n}*=b' for n in range(20_000))}\r\n\r\nx\r\n--b--\r\n"
    ).encode(),
    "addresses in From": lambda size: plain("x").replace(
        b"Events <events@ttu.edu>", b", ".join(b"a%d@ttu.edu" % n for n in range(20_000))
    ),
    "addresses in Reply-To": lambda size: plain(
        "x", head=f"Reply-To: {', '.join(f'a{n}@ttu.edu' for n in range(15_000))}\r\n"
    ),
    "comments in From": lambda size: plain("x").replace(b"Events <", b"(" * 60_000 + b"Events <"),
    "quotes in From": lambda size: plain("x").replace(b"Events <", b'"' + b"\\" * 60_000 + b"Events <"),
    "groups in From": lambda size: plain("x").replace(b"Events <events@ttu.edu>", b"a:;," * 20_000),
    "encoded words in Subject": lambda size: plain("x").replace(
        b"Spring concerts", b"=?utf-8?q?a?= " * 15_000
    ),
    "encoded words in From": lambda size: plain("x").replace(b"Events <", b"=?utf-8?q?a?= " * 15_000 + b"<"),
    "one long encoded word": lambda size: plain("x").replace(
        b"Spring concerts", b"=?utf-8?b?" + b"YWFh" * 40_000 + b"?="
    ),
    "broken encoded words": lambda size: plain("x").replace(b"Spring concerts", b"=?" * 60_000),
    "From fields": lambda size: plain("x", head="From: Events <events@ttu.edu>\r\n" * 6_000),
    "fields": lambda size: plain("x", head="X: y\r\n" * 40_000),
    "a folded field": lambda size: plain("x", head="X: y\r\n" + " z\r\n" * 50_000),
    "blanks in a field": lambda size: plain("x", head=f"X: {' ' * 200_000}y\r\n"),
    "a header without an end": lambda size: (_HEAD + filled("X: y\r\n", size)).encode(),
    "parts": _multipart,
    "nested parts": lambda size: _nested(90, filled("x\r\n", size - 10_000)),
    "deeply nested parts": lambda size: _nested(size // 60, ""),
    "embedded messages": lambda size: _embedded(90, filled("x\r\n", size - 10_000)),
    "deeply embedded messages": lambda size: _embedded(size // 32, ""),
    "boundaries that are none": lambda size: (
        f"{_HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{filled('--c' + chr(13) + chr(10), size)}"
    ).encode(),
    "lines": lambda size: plain(filled("\r\n", size)),
    "one long line": lambda size: plain(filled("a b ", size)),
    "numbers": lambda size: plain(filled("1 Box 1 A, TX ", size)),
    "addresses of places": lambda size: plain(filled("12 Main St, Lubbock, TX 7940 ", size)),
    "places": lambda size: plain(filled("Lubbock, TX 79409 ", size)),
    "capitals": lambda size: plain(filled("1 A A A A A, ", size)),
    "links in text": lambda size: plain(filled("https://a.b/ ", size)),
    "links": lambda size: html(filled("<a href='https://a.b/'>x</a>", size)),
    "links in links": lambda size: html(filled("<a href='https://a.b/'><table><tr><td>", size)),
    "one long link": lambda size: html(f"<a href='https://{filled('é', size // 2)}'>x</a>"),
    "a link of all": lambda size: html(f"<a href='https://a.b/'>{filled('<b>x</b>', size)}</a>"),
    "pictures": lambda size: html(filled("<img src='https://a.b/c.png'>", size)),
    "elements": lambda size: html(filled("<p>x", size)),
    "nested elements": lambda size: html(filled("<div>", size)),
    "nested tables": lambda size: html(filled("<table><tr><td>", size)),
    "formatting elements": lambda size: html(filled("<b><i><u>", size)),
    "misnested elements": lambda size: html(filled("<a><b></a>", size)),
    "attributes": lambda size: html(f"<p {' '.join(f'a{n}=b' for n in range(size // 9))}>x</p>"),
    "entities": lambda size: html(filled("&amp;&#x41;", size)),
    "open tags": lambda size: html(filled("<", size)),
    "comments": lambda size: html(filled("<!--", size)),
    "base64": lambda size: _base64(filled("<div style='a:b'>", size // 4 * 3)),
    "quoted-printable": lambda size: _encoded("quoted-printable", filled("=41=\r\n", size)),
    "soft line breaks": lambda size: _encoded("quoted-printable", filled("=", size)),
    "an unknown encoding": lambda size: _encoded(
        "x-uuencode", f"begin 666 a\r\n{filled('M' + 'a' * 60 + chr(13) + chr(10), size)}"
    ),
    "an odd character set": lambda size: html(filled("+AAA-", size)).replace(
        b"charset=utf-8", b"charset=utf-7"
    ),
    "a compressing character set": lambda size: html(filled("x", size)).replace(
        b"charset=utf-8", b"charset=zlib_codec"
    ),
    "combining characters": lambda size: plain("a" + filled("\u0315\u0300", size // 5)),
    "words of an opt-out": lambda size: plain(filled("manage ", size)),
    "dollars": lambda size: plain(filled("$ ", size)),
    "an unsubscribe header": lambda size: plain(
        "x", head=f"List-Unsubscribe: {'<https://a.b/>,' * 10_000}\r\n"
    ),
    "signatures": lambda size: plain("x", head="DKIM-Signature: v=1; h=from; a=b; d=ttu.edu\r\n" * 900),
    "a signature of many fields": lambda size: plain(
        "x", head=f"DKIM-Signature: v=1; h={'a:' * 7_000}from; a=b\r\n"
    ),
}
"""By name: a function of the size in octets."""
