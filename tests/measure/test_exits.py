"""Early exit: by hand, and against one image at a time."""

import math

import pytest
import torch

from snnexp.cell import streaming
from snnexp.measure.confidence import confidences
from snnexp.measure.evaluator import Evaluator
from snnexp.measure.exit_rule import NEVER, ExitRule
from snnexp.measure.exit_rules import exit_rules, learned_before
from snnexp.measure.exit_search import ExitSearch
from snnexp.measure.exits import Exits
from snnexp.measure.record import recording
from snnexp.results.stage import StageResult
from tests.measure.test_evaluate import IMAGES, STEPS, batches, network, split
from tests.support.options import build_option
from tests.support.tiny_run import job

ENERGY = {"a": build_option("energy", "cmos45_float32")}
SETTINGS = {"exit_thresholds": [0.2], "exit_tolerance": 5.0}


def evaluator(**changes) -> Evaluator:
    loss = build_option("loss", "cross_entropy")
    return Evaluator(STEPS, 2, loss, torch.float32, energy=ENERGY, by_timestep=True, **changes)


def probabilities(*rows):
    """Scores whose softmax are these."""
    return torch.tensor(rows).log()


def seen(onlooker, scores, labels, chunk=1):
    """Shows scores `[T, B, K]` chunk by chunk."""
    onlooker.begin(labels)
    for start in range(0, len(scores), chunk):
        part = scores[start : start + chunk]
        right = part.argmax(-1) == labels
        onlooker.see(part, right, None, ends=start + chunk >= len(scores))
    onlooker.gather()
    return onlooker


def test_confidences_of_probabilities_by_hand():
    found = confidences(probabilities([0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]))
    entropy = 0.5 * math.log(2) + 0.5 * math.log(4)
    assert found["probability"].tolist() == pytest.approx([0.5, 1 / 3])
    assert found["margin"].tolist() == pytest.approx([0.25, 0.0], abs=1e-6)
    assert found["entropy"].tolist() == pytest.approx([1 - entropy / math.log(3), 0.0], abs=1e-6)


SCORES = torch.stack(
    [
        probabilities([0.4, 0.3, 0.3], [0.8, 0.1, 0.1], [0.4, 0.4, 0.2]),
        probabilities([0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]),
        probabilities([0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.3, 0.6, 0.1]),
    ]
)
LABELS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize("chunk", [1, 2, 3])
@pytest.mark.parametrize(
    "confidence, threshold, right, steps, early",
    [
        ("probability", 0.65, 1 + 0 + 1, 2 + 1 + 3, 2),  # the last only at T, and right there
        ("probability", 0.39, 1 + 0 + 0, 1 + 1 + 2, 3),  # a tie at the top is no answer
        ("margin", 0.45, 1 + 0 + 1, 2 + 1 + 3, 2),
        ("probability", 1.0, 0 + 1 + 1, 9, 0),
        ("entropy", 1.5, 0 + 1 + 1, 9, 0),
    ],
)
def test_an_image_stops_once_it_is_sure(confidence, threshold, right, steps, early, chunk):
    (found,) = seen(Exits([ExitRule(confidence, threshold)]), SCORES, LABELS, chunk).means()
    assert (3 * found.right, 3 * found.timesteps, 3 * found.early) == pytest.approx(
        (right, steps, early)
    )


def test_the_smallest_threshold_that_keeps_the_accuracy_is_learned():
    search = seen(ExitSearch(), SCORES, LABELS, 2)
    rules = {rule.confidence: rule.threshold for rule in search.rules(0.0)}
    # at T two of three are right; from 0.6 on the third image is, from 0.7 the first stops
    # right, and the second stops wrong at once as long as 0.8 is enough
    assert rules["probability"] == pytest.approx(0.7)
    (found,) = seen(Exits([ExitRule("probability", rules["probability"])]), SCORES, LABELS).means()
    assert 3 * found.right == pytest.approx(2) and 3 * found.timesteps == pytest.approx(6)
    assert [rule.threshold for rule in search.rules(100.0)] == pytest.approx(
        [rule.threshold for rule in seen(ExitSearch(), SCORES, LABELS).rules(100.0)]
    )


