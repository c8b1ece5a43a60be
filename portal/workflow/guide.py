"""What the guide is made of: questions in the person's words, and answers, before any form.

Kinds bring their branches (`Kind.guide`); `portal.workflow.guide_tree` puts them together. A node is either a question with
choices or an answer; its key is its address.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    """Where the guide ends: what to do, the clause behind it, and the form or link that does it."""

    title: str
    text: Sequence[str]
    clause: str = ""
    kind: str = ""
    prefill: str = ""
    link: str = ""
    link_label: str = ""
    go_on: str = ""
    """The node that goes on from here, of whatever kind; where no kind has it, the answer stands without."""


@dataclass(frozen=True)
class Option:
    """One choice of a question; `leads_to` is a node's key."""

    label: str
    leads_to: str
    hint: str = ""


@dataclass(frozen=True)
class Question:
    """One question with its choices."""

    text: str
    options: Sequence[Option]
    hint: str = ""


@dataclass(frozen=True)
class Branch:
    """What a kind adds to the guide: choices for the first question, and nodes."""

    options: Sequence[Option] = ()
    nodes: dict[str, Question | Answer] = field(default_factory=dict)
