import dataclasses

from detstudy.analysis.facts.conclusion import NoInteractions
from detstudy.analysis.facts.interaction import EffectVerdict, NoAnalysis
from detstudy.analysis.findings.learned import list_interactions
from detstudy.analysis.records import Effect, Factorial


def test_factors_that_depend_on_each_other_are_learned_and_others_are_not() -> None:
    def make_effect(p: float, p_images: float | None, verdict: EffectVerdict) -> Effect:
        return Effect(
            objective="mask/AP",
            factors=("learning_rate", "batch_size"),
            sum_of_squares=4.0,
            degrees_of_freedom=1,
            f=9.0,
            p=p,
            p_holm=p,
            p_images=p_images,
            omega_squared=0.3,
            verdict=verdict,
            best=None,
        )

    effects = (
        make_effect(0.01, 0.02, EffectVerdict.FOUND),
        make_effect(0.01, 0.2, EffectVerdict.ON_THESE_IMAGES),
        make_effect(0.3, None, EffectVerdict.NOT_FOUND),
    )
    factorial = Factorial(
        factors=("learning_rate", "batch_size"), levels=(), cells={}, effects=effects, reason=None, notes=()
    )
    learned, unknown = list_interactions(factorial)
    assert [found.fact for found in learned] == [effects[0]]
    assert [found.fact for found in unknown] == [effects[1], effects[2]]
    assert list_interactions(None) == ([], [])
    refused = dataclasses.replace(factorial, effects=(), reason=NoAnalysis.ONE_SEED)
    assert list_interactions(refused)[1][0].fact == NoInteractions(NoAnalysis.ONE_SEED)
