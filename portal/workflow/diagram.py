"""The state diagram of `docs/architecture.md`, drawn from the transition table (Mermaid)."""

from portal.workflow.states import TRANSITIONS, State

BEGIN, END = "<!-- states: begin, written by manage.py draw_states -->", "<!-- states: end -->"


def state_diagram() -> str:
    """A Mermaid state diagram with one arrow for each action, source and target."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> draft"]
    lines += [
        f"    {source.value} --> {row.target.value}: {row.action.value} ({row.party.value})"
        for row in TRANSITIONS
        for source in row.sources
        if row.target is not None
    ]
    closed = (State.APPROVED, State.DENIED, State.WITHDRAWN)
    lines += [f"    {state.value} --> [*]" for state in closed]
    return "\n".join([*lines, "```"])


def with_diagram(text: str) -> str:
    """`text` with the part between the marks drawn anew; ValueError where the marks are missing."""
    head, found, rest = text.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ValueError("The marks of the state diagram are missing.")
    return f"{head}{BEGIN}\n{state_diagram()}\n{END}{tail}"
