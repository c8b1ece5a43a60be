"""The part of CSS that can hide text: declarations, simple selectors and colors. Unknown rules are ignored.

tinycss2 parses the CSS as browsers do (CSS Syntax Module Level 3); this module decides what the rules hide.
"""

import colorsys
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import tinycss2
from tinycss2.ast import (
    AtRule,
    Comment,
    CurlyBracketsBlock,
    Declaration,
    FunctionBlock,
    HashToken,
    IdentToken,
    LiteralToken,
    Node,
    ParenthesesBlock,
    QualifiedRule,
    SquareBracketsBlock,
    WhitespaceToken,
)

from portal.message_checks.budgets import LARGEST_STYLES, MOST_RULES, MOST_STYLE_STEPS, UnreadableMessage

_HIDING: Final = frozenset(
    {"display", "visibility", "opacity", "font-size", "mso-hide", "clip", "clip-path", "transform"}
)
"""Declarations that hide by themselves. Only these count for a selector that is not fully read, such as `div .note`."""
_READ: Final = _HIDING | {
    "color",
    "background",
    "background-color",
    "height",
    "max-height",
    "width",
    "max-width",
    "overflow",
    "overflow-y",
    "text-indent",
    "left",
    "top",
    "right",
    "margin-left",
}
"""Every property that decides whether something is visible."""
_EVERYWHERE: Final = frozenset({"all", "screen", "only all", "only screen"})
"""Media queries that are true on every screen, so that their rules apply as if they were outside."""
_COMBINATORS: Final = (">", "+", "~")
_COMMA: Final = LiteralToken(0, 0, ",")
_DEEPEST: Final = 4
"""How deep nested rules, and brackets in a value, are read."""
_NAMES: Final = {
    "white": "ffffff",
    "snow": "fffafa",
    "ivory": "fffff0",
    "whitesmoke": "f5f5f5",
    "black": "000000",
    "red": "ff0000",
    "green": "008000",
    "lime": "00ff00",
    "blue": "0000ff",
    "navy": "000080",
    "yellow": "ffff00",
    "gray": "808080",
    "grey": "808080",
    "silver": "c0c0c0",
    "maroon": "800000",
    "purple": "800080",
    "teal": "008080",
    "aqua": "00ffff",
    "transparent": "",
    "inherit": "",
    "initial": "",
}


@dataclass(frozen=True)
class Declarations:
    """The declarations of a block or a style attribute for `READ` properties, in lower case."""

    plain: Mapping[str, str]
    """The last value of each property, important or not."""
    important: Mapping[str, str]
    """Those with `!important`, which no later rule and no inline style overrides."""


@dataclass(frozen=True)
class Rule:
    """One rule of a style sheet with a simple selector: an element, its id, its classes."""

    tag: str
    id: str
    classes: frozenset[str]
    declarations: Mapping[str, str]
    important: Mapping[str, str]

    def fits(self, tag: str, id_: str, classes: frozenset[str]) -> bool:
        """Whether the rule applies to an element with this name, id and classes."""
        return (
            (not self.tag or self.tag == tag) and (not self.id or self.id == id_) and self.classes <= classes
        )


class Styles:
    """The style sheets and style attributes of a message, read within the limits of `budgets`."""

    def __init__(self, sheets: Iterable[str]) -> None:
        self._left, self._steps = LARGEST_STYLES, MOST_STYLE_STEPS
        self._inline: dict[str, Declarations] = {}
        self._rules = tuple(self._rules_of(sheets))
        self._found: dict[tuple[str, str, frozenset[str]], Declarations] = {}
        self._ids = {rule.id for rule in self._rules if rule.id}
        self._classes = {name for rule in self._rules for name in rule.classes}
        self._tags = {rule.tag for rule in self._rules if rule.tag}

    def of(self, tag: str, id_: str, classes: str) -> Declarations:
        """Return the declarations of the style sheets for an element. Raises UnreadableMessage over a limit."""
        if not self._rules:
            return _NONE
        # Elements that no selector can distinguish are looked up once.
        what = (
            tag if tag in self._tags else "",
            id_ if id_ in self._ids else "",
            frozenset(self._classes.intersection(classes.split())),
        )
        if what not in self._found:
            self._found[what] = self._held_against(*what)
        return self._found[what]

    def inline(self, text: str) -> Declarations:
        """Return the declarations of a style attribute. Raises UnreadableMessage over a limit."""
        if text not in self._inline:
            self._spend(len(text))
            self._inline[text] = _of_nodes(tinycss2.parse_blocks_contents(text))
        return self._inline[text]

    def _held_against(self, tag: str, id_: str, classes: frozenset[str]) -> Declarations:
        self._steps -= len(self._rules)
        if self._steps < 0:
            raise UnreadableMessage(
                "Its style sheet is too large for so many different elements. Use fewer rules and fewer classes."
            )
        plain: dict[str, str] = {}
        important: dict[str, str] = {}
        for rule in self._rules:
            if rule.fits(tag, id_, classes):
                plain |= rule.declarations
                important |= rule.important
        return Declarations(plain, important)

    def _spend(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise UnreadableMessage(
                f"It has more than {LARGEST_STYLES // 1000} kB of styles. Use fewer and shorter ones."
            )

    def _rules_of(self, sheets: Iterable[str]) -> Iterator[Rule]:
        count = 0
        for sheet in sheets:
            self._spend(len(sheet))
            for rule in _rules_in(
                tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), 0
            ):
                count += 1
                if count > MOST_RULES:
                    raise UnreadableMessage(f"Its style sheet has more than {MOST_RULES:,} rules. Use fewer.")
                yield rule


