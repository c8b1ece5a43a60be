"""The parser takes any bytes, split anywhere: a request, or Malformed, and nothing else."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.policy_service.protocol import (
    LONGEST_LINE,
    LONGEST_REQUEST,
    MOST_ATTRIBUTES,
    Frames,
    Malformed,
    PolicyRequest,
    parse,
)
from tests.support.policy import request

VALUES = st.binary(max_size=40).map(lambda value: value.replace(b"\n", b""))


def read(pieces: list[bytes]) -> list[bytes | None]:
    """The requests in a stream that arrives in `pieces`; None at the end where it was malformed."""
    frames, found = Frames(), list[bytes | None]()
    for piece in pieces:
        frames.feed(piece)
        try:
            while (block := frames.next()) is not None:
                found.append(block)
        except Malformed:
            return [*found, None]
    return found


@settings(deadline=None)
@given(st.binary(max_size=400))
@example(b"")
@example(b"=")
@example(request()[:-2])
@example(request(sender="\udc80".encode("utf-8", "surrogatepass").decode("latin-1"))[:-2])
def test_any_bytes_are_a_request_or_malformed(block: bytes) -> None:
    try:
        ask = parse(block)
    except Malformed:
        return
    assert isinstance(ask, PolicyRequest)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["sender", "recipient", "client_address", "instance"]), VALUES))
def test_any_values_are_read_back(values: dict[str, bytes]) -> None:
    lines = request().rstrip(b"\n").split(b"\n")
    kept = [line for line in lines if line.partition(b"=")[0].decode() not in values]
    ask = parse(b"\n".join([*kept, *(name.encode() + b"=" + value for name, value in values.items())]))
    if "instance" in values:
        assert ask.instance == values["instance"].decode("utf-8", "backslashreplace")
    if "sender" in values:
        assert ask.sender == values["sender"].lower().decode("utf-8", "backslashreplace")


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([request(), request(sender=""), b"junk\n\n", b"\n\n", b"a=b\n"]), max_size=4),
    st.data(),
)
def test_a_stream_means_the_same_wherever_it_is_split(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(pieces) == read([stream])
    assert read([stream[at : at + 1] for at in range(len(stream))]) == read([stream])


@pytest.mark.parametrize(
    "block",
    [
        request(more="x" * (LONGEST_LINE + 1))[:-2],
        request(**{f"a{number}": "" for number in range(MOST_ATTRIBUTES)})[:-2],
        request()[:-2] + b"\nsender=other@ttu.edu",
        request(request="junk_mail")[:-2],
        request()[:-2].replace(b"client_address=", b"client_addres="),
        b"GET / HTTP/1.1\r\nHost: a",
        b"",
    ],
    ids=["long line", "many attributes", "twice", "other request", "no address", "http", "empty"],
)
def test_what_is_no_request_is_malformed(block: bytes) -> None:
    with pytest.raises(Malformed):
        parse(block)


def test_what_never_ends_is_malformed_and_not_kept() -> None:
    assert read([b"x" * 1000] * (LONGEST_REQUEST // 1000 + 2))[-1] is None
    assert read([b"a=" + b"x" * LONGEST_REQUEST + b"\n\n"]) == [None]


def test_only_ascii_letters_fold() -> None:
    # The Kelvin sign becomes a plain k where text is lowered: somebody else would send as "desk@".
    assert parse(request(sender="des\u212a@ttu.edu")[:-2]).sender != "desk@ttu.edu"
    assert parse(request(sender="DESK@ttu.edu")[:-2]).sender == "desk@ttu.edu"
