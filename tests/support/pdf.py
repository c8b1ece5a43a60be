"""The text of a PDF with embedded fonts, as a reader that copies it would get it (ISO 32000-1 sections 9.4.3, 9.10.3)."""

import re
import zlib

_OBJECT = re.compile(rb"(\d+) 0 obj\b(.*?)\bendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\)|\bET\b", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def text_of(pdf: bytes) -> str:
    """All text in the order of drawing, runs of blanks as one."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    fonts = {
        name: _characters(_stream(objects[_reference(objects[int(number)], b"ToUnicode")]))
        for body in objects.values()
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body)
    }
    pages = [body for body in objects.values() if re.search(rb"/Type /Page\b", body)]
    return " ".join(
        " ".join(_drawn(_stream(objects[_reference(page, b"Contents")]), fonts) for page in pages).split()
    )


def _reference(body: bytes, name: bytes) -> int:
    found = re.search(rb"/" + name + rb" (\d+) 0 R", body)
    assert found, (name, body[:200])
    return int(found[1])


def _stream(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found, body[:200]
    return zlib.decompress(found[1]) if b"/FlateDecode" in body[: found.start()] else found[1]


def _characters(cmap: bytes) -> dict[int, str]:
    pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>\n(?!endcodespacerange)", cmap)
    return {int(code, 16): bytes.fromhex(char.decode()).decode("utf-16-be") for code, char in pairs}


def _drawn(content: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    text, font = "", fonts[next(iter(fonts))]
    for match in _SHOWN.finditer(content):
        if match[1]:
            font = fonts[match[1]]
        elif match[2] is None:
            text += " "  # The end of a line.
        else:
            octets = re.sub(rb"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), match[2], flags=re.DOTALL)
            codes = (int.from_bytes(octets[at : at + 2]) for at in range(0, len(octets), 2))
            text += "".join(font[code] for code in codes)
    return text
