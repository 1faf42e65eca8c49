"""What every readout keeps to, and hand-computed logits of each."""

import math

import pytest
import torch

from snnexp.cell import Over, streaming
from tests.support.options import build_option, options

READOUTS = options("readout")
PLAIN = [name for name in READOUTS if name != "stochastic_softmax"]
"""Those whose logits are what they read; that one adds the logarithm of a chance."""
CLASSES = 3


def drive(readout, steps: int = 6, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Random output of the last layer: spikes for a spiking readout, currents for the others."""
    noise = torch.randn(
        steps,
        4,
        readout.features(CLASSES),
        generator=torch.Generator().manual_seed(2),
        dtype=torch.float64,
    )
    return ((noise > 0) if readout.spiking else noise).to(dtype)


def logits(name: str, drive: list, **changes) -> list:
    """Running logits of one sample."""
    return Over(build_option("readout", name, changes))(torch.tensor(drive)[:, None])[:, 0].tolist()


@pytest.mark.parametrize("name", READOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_logits_at_every_step_for_every_class(name, dtype):
    readout = build_option("readout", name)
    output = Over(readout)(drive(readout, dtype=dtype))
    assert output.shape == (6, 4, CLASSES) and output.dtype == dtype


@pytest.mark.parametrize("name", READOUTS)
def test_logits_are_running(name):
    readout = build_option("readout", name)
    x = drive(readout)
    whole = Over(readout)(x)
    for steps in range(1, 6):
        assert torch.equal(Over(readout)(x[:steps]), whole[:steps])


@pytest.mark.parametrize("name", READOUTS)
def test_chunks_give_what_the_whole_gives(name):
    loop = Over(build_option("readout", name))
    x = drive(loop.cells[0])
    with streaming(loop):
        chunks = torch.cat([loop(x[:1]), loop(x[1:4]), loop(x[4:])])
    assert torch.equal(chunks, loop(x))


@pytest.mark.parametrize("name", PLAIN)
def test_an_ann_reads_plain_logits_at_its_only_step(name):
    readout = build_option("readout", name)
    x = torch.randn(
        1,
        4,
        readout.features(CLASSES),
        generator=torch.Generator().manual_seed(2),
        dtype=torch.float64,
    )
    expected = x.unflatten(-1, (CLASSES, -1)).mean(-1)
    assert torch.allclose(Over(readout)(x), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "name", [name for name in PLAIN if name not in ("first_spike", "trace")]
)  # the one hears the first spike alone, of which the other hears more
def test_every_step_gets_its_gradient(name):
    readout = build_option("readout", name)
    x = drive(readout, steps=4, dtype=torch.float64).requires_grad_()
    Over(readout)(x)[-1].sum().backward()
    share = 1 / 4 / (readout.features(CLASSES) / CLASSES)
    assert torch.allclose(x.grad, torch.full_like(x, share))


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_half_precision_drive_is_tallied_in_float32(name):
    readout = build_option("readout", name)
    x = torch.ones(1, readout.features(CLASSES), dtype=torch.bfloat16)
    state = readout.initial(x)
    for _ in range(300):  # bfloat16 cannot count beyond 256
        output, state = readout.step(x, state)
    assert output.dtype == torch.float32 and torch.allclose(output, torch.ones(1, CLASSES))


def test_rate_by_hand():
    assert logits("rate", [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]) == [
        [1, 0],
        [1, 0.5],
        [pytest.approx(2 / 3), pytest.approx(1 / 3)],
        [0.75, 0.5],
    ]


def test_voting_by_hand():
    spikes = [
        [1.0, 0.0, 0.0, 0.0],
        [1.0, 1.0, 0.0, 1.0],
    ]  # neurons 0 and 1 vote for class 0, neurons 2 and 3 for class 1
    assert logits("voting", spikes, voters=2) == [[0.5, 0], [0.75, 0.25]]
    assert logits("voting", spikes, voters=4) == [[0.25], [0.5]]
    assert logits("voting", spikes, voters=1) == logits("rate", spikes)


def test_votes_are_counted_in_float32():
    readout = build_option("readout", "voting", {"voters": 257})  # bfloat16 has no 257
    x = torch.ones(1, 257, dtype=torch.bfloat16)
    assert readout.step(x, readout.initial(x))[0].item() == 1


@pytest.mark.parametrize(
    ("leak", "average", "expected"),
    [
        (1.0, False, [2, 1, 4]),
        (1.0, True, [2, 0.5, 4 / 3]),
        (0.5, False, [2, 0, 3]),
        (0.5, True, [2, 0, 1]),
        (0.0, False, [2, -1, 3]),
    ],
)
def test_potential_by_hand(leak, average, expected):
    output = logits("potential", [[2.0], [-1.0], [3.0]], leak=leak, average=average)
    assert [row[0] for row in output] == pytest.approx(expected)


def test_trace_by_hand():
    """At time constant 2 a spike leaves 1/2, 1/4, ...; one at every step 1/2, 3/4, 7/8."""
    output = logits("trace", [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], time_constant=2.0)
    assert output == [[1, 0], pytest.approx([0.6, 0.4]), pytest.approx([7 / 17, 6 / 17])]


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_trace_gives_every_step_the_share_of_what_follows_it(steps):
    readout = build_option("readout", "trace", {"time_constant": 2.0})
    x = drive(readout, steps=steps, dtype=torch.float64).requires_grad_()
    Over(readout)(x)[-1].sum().backward()
    left = torch.tensor([1 - 0.5 ** (steps - t) for t in range(steps)], dtype=torch.float64)
    expected = (left / left.sum()).view(-1, 1, 1)
    assert torch.allclose(x.grad, expected.expand_as(x))


def test_a_straight_through_leak_changes_gradients_alone():
    x = torch.randn(5, 2, CLASSES, generator=torch.Generator().manual_seed(3), requires_grad=True)
    exact, straight = (
        Over(build_option("readout", "potential", {"leak": 0.5, "leak_gradient": each}))(x)
        for each in ("exact", "straight_through")
    )
    assert torch.equal(exact, straight)
    found = [torch.autograd.grad(each[-1].sum(), x)[0][:, 0, 0] for each in (exact, straight)]
    torch.testing.assert_close(found[0], 0.5 ** torch.arange(4.0, -1, -1) / 5)
    torch.testing.assert_close(found[1], torch.full((5,), 0.2))


def test_window_by_hand():
    currents = [[2.0], [-1.0], [5.0], [4.0], [6.0], [0.0], [1.0]]
    assert [row[0] for row in logits("window", currents, window=3, silent=0)] == [
        2,
        0.5,
        2,
        4,
        5,
        pytest.approx(10 / 3),
        1,
    ]
    assert [row[0] for row in logits("window", currents, window=3, silent=1)] == [
        2,
        0.5,
        0.5,
        4,
        5,
        5,
        1,
    ]  # the last step says nothing


def test_first_spike_by_hand():
    spikes = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [9.0, 0.0, 0.0]]
    assert logits("first_spike", spikes) == [
        [0, 0, 0],
        [0, 0.5, 0],
        [pytest.approx(1 / 3), pytest.approx(2 / 3), 0],
        [0.5, 0.75, 0],
    ]


def test_the_first_of_equal_spikes_stays_ahead():
    levels = [[0.0, 0.0], [0.0, 1.0], *[[1.0, 1.0]] * 50]
    assert all(row[1] > row[0] for row in logits("first_spike", levels)[1:])


def test_what_comes_after_the_first_spike_gets_no_gradient():
    x = torch.tensor([[0.0], [3.0], [3.0]])[:, None].requires_grad_()
    Over(build_option("readout", "first_spike"))(x)[-1].sum().backward()
    assert x.grad.flatten().tolist() == pytest.approx(
        [1 / 3, 2 / 3, 0]
    )  # a spike at step 0 would have counted


def test_stochastic_softmax_by_hand():
    chance = [math.log(3), 0.0, -math.log(3)]  # sigmoids of 3/4, 1/2, 1/4
    currents = [[4.0, 0.0, 2.0, 0.0, 0.0, 0.0], [0.0, 4.0, 2.0, *(2 * each for each in chance)]]
    found = logits("stochastic_softmax", currents, floor=0.25)
    assert found[0] == pytest.approx([each + math.log(0.75) for each in (4, 0, 2)])
    expected = [2 + math.log(share + 0.25) for share in (0.75, 0.5, 0.25)]
    assert found[1] == pytest.approx(expected)


def test_a_stochastic_softmax_multiplies_each_class_with_its_chance():
    o, r = torch.randn(2, 4, CLASSES, generator=torch.Generator().manual_seed(2)).double()
    readout = build_option("readout", "stochastic_softmax", {"floor": 1e-3})
    found = Over(readout)(torch.cat([o, r], -1)[None])[0].softmax(-1)
    weighed = (r.sigmoid() + 1e-3) * o.exp()
    torch.testing.assert_close(found, weighed / weighed.sum(-1, keepdim=True))


def test_width_and_kind_of_the_output_layer():
    assert {
        name: build_option("readout", name).features(10)
        for name in ("rate", "potential", "window", "first_spike")
    } == dict.fromkeys(("rate", "potential", "window", "first_spike"), 10)
    assert build_option("readout", "voting", {"voters": 7}).features(10) == 70
    assert build_option("readout", "stochastic_softmax").features(10) == 20
    assert {
        name: build_option("readout", name).spiking for name in ("rate", "potential", "voting")
    } == {
        "rate": True,
        "potential": False,
        "voting": True,
    }
