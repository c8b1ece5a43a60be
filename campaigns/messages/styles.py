"""The little of CSS that hides text: declarations, simple selectors, colours. Unknown rules change nothing."""

import colorsys
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MOST_RULES: Final = 200
_EVERYWHERE: Final = re.compile(
    r"@media\s+(?:only\s+)?(?:all|screen)\s*\{((?:[^{}]{0,500}\{[^{}]{0,4000}\}){0,200})\s*\}", re.IGNORECASE
)
"""What holds on every screen holds as if it stood outside."""
_COMMENT: Final = re.compile(r"/\*.*?\*/|<!--|-->", re.DOTALL)
_BLOCK: Final = re.compile(r"([^{}]{1,500})\{([^{}]{0,4000})\}")
_HIDING: Final = frozenset(
    {"display", "visibility", "opacity", "font-size", "mso-hide", "clip", "clip-path", "transform"}
)
"""What hides by itself. Of a rule whose place is not read (`div .note`) these alone count: better hidden than shown."""
_SIMPLE: Final = re.compile(r"([a-z][a-z0-9]*)?((?:[.#][\w-]+)*)", re.IGNORECASE)
_NAMES: Final = {
    "white": "ffffff", "snow": "fffafa", "ivory": "fffff0", "whitesmoke": "f5f5f5", "black": "000000", "red": "ff0000",
    "green": "008000", "lime": "00ff00", "blue": "0000ff", "navy": "000080", "yellow": "ffff00", "gray": "808080",
    "grey": "808080", "silver": "c0c0c0", "maroon": "800000", "purple": "800080", "teal": "008080", "aqua": "00ffff",
    "transparent": "", "inherit": "", "initial": "",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """One rule of a style sheet with a simple selector: an element, its id, its classes."""

    tag: str
    id: str
    classes: frozenset[str]
    declarations: Mapping[str, str]
    important: Mapping[str, str]
    """Those that say `!important`, which no later rule and no inline style takes back."""

    def fits(self, tag: str, id_: str, classes: Sequence[str]) -> bool:
        """Whether it styles an element of this name, id and classes."""
        return (
            (not self.tag or self.tag == tag)
            and (not self.id or self.id == id_)
            and self.classes <= set(classes)
        )


def parse_declarations(text: str) -> dict[str, str]:
    """`name: value; ...` as a mapping in lower case; the last of a name counts, `!important` is left out."""
    found = {}
    for part in _COMMENT.sub("", text).split(";")[:100]:
        name, colon, value = part.partition(":")
        if colon:
            found[name.strip().lower()] = " ".join(value.replace("!important", "").split()).lower()
    if "background" in found and "background-color" not in found:
        found["background-color"] = found["background"].split(" ")[0]
    return found


def rules_of(sheets: Iterable[str]) -> tuple[Rule, ...]:
    """The rules with simple selectors outside of @media and its like, in order."""
    rules: list[Rule] = []
    for sheet in sheets:
        for selectors, body in _BLOCK.findall(
            _without_at_rules(_EVERYWHERE.sub(r"\1", _COMMENT.sub("", sheet)))
        ):
            rules.extend(rule for text in selectors.split(",") if (rule := _rule(text.strip(), body)))
            if len(rules) >= MOST_RULES:
                return tuple(rules[:MOST_RULES])
    return tuple(rules)


def _without_at_rules(sheet: str) -> str:
    """The sheet without @media and its like: what holds on some screens only hides from nobody for sure."""
    kept, depth, start = [], 0, 0
    for at in re.finditer(r"@|\{|\}", sheet):
        sign = at[0]
        if depth == 0 and sign == "@":
            kept.append(sheet[start : at.start()])
            depth = -1
        elif depth == -1 and sign == "{":
            depth = 1
        elif depth > 0:
            depth += {"{": 1, "}": -1}.get(sign, 0)
            if depth == 0:
                start = at.end()
    return "".join(kept) + (sheet[start:] if depth == 0 else "")


def _rule(selector: str, body: str) -> Rule | None:
    """The rule by the last part of its selector; of one with several parts, only what hides by itself."""
    last = re.split(r"[\s>+~]+", selector)[-1]
    match = _SIMPLE.fullmatch(last.split(":")[0])
    if match is None or not last or last.startswith(":"):
        return None
    declarations = parse_declarations(body)
    if last != selector:
        declarations = {name: value for name, value in declarations.items() if name in _HIDING}
    important = parse_declarations(";".join(part for part in body.split(";") if "!important" in part.lower()))
    marks = re.findall(r"([.#])([\w-]+)", match[2] or "")
    ids = [name for sign, name in marks if sign == "#"]
    return Rule(
        (match[1] or "").lower(),
        ids[0] if ids else "",
        frozenset(name for sign, name in marks if sign == "."),
        declarations,
        {name: value for name, value in important.items() if name in declarations},
    )


def hides(own: Mapping[str, str], style: Mapping[str, str]) -> bool:
    """Whether an element with these declarations shows nothing; `style` has what it inherits besides."""
    return (
        own.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or own.get("mso-hide") == "all"
        or _is_faint(own.get("opacity"))
        or _is_cut_away(own)
        or _is_tiny(style.get("font-size"))
        or _is_collapsed(own)
        or _is_aside(own)
        or _is_invisible(style)
    )


def _is_tiny(size: str | None) -> bool:
    number = _number(size)
    if number is None:
        return False
    unit = (size or "").lstrip("-0123456789.")
    return number < {"px": 3, "pt": 3, "em": 0.2, "rem": 0.2, "%": 20}.get(unit, 1e-9) or number == 0


def _is_faint(opacity: str | None) -> bool:
    number = _number(opacity)
    return number is not None and number <= (5 if (opacity or "").endswith("%") else 0.05)


def _is_cut_away(own: Mapping[str, str]) -> bool:
    """Clipped to nothing, or scaled to nothing."""
    clip, path, transform = (
        own.get(name, "").replace(" ", "") for name in ("clip", "clip-path", "transform")
    )
    return (
        clip.startswith("rect(")
        or path.startswith(("inset(", "circle(0", "polygon(0"))
        or re.search(r"scale[xy3d]*\(0?\.?0*[,)]", transform) is not None
    )


def _is_collapsed(own: Mapping[str, str]) -> bool:
    sizes = [_number(own.get(name)) for name in ("height", "max-height", "width", "max-width")]
    hidden = own.get("overflow", own.get("overflow-y", ""))
    return any(
        (size == 0 and hidden in ("", "hidden", "clip"))
        or (size is not None and size <= 1 and hidden in ("hidden", "clip"))
        for size in sizes
    )


def _is_aside(own: Mapping[str, str]) -> bool:
    indent = _number(own.get("text-indent"))
    moved = [_number(own.get(name)) for name in ("left", "top", "right", "margin-left")]
    return (indent is not None and abs(indent) > 999) or any(
        size is not None and size < -999 for size in moved
    )


def _is_invisible(style: Mapping[str, str]) -> bool:
    said, under = style.get("color", ""), style.get("background-color", "white")
    if said and (
        said in (under, "transparent") or (re.search(r"[,/]\s*0?\.?0+%?\s*\)$", said) and _has_alpha(said))
    ):
        return True
    letters, ground = colour(said), colour(under)
    if not letters or not ground:
        return False
    return sum(abs(a - b) for a, b in zip(letters, ground, strict=True)) < 24


def _has_alpha(text: str) -> bool:
    return text.startswith(("rgba(", "hsla(")) or "/" in text


def colour(text: str) -> tuple[int, int, int] | None:
    """A colour as red, green, blue of 0 to 255; None for one that is not known here."""
    text = text.strip().lower()
    digits = _NAMES.get(text, text.removeprefix("#"))
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(sign * 2 for sign in digits)
    if re.fullmatch(r"[0-9a-f]{6}", digits):
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if tones := re.fullmatch(r"hsla?\((-?\d{1,3})(?:deg)?[, ]+(\d{1,3})%[, ]+(\d{1,3})%.*\)", text):
        red, green, blue = colorsys.hls_to_rgb(
            int(tones[1]) % 360 / 360, int(tones[3]) / 100, int(tones[2]) / 100
        )
        return round(red * 255), round(green * 255), round(blue * 255)
    parts = re.fullmatch(r"rgba?\((\d{1,3})[, ]+(\d{1,3})[, ]+(\d{1,3}).*\)", text)
    return (int(parts[1]), int(parts[2]), int(parts[3])) if parts else None


def _number(text: str | None) -> float | None:
    match = re.match(r"-?\d{0,6}(?:\.\d{0,4})?", text or "")
    try:
        return float(match[0]) if match and match[0] else None
    except ValueError:
        return None
