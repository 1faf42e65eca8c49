"""Where orthogonal steps are none."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import Config, kind, trained

UNSCALED = ("Batch", "TdBN")
STAGES = ("ANN", "BPTT", "SpikeCounts")


def orthogonal_steps_have_norms(config: Config) -> Iterator[str]:
    """Muon keeps the size of hidden weights, which a norm without a scale of its own behind them has to take out again."""
    stages = config["strategy"]["stages"]
    for name in (name for name in trained(config) if kind(stages[name].get("optimizer") or {"_target_": ""}) == "Muon"):
        path, norm = f"strategy.stages.{name}.optimizer", config["norm"]
        before = [kind(stages[each]) for each in list(stages)[: list(stages).index(name)]]
        if {"Conversion", "Mapping"} & {*before} or kind(stages[name]) not in STAGES:
            yield f"{path}: Muon would change the size of weights that have no norm behind them; set optimizer=adam"
        elif kind(norm) not in UNSCALED:
            yield f"{path}: Muon needs a norm behind the weights, whose size it keeps; set norm=batch norm.learn_scale=false"
        elif norm["learn_scale"]:
            yield f"{path}: Muon moves what is learned per channel in long steps, made for biases; set norm.learn_scale=false"
