"""What is said of a winner and its rivals: the chance, the words, and how often they are wrong."""

import numpy as np
import pytest

from nao_tf.study.verdict import BETTER, LEVEL, NO_DIFFERENCE, SAME, UNTOLD, WORSE, Sample, holm, judge, percent
from nao_tf.tasks.task import Metric

LOW = Metric("perplexity", higher_is_better=False, form="{:.2f}")
HIGH = Metric("accuracy", higher_is_better=True, form="{:.2%}")
REPETITIONS = 200


def judged(winner, *rivals, metric=HIGH, **named):
    return judge(
        Sample(tuple(winner)), {str(i): Sample(tuple(r)) for i, r in enumerate(rivals)}, metric=metric, **named
    )


def test_the_chance_is_that_of_students_distribution_at_welchs_degrees_of_freedom():
    (comparison,) = judged((1.0, 2.0, 3.0), (4.0, 6.0, 8.0)).comparisons
    # means 2 and 6, variances 1 and 4: error sqrt(1/3 + 4/3), freedom (5/3)^2 / ((1/3)^2 / 2 + (4/3)^2 / 2)
    drawn = np.random.default_rng(0).standard_t(25 / 9 / (17 / 18), size=1_000_000)
    expected = np.mean(np.abs(drawn) > 4 / np.sqrt(5 / 3))
    assert comparison.chance == pytest.approx(expected, abs=1e-3)
    assert comparison.difference == -4 and comparison.outcome == NO_DIFFERENCE
    assert np.mean(np.abs(drawn) > comparison.shows / np.sqrt(5 / 3)) == pytest.approx(LEVEL, abs=1e-3)


def test_several_rivals_are_corrected_by_holms_method():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0} and holm({}) == {}
    one, other = (10.0, 10.1, 10.2), (11.0, 11.1, 11.2)
    (alone,) = judged(one, other).comparisons
    both = judged(one, other, (10.0, 10.2, 10.4)).comparisons
    assert both[0].chance == pytest.approx(2 * alone.chance)


def test_the_choice_among_finalists_costs_half_their_number():
    chances = [
        judged((10.0, 10.1, 10.2), (11.0, 11.1, 11.2), finalists=count).comparisons[0].chance for count in (1, 2, 6)
    ]
    assert chances[0] == chances[1] == pytest.approx(chances[2] / 3)


@pytest.mark.parametrize(("metric", "outcomes"), [(HIGH, (BETTER, WORSE)), (LOW, (WORSE, BETTER))])
def test_the_direction_is_the_metrics(metric, outcomes):
    high, low = (0.91, 0.92, 0.93), (0.71, 0.72, 0.73)
    assert judged(high, low, metric=metric).comparisons[0].outcome == outcomes[0]
    assert judged(low, high, metric=metric).comparisons[0].outcome == outcomes[1]


def test_the_words_name_figure_rival_chance_test_and_seeds():
    verdict = judge(
        Sample((101.0, 102.0, 101.5)),
        {"random": Sample((105.9, 106.2, 106.4)), "lstm": Sample((101.2, 103.0), failed=1), "nao": Sample((1.0, 2.0))},
        metric=LOW,
        finalists=4,
        same=["nao"],
        called={"random": "the best of random search", "lstm": "the hand-made lstm"},
    )
    assert verdict.words == (
        "test perplexity 101.50 ± 0.50 (mean ± standard deviation, 3 seeds)",
        "better than the best of random search, 106.17 ± 0.25 (chance 0.3 %, Welch's t-test, 3 seeds each)",
        "no difference to the hand-made lstm, 102.10 ± 1.27 (1 of 3 trainings failed), that these seeds can show "
        "(chance 100 %, Welch's t-test, 3 and 2 seeds; one of 25.45 would show)",
        "nao is the same network",
        "chance: of so large a difference by noise alone, Holm's correction for 2 rivals, times 2 for the choice among "
        "4 finalists",
    )
    content = verdict.to_json()
    assert content["rivals"]["random"]["outcome"] == "better" and content["winner"]["mean"] == 101.5
    assert content["rivals"]["lstm"]["failed"] == 1 and content["rivals"]["nao"]["outcome"] == "same network"


def test_of_one_training_each_nothing_is_said():
    verdict = judged((0.9,), (0.1,), advice="--final_seeds=3 tells")
    assert verdict.comparisons[0].outcome == UNTOLD and verdict.comparisons[0].difference == pytest.approx(0.8)
    assert verdict.words == ("one figure each: whether differences are noise cannot be told; --final_seeds=3 tells",)
    assert judged((0.9,)).words == ()
    same = judged((0.9,), (0.9,), same=["0"])
    assert same.words == ("0 is the same network",) and same.comparisons[0].outcome == SAME


@pytest.mark.parametrize(
    ("rival", "said"),
    [
        ((), "its trainings failed"),
        ((0.5,), "of a single training nothing can be told"),
        ((0.5, 0.5), "no figure depends on its seed"),
    ],
)
def test_where_there_is_no_test_the_words_say_why(rival, said):
    (comparison,) = judged((0.9, 0.9), rival).comparisons
    assert comparison.outcome == UNTOLD and comparison.chance is None and said in comparison.words


def test_figures_that_are_none_are_failed_trainings():
    sample = Sample.of([1.0, None, float("nan"), float("inf"), 2.0])
    assert sample == Sample((1.0, 2.0), failed=3) and sample.mean == 1.5
    assert sample.standard_deviation == pytest.approx(0.5**0.5)
    empty = Sample.of([None])
    assert empty.mean is None and empty.standard_deviation is None and empty.text(LOW) == "failed"


@pytest.mark.parametrize(
    ("chance", "said"),
    [(1e-9, "below 0.1 %"), (0.004, "0.4 %"), (0.0499, "5.0 %"), (0.0996, "10 %"), (0.41, "41 %"), (1.0, "100 %")],
)
def test_chances_for_people(chance, said):
    assert percent(chance) == said


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [1.0, 0.2])  # of the rivals
def test_better_is_said_wrongly_of_any_rival_in_at_most_a_twentieth(seeds, spread):
    """Three rivals are as good as the winner, which is the best of three finalists by the same figures."""
    rng, wrong = np.random.default_rng(seeds), 0
    for _ in range(REPETITIONS):
        finalists = rng.normal(size=(3, seeds))
        winner = max(finalists, key=np.mean)
        verdict = judged(winner, *spread * rng.normal(size=(3, seeds)), finalists=3)
        wrong += any(comparison.outcome == BETTER for comparison in verdict.comparisons)
    assert wrong <= REPETITIONS / 20


def test_the_choice_among_finalists_is_wrong_too_often_where_nothing_accounts_for_it():
    rng, wrong = np.random.default_rng(0), {1: 0, 12: 0}
    for _ in range(REPETITIONS):
        winner = max(rng.normal(size=(12, 5)), key=np.mean)
        rival = rng.normal(size=5)
        for finalists in wrong:
            wrong[finalists] += judged(winner, rival, finalists=finalists).comparisons[0].outcome == BETTER
    assert wrong[12] <= REPETITIONS / 20 < wrong[1]


@pytest.mark.parametrize(("seeds", "apart"), [(2, 40), (3, 10), (5, 5)])
def test_a_difference_that_is_large_is_told(seeds, apart):
    rng, told = np.random.default_rng(1), 0
    for _ in range(50):
        winner, *rivals = rng.normal(size=(3, seeds)) + np.array([[apart], [0], [0]])
        told += all(comparison.outcome == BETTER for comparison in judged(winner, *rivals).comparisons)
    assert told >= 40
