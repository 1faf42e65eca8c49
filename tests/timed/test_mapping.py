"""The exact mapping of ReLUs to single spikes: values, costs, fine-tuning, and what it refuses."""

import json
from itertools import pairwise

import pytest
import torch

from snnexp.cell import Over
from snnexp.cli.evaluate import evaluate
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.errors import ConfigError
from snnexp.losses.cross_entropy import CrossEntropy
from snnexp.measure.timed_evaluator import TimedEvaluator
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import analog_units
from snnexp.network.transfer import transfer
from snnexp.stages.mapping import Mapping
from snnexp.timed.body import connections
from snnexp.timed.clock import nearest_step, steps_until
from snnexp.timed.layers import timed_layers
from snnexp.timed.network import timed_network
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.robustness import Robustness, vary_windowed
from snnexp.timed.spike_times import spike_times
from snnexp.timed.synapses import Synapses
from snnexp.training.execution import Execution
from snnexp.training.session import Session
from tests.support import networks
from tests.support.options import build_option
from tests.support.timed import timed, timed_form
from tests.support.tiny_run import attempted, job

MAPPED = [
    "strategy=mapping",
    "neuron=constant_slope",
    "encoder=spike_time",
    "encoder.latest=1.0",
    "readout=first_spike",
    "timesteps=16",
]
MAPPED += [
    "architecture=cnn",
    "architecture.layers=[8C3,MP2,12C3,AP2,FC16]",
    "architecture.bias=false",
]


def neuron(**changes):
    return build_option(
        "neuron",
        "constant_slope",
        {"horizon": 2.0, "step": 0.125, **changes},
        surrogate=build_option("surrogate", "arctan"),
    )


def values(times: torch.Tensor, horizon: float) -> torch.Tensor:
    return ((horizon - times) / horizon).clamp(min=0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("convolution", [True, False])
def test_spike_times_are_a_relu(bias, convolution):
    torch.manual_seed(0)
    layer = (
        torch.nn.Conv2d(3, 5, 3, padding=1, bias=bias)
        if convolution
        else torch.nn.Linear(20, 5, bias=bias)
    ).double()
    x = torch.rand((4, 3, 6, 6) if convolution else (4, 20), dtype=torch.float64).requires_grad_()
    expected = layer(x).clamp(0, 1)
    t = spike_times(2.0 * (1 - x), Synapses.of(layer), neuron())
    assert torch.allclose(values(t, 2.0), expected, atol=1e-12)
    assert torch.equal(t.isinf(), expected <= 0) and (t >= 0).all()
    upstream = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * upstream).sum(), [x, *layer.parameters()])
    found = torch.autograd.grad(
        -(torch.where(t.isfinite(), t, 0) * upstream).sum() / 2.0, [x, *layer.parameters()]
    )
    assert all(
        torch.allclose(one, other, atol=1e-12) for one, other in zip(found, wanted, strict=True)
    )


def test_a_silent_input_counts_for_nothing():
    layer = torch.nn.Linear(2, 1, bias=False).double()
    layer.weight.data[:] = torch.tensor([[0.5, 100.0]])
    t = spike_times(
        torch.tensor([[1.0, torch.inf], [1.0, 2.0], [1.0, 5.0]], dtype=torch.float64),
        Synapses.of(layer),
        neuron(),
    )
    assert t.flatten().tolist() == [1.5, 1.5, 1.5]


def test_as_a_cell_it_listens_and_then_answers():
    cell = neuron()
    inputs = torch.zeros(33, 1, 3)
    inputs[8] = torch.tensor(
        [0.5, 2.5, -1.0]
    )  # at time 1 of 2: 1/2, 5/2 and -1 of the ramps' slope, times the time left
    spikes = Over(cell)(inputs)[:, 0]
    assert spikes.sum(0).tolist() == [1, 1, 0]  # the last would need until time 3 of its window
    assert spikes.argmax(0).tolist() == [
        16 + 12,
        16,
        0,
    ]  # horizon - 1/2; at once, since 5/2 is above the threshold


def test_on_a_clock_values_are_rounded_to_the_nearest_timestep():
    cell = neuron(step=0.25)
    t = torch.tensor([0.0, 0.1, 0.125, 0.13, 0.3, 1.87, 1.88, torch.inf], dtype=torch.float64)
    waited = steps_until(nearest_step(t, cell), 0.25)
    assert waited.tolist() == [
        0,
        0,
        0,
        1,
        1,
        7,
        8,
        torch.inf,
    ]  # 8 is the horizon, which counts as never
    for value in (0.1, 0.2, 0.37, 0.9):
        inputs = torch.zeros(17, 1, 1)
        inputs[0] = value  # over a window of 2 its ramp comes to 2 value
        assert int(Over(cell)(inputs)[:, 0, 0].argmax()) - 8 == round(8 * (1 - value))