def _rules_in(nodes: Iterable[Node], depth: int) -> Iterator[Rule]:
    """Return the rules with simple selectors that apply on every screen, in order."""
    for node in nodes:
        if isinstance(node, QualifiedRule):
            declared = _of_nodes(tinycss2.parse_blocks_contents(node.content))
            yield from _rules_with(node.prelude, declared)
        elif isinstance(node, AtRule) and node.content is not None and _holds(node) and depth < _DEEPEST:
            inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            yield from _rules_in(inner, depth + 1)


def _holds(rule: AtRule) -> bool:
    """Whether the rules in an at-rule apply on every screen; on other screens nothing is certain to be hidden."""
    if rule.lower_at_keyword in ("layer", "supports"):
        return True
    queries = _text(rule.prelude).split(",")
    return rule.lower_at_keyword == "media" and any(query.strip() in _EVERYWHERE for query in queries)


def _rules_with(prelude: Sequence[Node], declared: Declarations) -> Iterator[Rule]:
    selector: list[Node] = []
    for node in (*prelude, _COMMA):
        if _sign(node) == ",":
            rule = _rule(selector, declared)
            if rule is not None:
                yield rule
            selector = []
        elif not isinstance(node, Comment):
            selector.append(node)


def _rule(selector: list[Node], declared: Declarations) -> Rule | None:
    """Return the rule for the last part of its selector; with several parts, only what hides by itself."""
    while selector and isinstance(selector[-1], WhitespaceToken):
        selector.pop()
    start = 0
    for at, node in enumerate(selector):
        if isinstance(node, WhitespaceToken) or _sign(node) in _COMBINATORS:
            start = at + 1
    read = _compound(selector[start:])
    if read is None:
        return None
    plain, important = declared.plain, declared.important
    if any(not isinstance(node, WhitespaceToken) for node in selector[:start]):
        plain, important = (
            {name: value for name, value in one.items() if name in _HIDING} for one in (plain, important)
        )
    return Rule(*read, plain, important)


def _compound(nodes: Sequence[Node]) -> tuple[str, str, frozenset[str]] | None:
    """Return element, id and classes of a selector without combinators, without what follows a colon; else None."""
    tag, id_, classes, before = "", "", set[str](), ""
    for at, node in enumerate(nodes):
        sign = _sign(node)
        if sign == ":" and at:
            break
        if isinstance(node, HashToken):
            id_ = node.value
        elif isinstance(node, IdentToken) and before == ".":
            classes.add(node.value)
        elif isinstance(node, IdentToken) and at == 0:
            tag = node.lower_value
        elif sign != "." and not (sign == "*" and at == 0):
            return None
        before = sign
    return (tag, id_, frozenset(classes)) if nodes else None


def _sign(node: Node) -> str:
    """Return the character of a literal node, such as a comma; "" for any other node."""
    return node.value if isinstance(node, LiteralToken) else ""


def _of_nodes(nodes: Iterable[Node]) -> Declarations:
    """Return the declarations of `READ` properties; anything else is ignored."""
    plain: dict[str, str] = {}
    important: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, Declaration) and node.lower_name in _READ:
            value = _text(node.value)
            plain[node.lower_name] = value
            if node.important:
                important[node.lower_name] = value
    for found in (plain, important):
        if "background" in found and "background-color" not in found:
            found["background-color"] = found["background"].split(" ")[0]
    return Declarations(plain, important)


def _text(nodes: Iterable[Node], depth: int = 0) -> str:
    """Return nodes as lower-case text without comments and with single spaces; nested brackets are left out."""
    if depth > _DEEPEST:
        return ""
    parts = []
    for node in nodes:
        if isinstance(node, FunctionBlock):
            parts.append(f"{node.lower_name}({_text(node.arguments, depth + 1)})")
        elif isinstance(node, ParenthesesBlock | SquareBracketsBlock | CurlyBracketsBlock):
            parts.append(f"({_text(node.content, depth + 1)})")
        elif not isinstance(node, Comment):
            parts.append(node.serialize())
    return " ".join("".join(parts).split()).lower()


_NONE: Final = Declarations({}, {})


def hides(own: Mapping[str, str], style: Mapping[str, str]) -> bool:
    """Whether an element with these declarations is hidden; `style` adds what it inherits."""
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
    """Whether it is clipped or scaled to nothing."""
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
    letters, ground = color(said), color(under)
    if not letters or not ground:
        return False
    return sum(abs(a - b) for a, b in zip(letters, ground, strict=True)) < 24


def _has_alpha(text: str) -> bool:
    return text.startswith(("rgba(", "hsla(")) or "/" in text


def color(text: str) -> tuple[int, int, int] | None:
    """Return a color as red, green and blue from 0 to 255; None for one that is not recognized."""
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
