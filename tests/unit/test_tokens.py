import re

import pytest

from shared.tokens import TokenCipher, TokenUnreadable, make_token, token_hash


def test_tokens_are_long_differ_and_need_no_escaping() -> None:
    tokens = {make_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", token) for token in tokens)


def test_an_encrypted_token_is_read_again_by_another_process_with_the_same_secret() -> None:
    encrypted = TokenCipher("s" * 32).encrypt("token")

    assert b"token" not in encrypted
    assert TokenCipher("s" * 32).decrypt(encrypted) == "token"


def test_a_token_stored_under_another_secret_says_what_to_do() -> None:
    encrypted = TokenCipher("s" * 32).encrypt("token")

    with pytest.raises(TokenUnreadable, match="rotate the token"):
        TokenCipher("t" * 32).decrypt(encrypted)


def test_a_token_is_looked_up_by_its_sha256() -> None:
    assert token_hash("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
