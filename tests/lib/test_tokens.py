"""Tokens for programs: what is kept of them, and which headers carry one."""

import pytest

from portal.lib.tokens import digest_in, digest_of, new_token


def test_a_token_is_found_again_by_its_digest_alone() -> None:
    token, digest, hint = new_token("tmx_")
    assert digest_in(f"Bearer {token}", "tmx_") == digest == digest_of(token)
    assert token.startswith(hint)
    assert len(hint) == 10
    assert token not in digest


def test_two_tokens_differ() -> None:
    assert len({new_token("t_")[0] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic tmx_aaaa", "Bearer other_aaaa", "tmx_aaaa", "Bearer tmx_" + "a" * 100],
)
def test_other_headers_carry_none(header: str) -> None:
    assert digest_in(header, "tmx_") is None
