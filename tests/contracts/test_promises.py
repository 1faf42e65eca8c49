"""The promises that users' components are put to, kept by the options of the package."""

from collections.abc import Iterator
from typing import Any

import pytest

from snnexp.cell import Cell, at_rest
from snnexp.configuration.build import locate, takes
from snnexp.contracts import PROMISES
from tests.support.options import build_option, options, settings

CHANGES: dict[tuple[str, str], dict[str, Any]] = {
    ("neuron", "constant_slope"): {"step": 0.25},  # its first window is over soon
    ("neuron", "glif"): {"timesteps": 20},  # of which it has numbers of its own
}
ELSEWHERE = {
    ("neuron", "fitted_few_spikes", "is_silent_without_input"): "its spikes add up to f(0)",
    ("neuron", "signed_flush", "passes_gradients_where_it_says_so"): "counts have its gradients",
    ("encoder", "whitening", "*"): "it is made for three channels",
    ("loss", "stochastic_softmax", "*"): "it reads two values for each class",
    ("scheduler", "warm_up", "*"): "the schedule behind it comes of Hydra's defaults",
}
"""What cannot be asked of an option, and why; its own tests ask it in another way."""
SMALL = {"architecture": ["mlp", "cnn", "fast"]}
"""Of groups whose options are large; tests/contracts/test_architectures.py asks all of them."""


def cases() -> Iterator[Any]:
    for group, promises in PROMISES.items():
        for name in SMALL.get(group, options(group)):
            for promise in promises:
                known = {(group, name, promise.__name__), (group, name, "*")}
                if not known & ELSEWHERE.keys():
                    yield pytest.param(group, name, promise, id=f"{name}-{promise.__name__}")


@pytest.mark.slow
@pytest.mark.parametrize(("group", "name", "promise"), cases())
def test_it_keeps(group, name, promise):
    target = locate(settings(group, name)["_target_"])
    sloped = group == "neuron" and takes(target, "surrogate")
    slope = {"surrogate": build_option("surrogate", "arctan")} if sloped else {}
    changes = CHANGES.get((group, name), {})
    promise(lambda **provided: build_option(group, name, changes, **slope, **provided))


class Forgetful(Cell):
    """What it gives depends on how it was called before."""

    calls = 0

    def initial(self, x):
        return at_rest(x)

    def step(self, x, state):
        self.calls += 1
        return x + self.calls, state


@pytest.mark.parametrize("group", ["neuron", "synapse"])
def test_a_promise_that_is_not_kept_is_named(group):
    (promise,) = (each for each in PROMISES[group] if each.__name__ == "gives_the_same_in_chunks")
    with pytest.raises(AssertionError, match="chunks of timesteps give another output"):
        promise(Forgetful)
    (promise,) = (each for each in PROMISES[group] if each.__name__ == "is_silent_without_input")
    with pytest.raises(AssertionError):
        promise(Forgetful)
