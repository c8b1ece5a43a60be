"""Names that only look like our own: other scripts, accents, digits for letters (UTS 39 section 4).

A skeleton is what is left when every character is replaced by the plain letter it looks like. The letters
come from the Unicode confusables, through the package confusable-homoglyphs; a second step is taken through
them because Unicode maps a Cyrillic te to a small capital T, and only that to a plain t.
"""

import unicodedata
from functools import cache

import idna
from confusable_homoglyphs import categories, confusables

_SEQUENCES = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"))
"""What ASCII alone can do (UTS 39 confusables.txt: rn, vv, 0, 1)."""
_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
"""Scripts that are written together (UTS 39 section 5.2, highly restrictive)."""


def shown(domain: str) -> str:
    """The name as mail programs show it: punycode labels decoded where they can be."""
    return ".".join(_decoded(label) for label in domain.split("."))


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return label


def skeleton(name: str) -> str:
    """The name with every character replaced by the plain letter it looks like."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    kept = (char for char in decomposed if not unicodedata.combining(char))
    text = "".join(_plain_letter(char) for char in kept)
    for sequence, letter in _SEQUENCES:
        text = text.replace(sequence, letter)
    return text


@cache
def _plain_letter(char: str) -> str:
    if char.isascii():
        return char
    near = _looks_like(char)
    further = [other for each in near for other in _looks_like(each)]
    for other in (*near, *further):
        folded = unicodedata.normalize("NFKD", other).casefold()
        if len(folded) == 1 and folded.isascii() and folded.isalnum():
            return folded
    # Small capitals and their like say in their Unicode name which letter they are.
    for other in (char, *near):
        letter = unicodedata.name(other, "").rpartition(" ")[2]
        if "LATIN" in unicodedata.name(other, "") and len(letter) == 1:
            return letter.lower()
    return char


def _looks_like(text: str) -> list[str]:
    found = confusables.confusables_data.get(text) or []
    # Right-to-left letters carry direction marks in the data.
    return [plain for entry in found if len(plain := entry["c"].strip("\u200e\u200f")) == 1]


def has_mixed_scripts(domain: str) -> bool:
    """Whether one label mixes scripts that nobody writes together, such as Latin and Cyrillic."""
    return any(_is_mixed(label) for label in shown(domain).split("."))


def _is_mixed(label: str) -> bool:
    scripts = {categories.alias(char) for char in label} - {"COMMON", "INHERITED"}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def is_lookalike(domain: str, own: str) -> bool:
    """Whether `domain` (ASCII form) is not `own` or below it, but shows a name that looks as if it were.

    The whole name is compared; each label against the labels of `own` written together (ttu-edu.com,
    login-ttu-edu.com, ttuedu.com); and against the first label of `own` where it is written in another script: a
    Greek upsilon in `ttυ-mail.example` has no other purpose.
    """
    visible = shown(domain)
    bones, wanted = skeleton(visible), skeleton(own)
    if bones == wanted or bones.endswith(f".{wanted}") or bones.startswith(f"{wanted}."):
        return True
    if any(_has_together(skeleton(label), wanted) for label in visible.split(".")):
        return True
    first = wanted.partition(".")[0]
    return any(not label.isascii() and first in skeleton(label).split("-") for label in visible.split("."))


def _has_together(label: str, wanted: str) -> bool:
    hyphened = wanted.replace(".", "-")
    return label == wanted.replace(".", "") or f"-{hyphened}-" in f"-{label}-"
