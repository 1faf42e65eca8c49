"""A run in words: the lines of an epoch, of a stage, and of accuracy against time."""

from typing import Any

from snnexp.results.stage import StageResult

COLUMNS = {
    "train/loss": "loss {:.4f}",
    "train/accuracy": "train {:.2f} %",
    "validation/accuracy": "validation {:.2f} %",
    "test/accuracy": "test {:.2f} %",
}
FLAGGED = " (!)"
"""Stands behind an accuracy that the result has flags for."""
LARGE = 1e5
"""From here on a loss is no number to be read to its end."""
PREFIXES = {
    1e12: "T",
    1e9: "G",
    1e6: "M",
    1e3: "k",
    1.0: "",
    1e-3: "m",
    1e-6: "u",
    1e-9: "n",
    1e-12: "p",
}


def epoch_line(record: dict[str, Any], epochs: int, seconds: float | None) -> str:
    """Such as `finetune  epoch  3/20  loss 0.1234  train 97.12 %  test 96.50 %  12.3 s`."""
    parts = [record["stage"], epoch_of(record["epoch"], epochs)]
    parts += [
        _filled(form, float(record[key]))
        for key, form in COLUMNS.items()
        if record.get(key) is not None
    ]
    return "  ".join(parts if seconds is None else [*parts, f"{seconds:.1f} s"])


def _filled(form: str, value: float) -> str:
    """A figure in its form; a loss of many digits by three of them."""
    return (form if abs(value) < LARGE else form.replace(".4f", ".3g")).format(value)


def epoch_of(epoch: int, epochs: int) -> str:
    """Such as `epoch  3/20`, of one width within a stage."""
    return f"epoch {epoch:>{len(str(epochs))}}/{epochs}"


def stage_line(result: StageResult) -> str:
    """Such as `finetune  finished  test 96.50 % at T = 4  0.123 spikes per neuron`."""
    accuracy = f"test {result.accuracy:.2f} % at T = {result.timesteps}"
    parts = [str(result.stage), "finished", accuracy + (FLAGGED if result.flags else "")]
    spikes = result.spikes_per_neuron
    return "  ".join(parts if spikes is None else [*parts, f"{spikes:.3g} spikes per neuron"])


def timesteps_line(accuracies: list[float | None], timestep: str | None = None) -> str:
    """The accuracy at t = 1, 2, 4, 8, ..., counted from the first timestep that has one, and at the
    last timestep; what a `timestep` of events is behind it.
    """
    hidden = next((place for place, accuracy in enumerate(accuracies) if accuracy is not None), 0)
    steps = sorted(
        {hidden + 2**power for power in range((len(accuracies) - hidden).bit_length())}
        | {len(accuracies)}
    )
    read = (f"t={step} {number(accuracies[step - 1], '.2f')}" for step in steps)
    unit = [] if timestep is None else [f"(a timestep: {timestep})"]
    return "  ".join(["accuracy in % at", *read, *unit])


def in_units(value: int | float, unit: str) -> str:
    """Three digits and a prefix, such as `12.3 uJ`; plain ASCII, since a log may be read
    anywhere.
    """
    scale = next((scale for scale in PREFIXES if abs(value) >= scale), 1.0)
    return f"{value / scale:.3g} {PREFIXES[scale]}{unit}"


def number(value: float | None, form: str) -> str:
    """`value` in `form`; None stands for what JSON cannot say."""
    return "nan" if value is None else format(value, form)