def test_it_is_a_neuron_of_the_timed_form():
    assert isinstance(neuron(), TimedNeuron) and neuron().windowed
    one = neuron()
    t = torch.linspace(0, 2, 5, dtype=torch.float64).requires_grad_()
    factors, slopes = one.factors(t), one.slopes(t.detach())
    assert (
        torch.equal(torch.autograd.grad(factors[0].sum(), t)[0], slopes[0])
        and not factors[1].any()
        and not slopes[1].any()
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mapping")
    robust = [
        "strategy.stages.map.bits=[8,2]",
        "strategy.stages.map.jitters=[0.0,0.3]",
        "strategy.stages.map.variations=[0.5]",
    ]
    job(folder, *MAPPED, *robust, "epochs=4")
    return folder, json.loads((folder / "result.json").read_text())


@pytest.mark.slow
def test_the_accuracy_is_that_of_the_analog_network(run):
    _, result = run
    assert result["form"] == "timed" and result["accuracy"] == pytest.approx(
        result["ann_accuracy"], abs=0.3
    )
    assert result["stages"]["pretrain"]["form"] == "analog" and result["ann_accuracy"] > 80


@pytest.mark.slow
def test_no_neuron_fires_twice_and_all_of_its_windows_are_counted(run):
    _, result = run
    assert (
        0.05 < result["spikes_per_neuron"] <= 1 and result["windows"] == 5
    )  # the input's, three hidden layers', the output's
    assert result["spikes_per_neuron_until_decision"] <= result["spikes_per_neuron"]


@pytest.mark.slow
def test_an_answer_comes_in_the_last_window_and_not_before(run):
    _, result = run
    curve = result["accuracy_by_timestep"]
    assert result["timesteps"] == len(curve) == 80 and result["timesteps_per_layer"] == 16
    assert curve[:64] == [None] * 64 and curve[64] < curve[70] < curve[79]
    assert abs(curve[-1] - result["accuracy"]) < 3  # values of 16 steps, rounded to the nearest
    assert (
        4.0 < result["decision_time"]["median"] < 5.0
        and 64 < result["resolution"][-1]["decision_step"] < 80
    )


@pytest.mark.slow
def test_it_says_what_coarse_times_few_bits_and_noise_cost(run):
    _, result = run
    assert [row["timesteps_per_layer"] for row in result["resolution"]] == [8, 16]
    assert [row["timesteps"] for row in result["resolution"]] == [40, 80]
    bits, jitter = result["accuracy_by_bits"], result["accuracy_by_jitter"]
    assert abs(bits["8"] - result["accuracy"]) < 3 and bits["2"] < bits["8"]
    assert jitter["0.0"] == result["accuracy"] and jitter["0.3"] < jitter["0.0"]
    assert result["accuracy_by_variation"].keys() == {"0.5"}


def blueprint_and_analog(norm: str = "batch") -> tuple[Blueprint, Network, torch.Tensor]:
    """A blueprint, an analog network of it with running statistics of its own, and the images that
    gave them.
    """
    torch.manual_seed(1)
    layers = {"layers": ["6C3", "MP2", "8C3", "AP2", "FC9"], "bias": False}
    parts = {
        "encoder": ("spike_time", {"latest": 1.0}),
        "readout": "first_spike",
        "neuron": "constant_slope",
    }
    blueprint = networks.blueprint(**parts, norm=norm, architecture=("cnn", layers))
    analog = analog_network(blueprint)
    images, keys = networks.images(40), networks.keys(40)
    for _ in range(20):
        analog(images, range(1), keys)
    return blueprint, analog.eval(), images


@pytest.mark.slow
def test_every_layer_holds_the_activations():
    blueprint, analog, images = blueprint_and_analog()
    pixels = (images * 255).to(torch.uint8)
    batches = Batches(
        Split(pixels, torch.zeros(40, dtype=torch.long), torch.arange(40)),
        40,
        Pixels([0.0], [1.0]),
        None,
        "cpu",
        1,
    )
    stage = Mapping(samples=40, margin=1.0, bits=[], jitters=[], variations=[])
    way, evaluator = Execution("default", 1, False), TimedEvaluator(16, CrossEntropy(0.0))
    session = Session(
        blueprint,
        batches,
        None,
        batches,
        evaluator,
        None,
        torch.device("cpu"),
        torch.float32,
        way,
        "last",
        1,
    )
    timed = stage("map", analog, session).network
    batch = next(batches.in_order())
    found, ranges = [], []
    hooks = [
        layer.timed.register_forward_hook(lambda _, __, out: found.append(out))
        for layer in timed_layers(timed)
    ]
    hooks += [
        unit.register_forward_hook(lambda _, __, out: ranges.append(out))
        for unit in analog_units(analog).values()
    ]
    timed(batch.input, range(1), batch.keys)
    scores = analog(batch.input, range(1), batch.keys).scores
    for hook in hooks:
        hook.remove()
    *hidden, output = (values(each, 1.0) for each in found)
    for value, activation in zip(hidden, ranges, strict=True):
        assert torch.allclose(value, activation / activation.max(), atol=2e-6)
    assert torch.allclose(
        output[0], (scores[0] - scores.min()) / (scores.max() - scores.min()), atol=2e-6
    )


@pytest.mark.slow
def test_fine_tuning_goes_on_from_the_mapping(tmp_path):
    finetune = ["+stage@strategy.stages.finetune=single_spike", "strategy.stages.finetune.epochs=1"]
    loss = (
        "_target_: snnexp.losses.spike_time.SpikeTimeCrossEntropy, domain: time, scale: 0.1, "
        "early_weight: 0.0, early_scale: 1.0"
    )
    faster = [
        f"strategy.stages.finetune.loss={{{loss}, "
        "spread_weight: 0.0, spread_time: 0.0, margin: 0.0}"
    ]
    result = job(tmp_path, *MAPPED, "epochs=3", *finetune, *faster, "optimizer.lr=0.002")
    mapped, tuned = result["stages"]["map"], result["stages"]["finetune"]
    assert tuned["form"] == "timed" and tuned["accuracy"] > mapped["accuracy"] - 5
    assert tuned["epochs"] == 1 and tuned["spikes_per_neuron"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["neuron=if_exp"], "neuron: IFExp has no spike times; set neuron=constant_slope"),
        (["encoder.latest=2.0"], "set encoder.latest=1.0"),
        (["encoder.bright_first=false"], "set encoder.bright_first=true"),
        (["encoder.grid=0.1"], "set encoder.grid=null"),
        (["encoder=direct"], "set encoder=spike_time"),
        (["strategy=single_spike", "loss=spike_time"], "set neuron=if_exp"),
        (["strategy=single_spike", "neuron=if_exp", "norm=none"], "set loss=spike_time"),
    ],
)
def test_what_does_not_fit_is_refused(changes, said, tmp_path):
    kept = [
        each for each in MAPPED if "encoder=direct" not in changes or not each.startswith("encoder")
    ]
    _, error, _ = attempted(tmp_path, *kept, *changes)
    assert isinstance(error, ConfigError) and said in str(error)


