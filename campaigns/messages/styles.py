"""The little of CSS that hides text: declarations, simple selectors, colours. Unknown rules change nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MOST_RULES: Final = 500
_COMMENT: Final = re.compile(r"/\*.*?\*/|<!--|-->", re.DOTALL)
_BLOCK: Final = re.compile(r"([^{}]{1,500})\{([^{}]{0,4000})\}")
_SIMPLE: Final = re.compile(r"([a-z][a-z0-9]*)?((?:[.#][\w-]+)*)", re.IGNORECASE)
_NAMES: Final = {"white": "ffffff", "black": "000000", "transparent": "", "inherit": "", "initial": ""}


@dataclass(frozen=True)
class Rule:
    """One rule of a style sheet with a simple selector: an element, its id, its classes."""

    tag: str
    id: str
    classes: frozenset[str]
    declarations: Mapping[str, str]

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
        for selectors, body in _BLOCK.findall(_without_at_rules(_COMMENT.sub("", sheet))):
            declarations = parse_declarations(body)
            rules.extend(rule for text in selectors.split(",") if (rule := _rule(text.strip(), declarations)))
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


def _rule(selector: str, declarations: Mapping[str, str]) -> Rule | None:
    match = _SIMPLE.fullmatch(selector)
    if match is None or not selector:
        return None
    marks = re.findall(r"([.#])([\w-]+)", match[2] or "")
    ids = [name for sign, name in marks if sign == "#"]
    return Rule(
        (match[1] or "").lower(),
        ids[0] if ids else "",
        frozenset(n for s, n in marks if s == "."),
        declarations,
    )


def hides(own: Mapping[str, str], style: Mapping[str, str]) -> bool:
    """Whether an element with these declarations shows nothing; `style` has what it inherits besides."""
    return (
        own.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or own.get("mso-hide") == "all"
        or _number(own.get("opacity")) == 0
        or _is_tiny(style.get("font-size"))
        or _is_collapsed(own)
        or _is_aside(own)
        or _is_invisible(style)
    )


def _is_tiny(size: str | None) -> bool:
    number = _number(size)
    return number is not None and (number == 0 or (number < 3 and (size or "").endswith(("px", "pt"))))


def _is_collapsed(own: Mapping[str, str]) -> bool:
    sizes = [_number(own.get(name)) for name in ("height", "max-height", "width", "max-width")]
    return any(size == 0 for size in sizes) and own.get("overflow", "hidden") in ("hidden", "clip")


def _is_aside(own: Mapping[str, str]) -> bool:
    indent = _number(own.get("text-indent"))
    moved = [_number(own.get(name)) for name in ("left", "top", "right", "margin-left")]
    return (indent is not None and abs(indent) > 999) or any(
        size is not None and size < -999 for size in moved
    )


def _is_invisible(style: Mapping[str, str]) -> bool:
    letters, ground = colour(style.get("color", "")), colour(style.get("background-color", "white"))
    if not letters or not ground:
        return False
    return sum(abs(a - b) for a, b in zip(letters, ground, strict=True)) < 24


def colour(text: str) -> tuple[int, int, int] | None:
    """A colour as red, green, blue of 0 to 255; None for one that is not known here."""
    text = text.strip().lower()
    digits = _NAMES.get(text, text.removeprefix("#"))
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(sign * 2 for sign in digits)
    if re.fullmatch(r"[0-9a-f]{6}", digits):
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    parts = re.fullmatch(r"rgba?\((\d{1,3})[, ]+(\d{1,3})[, ]+(\d{1,3}).*\)", text)
    return (int(parts[1]), int(parts[2]), int(parts[3])) if parts else None


def _number(text: str | None) -> float | None:
    match = re.match(r"-?\d{0,6}(?:\.\d{0,4})?", text or "")
    try:
        return float(match[0]) if match and match[0] else None
    except ValueError:
        return None
