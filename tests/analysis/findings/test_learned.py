import dataclasses

from detstudy.analysis.facts.conclusion import NoInteractions
from detstudy.analysis.findings.learned import list_interactions
from detstudy.analysis.records import Effect, Factorial


def test_factors_that_depend_on_each_other_are_learned_and_others_are_not() -> None:
    def make_effect(p: float, p_images: float | None, sentence: str) -> Effect:
        return Effect(
            factors=("learning_rate", "batch_size"),
            sum_of_squares=4.0,
            degrees_of_freedom=1,
            f=9.0,
            p=p,
            p_holm=p,
            p_images=p_images,
            omega_squared=0.3,
            sentence=sentence,
        )

    effects = (make_effect(0.01, 0.02, "A."), make_effect(0.01, 0.2, "B."), make_effect(0.3, None, "C."))
    factorial = Factorial(
        factors=("learning_rate", "batch_size"), levels=(), cells={}, effects=effects, reason=None, notes=()
    )
    learned, unknown = list_interactions(factorial)
    assert [found.fact for found in learned] == ["A."]
    assert [found.fact for found in unknown] == ["B.", "C."]
    assert list_interactions(None) == ([], [])
    refused = dataclasses.replace(factorial, effects=(), reason="one seed a cell leaves no noise")
    assert list_interactions(refused)[1][0].fact == NoInteractions("one seed a cell leaves no noise")
