"""What every encoder keeps to, and the equations of each."""

import math

import pytest
import torch

from snnexp.cell import is_static, streaming
from snnexp.encoders.base import Encoder
from snnexp.encoders.dct_basis import basis, zigzag
from snnexp.noise import sample_keys
from tests.support.options import build_option, options

ENCODERS = options("encoder")
EVENTS = ("first_event", "frames")  # which take frames of events
CHANGED = ("dct", "count", "whitening", "scan", "crossings", *EVENTS)
"""Encoders whose analog form sees another image."""
KEYS = sample_keys(1, 0, torch.arange(5))
STEPS = range(20)


def pictures(
    shape: tuple[int, ...] = (5, 3, 9, 8), low: float = 0.0, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return (low + (1 - low) * noise).to(dtype)


def counts(
    frames: int = 20,
    size: tuple[int, int] = (9, 8),
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Five recordings, at most two events of a polarity at a place of a frame."""
    return (3 * pictures((5, frames, 2, *size), dtype=torch.float64)).floor().to(dtype)


def shown(name: str, **changes) -> torch.Tensor:
    """What an encoder takes: pictures, or frames."""
    return counts() if name in EVENTS else pictures(**changes)


def encoder(name: str, images: torch.Tensor, **changes) -> Encoder:
    channels = {"channels": images.shape[1]} if name == "whitening" else {}
    built = build_option("encoder", name, {**channels, **changes})
    if hasattr(built, "calibrate"):
        built.calibrate(images)
    return built


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_output_has_the_announced_shape_and_the_dtype_of_the_images(name, shape, dtype):
    if name in EVENTS:
        images = counts(size=shape[1:], dtype=dtype)
        shape = tuple(images.shape[1:])
    else:
        images = pictures((5, *shape), dtype=dtype)
    built = encoder(name, images)
    output, analog = built(images, STEPS, KEYS), built.analog(images)
    assert output.shape == (20, 5, *built.shape(shape)) and output.dtype == dtype
    assert analog.shape == (1, 5, *built.shape(shape)) and analog.dtype == dtype


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("cuts", [(0, 20), (0, 1, 2, 20), (0, 7, 16, 20)])
def test_chunks_give_what_the_whole_gives(name, cuts):
    images = shown(name, low=-1.0)
    built = encoder(name, images)
    with streaming(built):
        chunks = [
            built(images, range(start, stop), KEYS)
            for start, stop in zip(cuts[:-1], cuts[1:], strict=True)
        ]
    assert torch.equal(torch.cat(chunks), built(images, STEPS, KEYS))


@pytest.mark.parametrize("name", ENCODERS)
def test_output_does_not_depend_on_the_rest_of_the_batch(name):
    images = shown(name, low=-1.0)
    built = encoder(name, images)
    whole, order = built(images, STEPS, KEYS), torch.tensor([3, 0, 4])
    assert torch.equal(built(images[order], STEPS, KEYS[order]), whole[:, order])
    assert torch.equal(built(images[2:3], STEPS, KEYS[2:3]), whole[:, 2:3])


@pytest.mark.parametrize("name", [name for name in ENCODERS if name not in EVENTS])
def test_spiking_and_signed_tell_the_truth(name):
    images = pictures(low=-1.0)
    built = encoder(name, images)
    output = built(images, STEPS, KEYS)
    heights = [set(step.abs().unique().tolist()) - {0.0} for step in output]
    assert built.spiking == all(len(each) <= 1 for each in heights)
    assert (built.pixels != "unit") == (
        bool((output < 0).any()) or name == "whitening"
    )  # which sends what is negative on channels of its own


@pytest.mark.parametrize("name", ENCODERS)
def test_global_randomness_is_not_touched(name):
    images, state = shown(name), torch.get_rng_state()
    encoder(name, images).train()(images, STEPS, KEYS)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", [name for name in ENCODERS if name not in CHANGED])
def test_the_analog_form_sees_the_image(name):
    images = pictures()
    assert torch.equal(encoder(name, images).analog(images), images[None])


def test_whitened_components_are_uncorrelated_of_variance_one_and_sent_by_sign():
    smooth = torch.nn.functional.avg_pool2d(
        pictures((64, 3, 16, 16), low=-1.0, dtype=torch.float64), 3, stride=1
    )
    built = encoder("whitening", smooth, epsilon=1e-12).double()
    built.calibrate(smooth)
    sent = built.analog(smooth)[0]
    assert (sent >= 0).all() and not (sent[:, :12] * sent[:, 12:]).any()
    components = (sent[:, :12] - sent[:, 12:]).transpose(0, 1).flatten(1)
    assert torch.allclose(
        components @ components.T / components.shape[1],
        torch.eye(12, dtype=torch.float64),
        atol=1e-6,
    )


def test_what_is_hardly_there_is_not_blown_up():
    grey = pictures((64, 1, 9, 9)).expand(-1, 3, -1, -1)  # two thirds of the components are nothing
    assert encoder("whitening", grey, epsilon=1e-2).analog(grey).max() < 10 / 1e-1


def test_whitening_says_what_it_lacks():
    with pytest.raises(RuntimeError, match="call calibrate"):
        build_option("encoder", "whitening").analog(pictures())
    with pytest.raises(ValueError, match="set encoder.channels=1"):
        build_option("encoder", "whitening").shape((1, 28, 28))
    with pytest.raises(ValueError, match="smaller than a patch"):
        build_option("encoder", "whitening", {"kernel": 5}).shape((3, 4, 8))


@pytest.mark.slow
@pytest.mark.parametrize(("signed", "scale"), [(True, 1.0), (True, 2.0), (False, 0.5)])
def test_the_analog_form_sees_the_mean_of_poisson_spikes(signed, scale):
    images = torch.linspace(-1.5 if signed else 0.0, 1.5, 7).view(1, 1, 1, 7)
    poisson = build_option("encoder", "poisson", {"signed": signed, "rate_scale": scale})
    mean = poisson(images, range(2000), torch.tensor([5])).mean(0)
    torch.testing.assert_close(mean, poisson.analog(images)[0], atol=0.03, rtol=0)


def test_direct_repeats_the_image_without_a_copy():
    images = pictures(low=-2.0)
    output = encoder("direct", images)(images, range(3, 9), KEYS)
    assert is_static(output) and output.data_ptr() == images.data_ptr()
    assert torch.equal(output, images.repeat(6, 1, 1, 1, 1))


@pytest.mark.parametrize(
    ("signed", "scale"), [(True, 1.0), (True, 2.0), (False, 1.0), (False, 0.5)]
)
def test_poisson_fires_with_the_probability_of_the_pixel(signed, scale):
    values = torch.tensor([-1.5, -1.0, -0.4, 0.0, 0.1, 0.7, 1.0])
    images = values.repeat(50, 1, 8, 1)
    spikes = encoder("poisson", images, signed=signed, rate_scale=scale)(
        images, range(40), sample_keys(1, 0, torch.arange(50))
    )
    strength = values.abs() if signed else values.clamp(min=0)
    probability = (strength / scale).clamp(max=1)
    expected = probability * values.sign()
    deviation = (probability * (1 - probability) / (40 * 50 * 8)).sqrt()
    assert ((spikes.mean((0, 1, 2, 3)) - expected).abs() <= 5 * deviation + 1e-6).all()


def test_poisson_draws_anew_for_every_sample_and_step():
    images = torch.full((50, 1, 10, 10), 0.5)
    spikes = encoder("poisson", images)(images, range(20), sample_keys(1, 0, torch.arange(50)))
    counts = spikes.sum(0)
    assert (
        abs(counts.var().item() - 20 / 4) < 0.5
    )  # binomial; steps that repeat each other would spread further
    assert abs(spikes.mean((2, 3, 4)).var().item() - 0.25 / 100) < 0.0008  # pixels of one step
    assert len(spikes.flatten(2).flatten(0, 1).unique(dim=0)) == 1000


def latency(values: list[float], steps: range = range(8), **changes) -> list[float]:
    """Step at which each of the values spikes, inf where it does not."""
    images = torch.tensor(values).view(1, 1, 1, -1)
    spikes = encoder("latency", images, timesteps=8, **changes)(images, steps, KEYS[:1])[:, 0, 0, 0]
    assert (spikes.sum(0) <= 1).all()
    return [float(train.argmax()) if train.any() else math.inf for train in spikes.T]


def test_linear_latency_by_hand():
    values = [
        1.0,
        0.93,
        0.92,
        0.6,
        0.2,
        0.02,
        0.0,
        -0.5,
        1.5,
    ]  # (1 - x) 7 = 0, 0.49, 0.56, 2.8, 5.6, 6.86
    assert latency(values, curve="linear", threshold=0.0) == [
        0,
        0,
        1,
        3,
        6,
        7,
        math.inf,
        math.inf,
        0,
    ]
    assert latency(values, curve="linear", threshold=0.2)[4:] == [
        math.inf,
        math.inf,
        math.inf,
        math.inf,
        0,
    ]


def test_switch_by_hand():
    images = torch.tensor([1.0, -0.7, 0.5, 0.3, 0.0, -2.0]).view(
        1, 1, 1, -1
    )  # 3, 2.1, 1.5, 0.9, 0 and, clipped, 3 of 4 - 1 steps
    levels = encoder("switch", images, window=4)(images, range(6), KEYS[:1])[:, 0, 0, 0]
    window = [[1, -1, 1, 0, 0, -1], [1, -1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1], [0, 0, 0, 0, 0, 0]]
    assert levels.tolist() == [*window, *window[:2]]


def test_time_to_first_spike_by_hand():
    images = torch.tensor([1.0, 0.7, 0.5, 0.4, 0.2, 0.0]).view(
        1, 1, 1, -1
    )  # thresholds 1, 2/3, 1/3, 0; a spike counts for four of them
    sent = encoder("time_to_first_spike", images, window=4)(images, range(6), KEYS[:1])[:, 0, 0, 0]
    window = [
        [4, 0, 0, 0, 0, 0],
        [0, 8 / 3, 0, 0, 0, 0],
        [0, 0, 4 / 3, 4 / 3, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert torch.allclose(sent, torch.tensor([*window, *window[:2]]))


def test_logarithmic_latency_by_hand():
    # 4 (ln(x / (x - 0.1)) - ln(1 / 0.9)): 0, 0.470, 0.717, 2.35, 4.94, 6.7454, beyond the end, at
    # and below the threshold
    values = [1.0, 0.5, 0.4, 0.2, 0.135, 0.12, 0.101, 0.1, 0.05]
    assert latency(values, curve="logarithmic", threshold=0.1, time_constant=4.0) == [
        0,
        0,
        1,
        2,
        5,
        7,
        7,
        math.inf,
        math.inf,
    ]


@pytest.mark.parametrize("curve", ["linear", "logarithmic"])
def test_latency_falls_with_the_value_and_spans_all_steps(curve):
    times = latency(torch.linspace(0.1001, 1, 400).tolist(), curve=curve, threshold=0.1)
    assert times == sorted(times, reverse=True)
    assert min(times) == 0 and max(times) == (7 if curve == "logarithmic" else 6)


@pytest.mark.parametrize("curve", ["linear", "logarithmic"])
def test_latency_sends_one_spike_per_pixel_and_nothing_after_the_end(curve):
    images = pictures()
    spikes = encoder("latency", images, curve=curve, timesteps=8)(images, STEPS, KEYS)
    assert torch.equal(spikes.sum(0), (images > 0.1).float())
    assert not spikes[8:].any()


def test_late_steps_are_told_apart_in_half_precision():
    images = pictures(dtype=torch.bfloat16)
    spikes = encoder("latency", images, timesteps=1000, threshold=0.0)(images, range(1000), KEYS)
    assert torch.equal(spikes.sum(0), (images > 0).bfloat16())
    assert torch.equal(spikes.float().argmax(0), ((1 - images.float()) * 999).round().long())


def test_logarithmic_latency_needs_a_threshold():
    with pytest.raises(ValueError, match="threshold > 0 or curve=linear"):
        build_option("encoder", "latency", {"curve": "logarithmic", "threshold": 0.0})


# [74]: order of the basis of a block of 4, row by row of the published list
ORDER_4 = [
    (0, 0),
    (0, 1),
    (1, 0),
    (2, 0),
    (1, 1),
    (0, 2),
    (0, 3),
    (1, 2),
    (2, 1),
    (3, 0),
    (3, 1),
    (2, 2),
    (1, 3),
    (2, 3),
    (3, 2),
    (3, 3),
]


def test_zigzag_of_four_is_the_published_order_and_of_others_a_walk():
    assert zigzag(4) == ORDER_4
    assert zigzag(2) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    walk = zigzag(5)
    assert len(set(walk)) == 25
    assert all(
        max(abs(a - c), abs(b - d)) == 1 for (a, b), (c, d) in zip(walk[:-1], walk[1:], strict=True)
    )


@pytest.mark.parametrize("block", [1, 2, 4, 5])
def test_the_basis_is_orthonormal(block):
    waves = basis(block).flatten(1)
    assert torch.allclose(waves @ waves.T, torch.eye(block**2, dtype=torch.float64), atol=1e-12)


def test_the_basis_of_two_by_hand():
    expected = (
        torch.tensor([[[1, 1], [1, 1]], [[1, -1], [1, -1]], [[1, 1], [-1, -1]], [[1, -1], [-1, 1]]])
        / 2
    )
    assert torch.allclose(basis(2), expected.double(), atol=1e-12)


@pytest.mark.parametrize(
    ("block", "stride", "side"), [(4, 2, 32), (4, 4, 8), (4, 2, 9), (3, 1, 7), (2, 3, 6)]
)
def test_dct_components_add_up_to_the_blocks_laid_side_by_side(block, stride, side):
    images = pictures((2, 1, side, side + 1), low=-1.0, dtype=torch.float64)
    built = build_option("encoder", "dct", {"block": block, "stride": stride})
    laid_out = built.components(images).sum(0)
    assert laid_out.shape[1:] == built.shape((1, side, side + 1))
    assert torch.allclose(laid_out, built.analog(images)[0], atol=1e-12, rtol=0)
    for row in range(laid_out.shape[2] // block):
        for column in range(laid_out.shape[3] // block):
            tile = laid_out[
                :, :, row * block : (row + 1) * block, column * block : (column + 1) * block
            ]
            y, x = row * stride, column * stride
            assert torch.allclose(
                tile, images[:, :, y : y + block, x : x + block], atol=1e-12, rtol=0
            )


def test_dct_gives_cifar_images_sixty_pixels_a_side():
    assert build_option("encoder", "dct").shape((3, 32, 32)) == (3, 60, 60)
    assert build_option("encoder", "dct", {"stride": 4}).shape((3, 64, 64)) == (3, 64, 64)


@pytest.mark.slow
def test_dct_sends_each_frequency_at_its_step():
    # A block that is one basis image has that component alone; with tiny thresholds it spikes at
    # that step only, and nowhere else.
    for k, wave in enumerate(basis(4)):
        images = wave.view(1, 1, 4, 4)
        built = build_option("encoder", "dct")
        assert torch.allclose(built.components(images)[k, 0, 0], wave, atol=1e-12)
        built.firing.lower.fill_(-0.01)
        built.firing.upper.fill_(0.01)
        spikes = built(images, range(k + 1), KEYS[:1])
        assert not spikes[:k].any()
        assert torch.equal(spikes[k, 0, 0], wave.sign())


def test_dct_neuron_by_hand():
    cell = build_option("encoder", "dct").firing
    cell.upper.fill_(0.5)
    cell.lower.fill_(-0.25)
    state, trace = cell.initial(torch.ones(1, 1)), []
    for x in (0.375, 0.25, 1.0, 0.0, -1.0, 0.0, 0.0, -0.125, 0.75):
        spike, state = cell.step(torch.full((1, 1), x), state)
        trace.append((spike.item(), state.item()))
    # u before firing: .375, .625, 1.125, .625, -.875, -.625, -.375, then -.25 and .5: at a
    # threshold, not beyond
    assert trace == [
        (0, 0.375),
        (1, 0.125),
        (1, 0.625),
        (1, 0.125),
        (-1, -0.625),
        (-1, -0.375),
        (-1, -0.125),
        (0, -0.25),
        (0, 0.5),
    ]


def test_dct_components_repeat_after_the_last():
    images = pictures(low=-1.0)
    built = encoder("dct", images)
    built.over = torch.nn.Identity()
    output = built(images, range(40), KEYS)
    assert torch.equal(output[16:32], output[:16]) and torch.equal(output[32:], output[:8])
    assert not torch.equal(output[8:16], output[:8])


def test_dct_thresholds_are_percentiles_of_the_training_images():
    images = pictures(low=-1.0)
    built = encoder("dct", images)
    values = built.components(images).flatten()
    assert (values > built.firing.upper).float().mean().item() == pytest.approx(0.065, abs=0.001)
    assert (values < built.firing.lower).float().mean().item() == pytest.approx(0.065, abs=0.001)
    assert built.firing.upper in values and built.firing.lower in values
    other = encoder("dct", images, percentile=100.0)
    assert (other.firing.lower, other.firing.upper) == (values.min(), values.max())


def test_frozen_thresholds_stay_and_travel_with_the_weights():
    images = pictures(low=-1.0)
    built, copy = encoder("dct", images), build_option("encoder", "dct")
    before = built.firing.upper.clone()
    built(3 * images, STEPS, KEYS)
    assert built.firing.upper == before
    copy.load_state_dict(built.state_dict(), strict=True)
    assert torch.equal(copy(images, STEPS, KEYS), built(images, STEPS, KEYS))


def test_thresholds_per_batch_follow_the_batch():
    images = pictures(low=-1.0)
    built = build_option("encoder", "dct", {"thresholds": "per_batch", "color": "none"})
    plain = built(images, STEPS, KEYS)
    assert torch.equal(plain, encoder("dct", images, color="none")(images, STEPS, KEYS))
    assert torch.equal(built(4 * images, STEPS, KEYS), plain)
    assert not torch.equal(built(images[:2], STEPS, KEYS[:2]), plain[:, :2])


def test_frozen_thresholds_must_be_calibrated():
    with pytest.raises(RuntimeError, match="calibrate"):
        build_option("encoder", "dct")(pictures(), STEPS, KEYS)


@pytest.mark.parametrize("changes", [{"percentile": 50.0}, {"percentile": 20.0}])
def test_thresholds_without_both_signs_are_refused(changes):
    with pytest.raises(ValueError, match="either side of 0"):
        encoder("dct", pictures(low=-1.0), **changes)
    with pytest.raises(ValueError, match="not blank"):
        encoder("dct", torch.zeros(2, 1, 8, 8))


def test_dct_colors_by_hand():
    red_green_blue = torch.eye(3, dtype=torch.float64).view(3, 3, 1, 1).expand(3, 3, 4, 4)
    ycbcr = build_option("encoder", "dct").components(red_green_blue).sum(0)[:, :, 0, 0]
    half = 128 / 255
    expected = [
        [0.299, half - 0.168736, half + 0.5],
        [0.587, half - 0.331264, half - 0.418688],
        [0.114, half + 0.5, half - 0.081312],
    ]
    assert torch.allclose(ycbcr, torch.tensor(expected, dtype=torch.float64), atol=1e-12)
    plain = build_option("encoder", "dct", {"color": "none"}).components(red_green_blue).sum(0)
    assert torch.allclose(plain, red_green_blue, atol=1e-12)
    gray = pictures((2, 1, 8, 8))
    images = encoder("dct", gray, color="none").components(gray)
    assert torch.equal(encoder("dct", gray).components(gray), images)


def test_dct_says_which_images_it_cannot_take():
    built = build_option("encoder", "dct")
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        built.shape((2, 8, 8))
    with pytest.raises(ValueError, match="3 x 8 pixels are smaller than block=4"):
        built.shape((1, 3, 8))
    assert build_option("encoder", "dct", {"color": "none"}).shape((2, 8, 8)) == (2, 12, 12)


def test_scan_by_hand():
    image = torch.arange(1.0, 13.0).view(1, 1, 3, 4)
    rows = encoder("scan", image, width=4)(image, range(5), KEYS[:1])[:, 0, 0, 0]
    assert rows.tolist() == [*image[0, 0].tolist(), [0.0] * 4, [0.0] * 4]
    (fives,) = encoder("scan", image, width=5)(image, range(2, 3), KEYS[:1]).flatten(1)
    assert fives.tolist() == [11.0, 12.0, 0.0, 0.0, 0.0]  # the last is filled up
    assert encoder("scan", image, width=5).analog(image).flatten()[0] == (1 + 6 + 11) / 3


def test_crossings_by_hand():
    """Levels 0.5 and 1, of the pixels 0.2, 1, 0.6, 0; then a cue."""
    image = torch.tensor([0.2, 1.0, 0.6, 0.0]).view(1, 1, 2, 2)
    sent = encoder("crossings", image, levels=2)(image, range(6), KEYS[:1])[:, 0, :, 0, 0]
    rises, falls, cue = sent[:, :2].T.tolist(), sent[:, 2:4].T.tolist(), sent[:, 4].tolist()
    assert rises == [[0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]]
    assert falls == [[0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0]]
    assert cue == [0, 0, 0, 0, 1, 1]


# Frames of events


def test_frames_are_shown_one_by_one_and_count_as_spikes():
    frames = counts()
    built = encoder("frames", frames)
    sent = built(frames, range(3, 6), KEYS)
    assert torch.equal(sent, frames[:, 3:6].transpose(0, 1))
    assert built.spiking and torch.equal(built.spikes(sent, None), sent)
    assert sent.max() == 2  # two events are two spikes
    assert torch.equal(built.analog(frames)[0], frames.mean(1))


def test_there_is_nothing_behind_the_last_frame():
    frames = counts(frames=8)
    with pytest.raises(ValueError, match="shows 8 frames.*timestep 9; set timesteps=8"):
        encoder("frames", frames)(frames, range(7, 9), KEYS)
    assert not encoder("first_event", frames)(frames, range(8, 12), KEYS).any()


def test_random_frames_are_drawn_in_training_alone_by_key_and_in_order():
    frames = torch.arange(8.0).view(1, 8, 1, 1, 1).expand(5, 8, 2, 3, 3)
    built = encoder("frames", frames, drawn=3)
    assert torch.equal(built.eval()(frames, range(8), KEYS), frames.transpose(0, 1))
    shown = built.train()(frames, range(3), KEYS)[:, :, 0, 0, 0]
    assert (shown[1:] > shown[:-1]).all()  # in their order, none twice
    assert len({*map(tuple, shown.T.tolist())}) > 1  # others for another sample
    parts = [built(frames, part, KEYS)[:, :, 0, 0, 0] for part in (range(1), range(1, 3))]
    assert torch.equal(torch.cat(parts), shown)
    alone = built(frames[2:3], range(3), KEYS[2:3])
    assert torch.equal(alone[:, 0, 0, 0, 0], shown[:, 2])
    with pytest.raises(ValueError, match="shows 3 frames"):
        built(frames, range(4), KEYS)


def test_every_frame_is_drawn_equally_often():
    many = sample_keys(1, 0, torch.arange(4000))
    frames = torch.arange(4.0).view(1, 4, 1, 1, 1).expand(4000, 4, 1, 1, 1)
    shown = encoder("frames", frames, drawn=2).train()(frames, range(2), many)
    share = torch.stack([(shown == frame).float().mean() * 2 for frame in range(4)])
    assert (share - 0.5).abs().max() < 4 * (0.25 / 4000) ** 0.5


def test_no_more_frames_can_be_drawn_than_there_are():
    with pytest.raises(ValueError, match="9 frames cannot be drawn of 8; set encoder.drawn=8"):
        build_option("encoder", "frames", {"drawn": 9}).shape((8, 2, 4, 4))


def test_the_first_event_by_hand():
    """Of four frames: events in the second and third, in the last, in the first, in none."""
    frames = torch.tensor(
        [[0, 0, 5, 0], [1, 0, 0, 0], [2, 0, 1, 0], [0, 1, 0, 0]], dtype=torch.float32
    )
    sample = frames.view(1, 4, 1, 2, 2)
    built = encoder("first_event", sample, earliest=1.0, latest=3.0)
    assert built.times(sample).flatten().tolist() == [1.5, 2.5, 1.0, math.inf]
    assert built.analog(sample).flatten().tolist() == [0.75, 0.25, 1.0, 0.0]
    sent = built(sample, range(5), KEYS[:1]).flatten(1)
    assert sent.argmax(0).tolist()[:3] == [1, 3, 0] and sent.sum(0).tolist() == [1, 1, 1, 0]
    left = torch.tensor([[0.75, 0.0, 1.0, 0.125]]).view(1, 1, 1, 2, 2)  # what slicing=first makes
    assert built.times(left).flatten().tolist() == [1.5, math.inf, 1.0, 2.75]
    assert built.analog(left).flatten().tolist() == [0.75, 0.0, 1.0, 0.125]
    with pytest.raises(ValueError, match="latest=1 is not above earliest=1"):
        build_option("encoder", "first_event", {"earliest": 1.0, "latest": 1.0})
