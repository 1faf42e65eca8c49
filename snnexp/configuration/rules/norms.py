"""Rules of norms: what has to be behind the weights, and what must not."""

from collections.abc import Iterator

from snnexp.configuration.rules.reading import (
    Config,
    before,
    beyond_spikes,
    kind,
    says,
    stage,
    stages_with,
    trained,
)
from snnexp.configuration.slots import ability


def per_step_norm_has_steps(config: Config) -> Iterator[str]:
    """The analog form has one timestep, so statistics per timestep mean nothing to the spiking
    one.
    """
    analog = stages_with(config, form="analog", trains=True)
    if analog and len(config["strategy"]["stages"]) > 1 and says(config, "norm", "per_step"):
        kept = f"{kind(config['norm'])} keeps statistics per timestep"
        lost = f"which stage {analog[0]} cannot train on an ANN"
        yield f"norm: {kept}, {lost}; use norm=batch, tdbn or none"


def norms_behind_neurons_have_spikes(config: Config) -> Iterator[str]:
    """A norm that takes spikes has a place in the spiking form alone."""
    other = beyond_spikes(config)
    if other and says(config, "norm", "behind_neurons"):
        placed = f"{kind(config['norm'])} takes the spikes of neurons that are trained through time"
        yield f"norm: {placed}, which stage {other[0]} does without; set norm=batch"


def orthogonal_steps_have_norms(config: Config) -> Iterator[str]:
    """Weights that keep their size need a norm behind them that takes it out, and learns no
    scale.
    """
    for name in (name for name in trained(config) if _keeps_sizes(config, name)):
        path, norm = f"strategy.stages.{name}.optimizer", config["norm"]
        chosen = kind(config["strategy"]["stages"][name]["optimizer"])
        if not all(stage(config, each, "keeps_norms") for each in [*before(config, name), name]):
            changed = "would change the size of weights that have no norm behind them"
            yield f"{path}: {chosen} {changed}; set optimizer=adam"
        elif "learn_scale" not in norm:
            needed = "needs a norm behind the weights, whose size it keeps"
            yield f"{path}: {chosen} {needed}; set norm=batch norm.learn_scale=false"
        elif norm["learn_scale"]:
            moved = "moves what is learned per channel in long steps, made for biases"
            yield f"{path}: {chosen} {moved}; set norm.learn_scale=false"


def _keeps_sizes(config: Config, name: str) -> bool:
    optimizer = config["strategy"]["stages"][name].get("optimizer")
    return bool(optimizer) and ability(optimizer["_target_"], "optimizer", "keeps_sizes")


RULES = (
    per_step_norm_has_steps,
    norms_behind_neurons_have_spikes,
    orthogonal_steps_have_norms,
)
