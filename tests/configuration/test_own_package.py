"""A package of the user's own adds a component of each kind, and the command line trains with
it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.command_line import Answer, Shell
from tests.support.warm import WarmShell

SEARCH = "hydra.searchpath=[file://mine/conf]"
TINY = (
    "epochs=1",
    "timesteps=3",
    "batch_size=100",
    "tracker=none",
    "progress=plain",
    "device=cpu",
    "dataset.test_share=0.9",
)
NETWORK = ("architecture=mlp", "architecture.widths=[12]", "norm=none")
ADDED: dict[str, tuple[str, str]] = {}
"""By file of the package: its source, and the values of its YAML beside `_target_`."""


def added(path: str, values: str, source: str) -> None:
    ADDED[path] = dedent(source), values


added(
    "neuron/adaptive.Adaptive",
    "threshold: 1.0\nrise: 0.1\n",
    """
    from torch import Tensor, nn
    from snnexp.cell import Cell, at_rest
    from snnexp.limits import NonNegative, Positive

    class Adaptive(Cell):
        def __init__(self, threshold: Positive, rise: NonNegative, surrogate: nn.Module):
            super().__init__()
            self.threshold, self.rise, self.surrogate = threshold, rise, surrogate

        def initial(self, x: Tensor):
            return at_rest(x), at_rest(x)

        def step(self, x: Tensor, state):
            v, risen = state
            u = v + x
            s = self.surrogate(u - self.threshold - risen)
            return s, (u - self.threshold * s, risen + self.rise * s)
    """,
)
added(
    "neuron/ramp.Ramp",
    "threshold: 1.0\nhorizon: 12.0\nstep: 0.125\n",
    """
    import torch
    from torch import Tensor, nn
    from snnexp.cell import at_rest
    from snnexp.limits import Positive
    from snnexp.neurons.base import Neuron
    from snnexp.neurons.once import Once

    class Ramp(Neuron):
        kind, monotone, forced = "ramp", True, False

        def __init__(self, threshold: Positive, horizon: Positive, step: Positive,
            surrogate: nn.Module):
            super().__init__()
            self.threshold, self.horizon, self.step_length = threshold, horizon, step
            self.once = Once(threshold, surrogate)

        def initial(self, x: Tensor):
            return at_rest(x), at_rest(x), at_rest(x, 1.0)

        def step(self, x: Tensor, state):
            u, j, waiting = state
            u = u + self.step_length * j
            s, waiting = self.once(u, waiting)
            return s, (u, j + x, waiting)

        def factors(self, t: Tensor):
            return torch.ones_like(t), t

        def slopes(self, t: Tensor):
            return torch.zeros_like(t), torch.ones_like(t)

        def potential(self, s0: Tensor, s1: Tensor, t: Tensor):
            return s0 * t - s1

        def reaches(self, s0: Tensor, s1: Tensor, start: Tensor, end: Tensor):
            return end * s0 - s1 >= self.threshold

        def solve(self, s0: Tensor, s1: Tensor, start: Tensor):
            late = 1 / s0.clamp(min=torch.finfo(s0.dtype).tiny)
            t = (self.threshold + s1) * late
            return t, -t * late, late, late
    """,
)
added(
    "neuron/unary.Unary",
    "window: 4\nthreshold: 1.0\ninitial_potential: 0.0\n",
    """
    from torch import Tensor
    from snnexp.limits import Fraction, Positive
    from snnexp.neurons.threshold import Threshold
    from snnexp.neurons.windowed import Window, Windowed

    class Unary(Windowed):
        def __init__(self, window: Window, threshold: Positive, initial_potential: Fraction):
            super().__init__(window)
            self.threshold = Threshold(threshold, initial_potential)

        def receive(self, value: Tensor) -> Tensor:
            return value

        def send(self, k: int, memory: Tensor) -> tuple[Tensor, Tensor]:
            unit = self.threshold.value / self.window
            z = (memory >= unit).to(memory.dtype)
            return self.threshold.value * z, memory - unit * z

        def set_threshold(self, value: float, initial_potential: Fraction) -> None:
            self.threshold.set(value, initial_potential)
    """,
)
added(
    "loss/hinge.Hinge",
    "margin: 0.1\n",
    """
    from torch import Tensor
    from torch.nn import functional
    from snnexp.limits import Positive
    from snnexp.losses.base import Loss
    from snnexp.losses.reading import Reading

    class Hinge(Loss):
        def __init__(self, margin: Positive):
            super().__init__()
            self.margin = margin

        def forward(self, reading: Reading, labels: Tensor) -> Tensor:
            return functional.multi_margin_loss(reading.answer, labels, margin=self.margin)
    """,
)
added(
    "loss/early.Early",
    "late: 3.0\n",
    """
    from typing import ClassVar
    from torch import Tensor
    from snnexp.limits import Positive
    from snnexp.losses.base import Loss
    from snnexp.losses.reading import Reading

    class Early(Loss):
        of_times: ClassVar[bool] = True

        def __init__(self, late: Positive):
            super().__init__()
            self.late = late

        def forward(self, reading: Reading, labels: Tensor) -> Tensor:
            times = -reading.answer
            own = times.gather(1, labels[:, None])[:, 0]
            return (own + (self.late - times).clamp(min=0).sum(1)).mean()
    """,
)
added(
    "encoder/blink.Blink",
    "period: 2\n",
    """
    import torch
    from torch import Tensor
    from snnexp.encoders.base import Encoder
    from snnexp.limits import Count

    class Blink(Encoder):
        pixels = "unit"

        def __init__(self, period: Count):
            super().__init__()
            self.period = period

        def forward(self, images: Tensor, steps: range, keys: Tensor) -> Tensor:
            on = torch.tensor([float(step % self.period == 0) for step in steps])
            return self.period * on.view(-1, 1, 1, 1, 1) * images

        def analog(self, images: Tensor) -> Tensor:
            return images[None]

        def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
            return shape
    """,
)
added(
    "readout/peak.Peak",
    "{}",
    """
    import torch
    from torch import Tensor
    from snnexp.cell import at_rest
    from snnexp.readouts.base import Readout

    class Peak(Readout):
        def features(self, classes: int) -> int:
            return classes

        def initial(self, x: Tensor):
            return at_rest(x), at_rest(x)

        def step(self, x: Tensor, state):
            u, peak = state[0] + x, state[1]
            peak = torch.maximum(peak, u)
            return peak, (u, peak)
    """,
)
added(
    "dataset/bars.bars",
    "count: 60\n",
    '''
    import torch
    from snnexp.datasets.base import TEST_OFFSET, Source, Split, numbered
    from snnexp.datasets.dataset import Dataset
    from snnexp.datasets.pixels import Pixels
    from snnexp.limits import Count

    def bars(count: Count) -> Dataset:
        """Bright rows on noise; the class is the row."""
        return Dataset(lambda: Rows(count), 0, 0, lambda: Pixels([0.0], [1.0]), None)

    class Rows(Source):
        classes, shape = 4, (1, 4, 4)

        def __init__(self, count: int):
            self.count = count

        def read(self) -> tuple[Split, Split]:
            return self._split(0), self._split(TEST_OFFSET)

        def _split(self, first: int) -> Split:
            labels = torch.arange(self.count) % self.classes
            images = torch.randint(0, 50, (self.count, *self.shape), generator=torch.Generator().manual_seed(first))
            images[torch.arange(self.count), 0, labels] = 255
            return numbered(images.to(torch.uint8), labels, first)

        def status(self) -> str:
            return "ready"

        def verify(self) -> str:
            return "nothing was published"

        def prepare(self) -> str:
            return "ready"
    ''',
)
added(
    "stage/shorter.Shorter",
    (
        "epochs: ${epochs}\ntimesteps: ${timesteps}\noptimizer: ${optimizer}\nscheduler: "
        "${scheduler}\nloss: ${loss}\n"
    ),
    """
    from snnexp.limits import Count, Natural
    from snnexp.network.spiking import spiking_network
    from snnexp.stages.base import Factory, Outcome, Stage
    from snnexp.training.loop import train
    from snnexp.training.schedule import Schedule

    class Shorter(Stage):
        def __init__(self, epochs: Natural, timesteps: Count, optimizer: Factory,
            scheduler: Factory, loss: Factory):
            self.steps = range(max(timesteps - 1, 1))
            self.schedule = Schedule(epochs, optimizer, scheduler, loss(), None)

        def untrained(self, blueprint):
            return spiking_network(blueprint)

        def __call__(self, name, network, session):
            spiking = self.untrained(session.blueprint).to(session.device)
            return Outcome(spiking, train(name, spiking, self.steps, self.schedule, session))
    """,
)


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator[WarmShell]:
    """A shell that finds a package of the user's own: a file and a YAML for every component."""
    root = tmp_path_factory.mktemp("own")
    for path, (source, values) in ADDED.items():
        group, _, name = path.partition("/")
        module, _, target = name.partition(".")
        (root / "mine" / "conf" / group).mkdir(parents=True, exist_ok=True)
        (root / "mine" / f"{module}.py").write_text(source)
        head = f"# My own.\n_target_: mine.{module}.{target}\n"
        (root / "mine" / "conf" / group / f"{module}.yaml").write_text(
            head + values * (values != "{}")
        )
    shell = WarmShell(root, root)
    yield shell
    shell.close()


