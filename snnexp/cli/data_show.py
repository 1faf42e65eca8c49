"""`snnexp data show`: a picture of a sample of every class."""

import sys
from pathlib import Path
from typing import Any

from snnexp.files.visible import visible

USAGE = (
    "usage: snnexp data show NAME -o FILE.png [key=value], e.g. snnexp data show digits_dvs "
    "-o digits.png dataset.frames.timesteps=8"
)


def file_of(arguments: list[str]) -> tuple[list[str], Path | None]:
    """What is left of the arguments without `-o FILE`, and the file; None where none is named."""
    if "-o" not in arguments[:-1]:
        return arguments, None
    place = arguments.index("-o")
    return arguments[:place] + arguments[place + 2 :], Path(arguments[place + 1])


def show(dataset: Any, path: Path) -> int:
    """Draws the first sample of every class of a data set into a file.

    Raises:
        DataError: the data are missing or damaged.
    """
    from snnexp.cli.exits import exit_code
    from snnexp.files.atomic import write_bytes
    from snnexp.report.curves import NoMatplotlib
    from snnexp.report.samples import drawn

    form = path.suffix.removeprefix(".").lower()
    try:
        write_bytes(path, drawn(_examples(dataset), dataset.source.timestep, form))
    except NoMatplotlib as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return 1
    except OSError as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return exit_code(error)
    print(visible(f"picture  {path}"), file=sys.stderr)
    return 0


def refused(path: Path | None) -> str | None:
    """What is wrong with the file that is to be written, in words; None for nothing."""
    from snnexp.report.curves import FORMATS

    if path is None:
        return USAGE
    if path.suffix.removeprefix(".").lower() not in FORMATS:
        return f"snnexp: -o {str(path)!r} should end in .{', .'.join(FORMATS)}"
    return None


def _examples(dataset: Any) -> list[Any]:
    import torch

    from snnexp.report.samples import Example

    splits = dataset.load()
    labels = splits.train.labels
    there = [label for label in range(splits.classes) if bool((labels == label).any())]
    places = torch.stack([(labels == label).nonzero()[0, 0] for label in there])
    keys = torch.zeros(len(labels), dtype=torch.int64)
    (samples,) = splits.train.read([places], keys, None)
    names = [splits.class_names[label] for label in there]
    return [Example(sample.numpy(), name) for sample, name in zip(samples, names, strict=True)]