def test_where_no_threshold_keeps_the_accuracy_nothing_stops():
    scores = torch.stack([probabilities([0.9, 0.1]), probabilities([0.1, 0.9])])
    rules = seen(ExitSearch(), scores, torch.tensor([1])).rules(0.0)
    assert {rule.threshold for rule in rules} == {NEVER} and all(rule.learned for rule in rules)


def test_nothing_is_learned_of_one_timestep_or_without_images():
    assert ExitSearch().rules(1.0) == seen(ExitSearch(), SCORES[:1], LABELS).rules(1.0) == []


def test_what_a_run_has_learned_is_for_its_own_number_of_timesteps():
    row = {"rule": "margin", "threshold": 0.25, "learned": True}
    result = StageResult.from_json(
        {"accuracy": 1.0, "accuracy_by_timestep": [1.0], "timesteps": 4, "exits": [row]}
    )
    assert learned_before(result, 4) == [ExitRule("margin", 0.25, learned=True)]
    assert learned_before(result, 5) == []


def one_by_one(net, rule):
    """Right answers, timesteps and accumulates, each image stopped by itself."""
    whole = next(iter(batches(IMAGES).in_order()))
    found = torch.zeros(3, dtype=torch.float64)
    for image, key, label in zip(*whole_of(whole), strict=True):
        with recording(net) as tally, streaming(net):
            for step in range(STEPS):
                scores = net(image, range(step, step + 1), key).scores[0, 0]
                sure = float(confidences(scores)[rule.confidence]) >= rule.threshold
                top = scores.topk(2).values
                if (sure and top[0] > top[1]) or step == STEPS - 1:
                    break
        right = bool(scores.argmax() == label and top[0] > top[1])
        found += torch.tensor([right, step + 1, float(tally.ac)], dtype=torch.float64)
    return (found / IMAGES).tolist()


def whole_of(batch):
    return batch.input.split(1), batch.keys.split(1), batch.labels


@pytest.mark.slow
def test_a_pass_over_all_timesteps_says_what_stopping_would_have_cost():
    net, rule = network("poisson"), ExitRule("margin", 0.05)
    evaluation = evaluator()(net, batches(16), True, Exits([rule]))
    (row,) = evaluation.shown["exits"]
    right, steps, accumulates = one_by_one(net, rule)
    assert 1 < steps < STEPS
    assert row["accuracy"] == pytest.approx(100 * right)
    assert row["timesteps"] == pytest.approx(steps)
    assert row["joule"]["a"] == pytest.approx(accumulates * 0.9e-12)
    assert 0 < row["early"] <= 100


def test_a_rule_that_stops_nothing_is_the_whole_evaluation():
    net = network()
    evaluation = evaluator()(net, batches(16), True, Exits([ExitRule("margin", NEVER)]))
    (row,), energy = evaluation.shown["exits"], evaluation.shown["energies"]["a"]
    assert row["accuracy"] == pytest.approx(evaluation.accuracy)
    assert (row["timesteps"], row["early"]) == (STEPS, 0)
    assert row["joule"]["a"] == pytest.approx(energy["joule"])
    assert row["spikes_per_inference"] == pytest.approx(evaluation.tally.spikes_per_inference())


def test_the_settings_say_which_thresholds():
    assert len(split().labels) == IMAGES
    asked = []
    rules = exit_rules(SETTINGS, lambda tolerance: asked.append(tolerance) or [])
    assert [rule.confidence for rule in rules] == ["probability", "margin", "entropy"]
    assert asked == [5.0]
    assert exit_rules({"exit_thresholds": [], "exit_tolerance": None}, asked.append) == []


@pytest.mark.slow
def test_a_rule_is_learned_on_the_validation_split_and_applied_to_the_test_set(tmp_path):
    words = [
        "dataset.validation=200",
        "evaluate.exit_thresholds=[0.3]",
        "evaluate.exit_tolerance=1",
    ]
    result = job(tmp_path / "a", *words, "evaluate.by_timestep=true", "energy=[cmos45_int8]")
    assert [*result["energies"]] == ["cmos45_int8"]
    told = [(row["rule"], row["learned"]) for row in result["exits"]]
    names = ["probability", "margin", "entropy"]
    assert told == [(name, learned) for learned in (False, True) for name in names]
    assert all(
        1 <= row["timesteps"] <= 3 and row["joule"]["cmos45_int8"] for row in result["exits"]
    )
    assert len(result["energies"]["cmos45_int8"]["joule_by_timestep"]) == 3