def train(own: Shell, run: str, *words: str) -> Answer:
    settings = [SEARCH, *TINY, *NETWORK, f"hydra.run.dir={run}"]
    keys = {word.partition("=")[0] for word in words}
    kept = [
        each
        for each in settings
        if each.partition("=")[0] not in keys
        and not ("dataset" in keys and each.startswith("dataset."))
    ]
    return own("train", *kept, *words, SNNEXP_TRUST="mine")


TIMED = ("strategy=single_spike", "encoder=spike_time", "readout=first_spike", "loss=spike_time")
WINDOWED = (
    "strategy=conversion",
    "neuron=unary",
    "readout=window",
    "readout.window=4",
    "timesteps=8",
)
TRAINED = {
    "adaptive": ("neuron=adaptive",),
    "ramp": (*TIMED, "neuron=ramp"),
    "unary": WINDOWED,
    "hinge": ("loss=hinge",),
    "early": (*TIMED[:3], "neuron=if_linear", "loss=early"),
    "blink": ("encoder=blink",),
    "peak": ("readout=peak",),
    "bars": ("dataset=bars",),
    "shorter": ("stage@strategy.stages.train=shorter",),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_component_of_an_own_package_trains_and_is_evaluated(own, name):
    told = train(own, name, *TRAINED[name])
    assert told.code == 0, told.err
    run = Path(own.folder) / name
    result = json.loads((run / "result.json").read_text())
    assert f"mine.{name}." in (run / "config.yaml").read_text()
    assert (
        all(stage["epochs"] >= 0 for stage in result["stages"].values()) and result["accuracy"] >= 0
    )
    again = own("evaluate", name, SNNEXP_TRUST="mine")
    assert again.code == 0, again.err
    (evaluation,) = (run / "evaluations").iterdir()
    assert json.loads(evaluation.read_text())["accuracy"] == result["accuracy"]


def test_all_kinds_of_own_components_are_tried():
    assert {path.partition("/")[2].partition(".")[0] for path in ADDED} == TRAINED.keys()


REFUSED = {
    "its pixels": (("encoder=blink", "dataset.mean=[0.5]"), "Blink takes pixels in [0, 1]"),
    "its times": (
        ("neuron=ramp", *TIMED[:2], "loss=spike_time", "readout=potential"),
        "set readout=first_spike",
    ),
    "what its loss is of": (("loss=early",), "Early is of spike times"),
    "its windows": ((*WINDOWED[:2], "timesteps=8"), "set readout=window"),
    "that it has no spike times": (
        (*TIMED, "neuron=adaptive"),
        "Adaptive has no spike times; set neuron=if_exp",
    ),
    "that it sets no threshold": (
        ("strategy=conversion", "neuron=adaptive"),
        "which Adaptive does not let it; set neuron=if",
    ),
    "that it is no sum": (
        ("strategy=tandem", "neuron=if", "readout=peak"),
        "Peak is no sum over time",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_the_check_asks_own_components_for(own, what):
    words, said = REFUSED[what]
    told = train(own, "refused", *words)
    assert told.code == 2 and said in told.err
    assert not (Path(own.folder) / "refused").exists()


@pytest.mark.slow
def test_a_package_that_is_not_trusted_is_refused(own):
    told = own("train", SEARCH, "neuron=adaptive", "hydra.run.dir=refused")
    assert told.code == 2 and "SNNEXP_TRUST=NAME" in told.err
