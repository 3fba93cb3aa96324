"""What counts as a secret of the environment, and what stands in its place."""

from __future__ import annotations

import json

import pytest

from detstudy.ledger import find_secrets, redact
from detstudy.ledger.redaction import redact_texts


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
        "HF_TOKEN_READ",
        "OPENAI_API_KEY_2",
        "APIKEY",
        "DB_PASS",
        "MYSQL_PWD",
        "GITHUB_PAT",
        "SECRET_X",
        "PASSPHRASE",
        "AUTH_HEADER",
        "SESSION_COOKIE",
        "SENTRY_DSN",
    ],
)
def test_a_secret_gives_way_to_the_name_of_its_variable(name: str) -> None:
    secrets = find_secrets({name: "hush-1234", "HOME": "/home/someone"})
    assert redact("GET https://x?t=hush-1234 in /home/someone", secrets) == f"GET https://x?t=[{name}] in /home/someone"


@pytest.mark.parametrize("name", ["PWD", "SSH_AUTH_SOCK", "HF_TOKEN_PATH", "KEYBOARD", "PATIENCE", "COMPASS", "HOME"])
def test_what_is_no_secret_stays(name: str) -> None:
    assert find_secrets({name: "/home/someone"}) == {}


def test_a_secret_is_found_as_python_and_json_spell_it() -> None:
    value = 'hush-"q\\z-ü-12345'
    secrets = find_secrets({"A_TOKEN": value})
    for text in (value, repr({"t": value}), json.dumps({"t": value})):
        assert redact(text, secrets).replace("[A_TOKEN]", "") in ("", "{'t': ''}", '{"t": ""}')


def test_texts_in_plain_values_are_redacted_wherever_they_stand() -> None:
    secrets = find_secrets({"A_TOKEN": "hush-1234"})
    assert redact_texts({"a": ["x hush-1234", 7, None], "b": {"c": "hush-1234"}}, secrets) == {
        "a": ["x [A_TOKEN]", 7, None],
        "b": {"c": "[A_TOKEN]"},
    }


def test_the_password_of_an_address_is_one_in_any_variable() -> None:
    secrets = find_secrets({"HTTPS_PROXY": "http://user:hush-1234@proxy:3128", "NO_PROXY": "http://proxy:31280000"})
    assert (
        redact("no way to http://user:hush-1234@proxy:3128", secrets)
        == "no way to http://user:[HTTPS_PROXY]@proxy:3128"
    )
    assert redact("http://proxy:31280000", secrets) == "http://proxy:31280000"
    assert redact("to hush-1234", find_secrets({"REPORT_TO": "https://hush-1234@host/1"})) == "to [REPORT_TO]"


def test_a_password_is_found_as_its_address_spells_it_and_as_it_is() -> None:
    secrets = find_secrets({"DATABASE": "postgres://user:p%40ss-word@host/db"})
    assert redact("p%40ss-word is p@ss-word", secrets) == "[DATABASE] is [DATABASE]"


def test_secrets_are_found_as_addresses_spell_them_and_line_by_line() -> None:
    secrets = find_secrets({"A_TOKEN": "hush/12+34", "B_KEY": "-----BEGIN\n  first-line\nsecond-line\n"})
    assert redact("?t=hush%2F12%2B34", secrets) == "?t=[A_TOKEN]"
    assert redact("'first-line\\nsecond-line'", secrets) == "'[B_KEY]\\n[B_KEY]'"


def test_the_longer_secret_goes_first_and_short_values_stay() -> None:
    secrets = find_secrets({"A_TOKEN": "hush-1234", "B_TOKEN": "hush-1234-5678", "C_KEY": "s", "D_PASSWORD": "yes"})
    assert redact("hush-1234-5678, hush-1234, yes", secrets) == "[B_TOKEN], [A_TOKEN], yes"
