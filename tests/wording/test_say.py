from dataclasses import dataclass

import pytest

from detstudy.wording import say


def test_words_of_others_are_quoted_and_a_fact_without_words_is_refused() -> None:
    @dataclass
    class Unheard:
        number: int

    assert say("RuntimeError: no") == "RuntimeError: no"
    with pytest.raises(TypeError, match="Unheard has no words"):
        say(Unheard(1))
