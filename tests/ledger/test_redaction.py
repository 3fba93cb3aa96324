"""What counts as a secret of the environment, and what stands in its place."""

from __future__ import annotations

import pytest

from detstudy.ledger import find_secrets, redact


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "WANDB_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "PGPASSWORD",
        "CLIENT_SECRET",
        "db_password",
        "X_CREDENTIALS",
    ],
)
def test_a_secret_gives_way_to_the_name_of_its_variable(name: str) -> None:
    secrets = find_secrets({name: "hush-1234", "HOME": "/home/someone"})
    assert redact("GET https://x?t=hush-1234 in /home/someone", secrets) == f"GET https://x?t=[{name}] in /home/someone"


def test_the_password_of_an_address_is_one_in_any_variable() -> None:
    secrets = find_secrets({"HTTPS_PROXY": "http://user:hush-1234@proxy:3128", "NO_PROXY": "http://proxy:31280000"})
    assert (
        redact("no way to http://user:hush-1234@proxy:3128", secrets)
        == "no way to http://user:[HTTPS_PROXY]@proxy:3128"
    )
    assert redact("http://proxy:31280000", secrets) == "http://proxy:31280000"


def test_secrets_are_found_as_addresses_spell_them_and_line_by_line() -> None:
    secrets = find_secrets({"A_TOKEN": "hush/12+34", "B_KEY": "-----BEGIN\n  first-line\nsecond-line\n"})
    assert redact("?t=hush%2F12%2B34", secrets) == "?t=[A_TOKEN]"
    assert redact("'first-line\\nsecond-line'", secrets) == "'[B_KEY]\\n[B_KEY]'"


def test_the_longer_secret_goes_first_and_short_values_stay() -> None:
    secrets = find_secrets({"A_TOKEN": "hush-1234", "B_TOKEN": "hush-1234-5678", "C_KEY": "s", "D_PASSWORD": "yes"})
    assert redact("hush-1234-5678, hush-1234, yes", secrets) == "[B_TOKEN], [A_TOKEN], yes"