def test_noise_is_that_of_the_seed_whatever_was_drawn_before():
    network = timed()
    drawn = []

    def accuracy(changed: Network) -> float:
        drawn.append(torch.cat([each.flatten() for each in changed.parameters()]))
        return float(torch.rand(()))

    test = Robustness([], [0.1], [0.1, 0.2])
    first, again, other = (test(network, accuracy, seed) for seed in (3, 3, 4))
    assert first == again != other
    assert drawn[1].equal(drawn[4]) and not drawn[1].equal(drawn[7])
    assert not drawn[1].equal(drawn[0])


def test_a_threshold_that_differs_takes_the_same_off_every_value():
    layer = torch.nn.Linear(1, 2000)
    layer.weight.data.fill_(0.0)
    layer.bias.data.fill_(0.5)
    with torch.no_grad():
        vary_windowed(layer, 0.1)
    off = 0.5 - layer.bias
    assert abs(off.mean()) < 0.01 and off.std().item() == pytest.approx(
        0.1 * (1 + 0.25) ** 0.5, rel=0.06
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "~strategy.stages.pretrain",
        "+stage@strategy.stages.more=ann",
        "+stage@strategy.stages.again=mapping",
    ],
)
def test_what_is_mapped_first_is_trained(tmp_path, change):
    _, error, code = attempted(tmp_path, *MAPPED, change)
    assert code == 2 and "set strategy=mapping" in str(error)


@pytest.mark.slow
def test_the_encoder_that_whitens_is_mapped_and_its_products_are_counted(tmp_path):
    given = [*MAPPED[:2], "encoder=whitening", "encoder.channels=1", *MAPPED[4:]]
    result = job(tmp_path, *given, "epochs=2")
    assert result["accuracy"] == pytest.approx(result["ann_accuracy"], abs=0.6)
    assert result["operations"]["mac"] == 7 * 7 * 4 * 4  # places of a patch, filters, weights


@pytest.mark.slow
def test_an_evaluation_of_the_finished_run_gives_the_same(run, capsys):
    folder, result = run
    assert evaluate([str(folder)]) == 0
    newest = next((folder / "evaluations").iterdir())
    assert json.loads(newest.read_text())["accuracy"] == result["accuracy"]


@pytest.mark.slow
def test_connections_of_the_two_forms_have_one_order():
    blueprint, analog, _ = blueprint_and_analog(norm="none")
    timed = timed_network(blueprint, timed_form())
    sizes = [connection.layer.weight.shape[0] for connection in connections(timed.body)]
    assert sizes == [6, 8, 9, 10] and all(a is not b for a, b in pairwise(connections(timed.body)))
    with pytest.raises(RuntimeError):
        transfer(analog, timed)  # which has biases
