"""`snnexp export`: the network of a run in a file that other programs read."""

import sys
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import snnexp
from snnexp.cli.arguments import Parser
from snnexp.cli.own import with_own_components
from snnexp.files.visible import visible
from snnexp.progress.waiting import waiting

if TYPE_CHECKING:
    from torch import Tensor

    from snnexp.export.graph import Graph
    from snnexp.reopen.opened import Reopened

IMAGES = 64
"""Images by which a file is checked, where there are as many."""
EXAMPLES = """examples:
  snnexp export RUN_DIR -o network.nir
  snnexp export RUN_DIR -o network.nir --pools sum --dt 0.001
  snnexp export RUN_DIR -o network.onnx

What is written, and how other programs read it: docs/export.md.
A run with components of your own needs the words it was trained with, such as trust=mine.
"""


def export(arguments: list[str]) -> int:
    """Writes the network of a run into a file of NIR or ONNX."""
    return with_own_components(_export, arguments)


def _export(arguments: list[str]) -> int:
    try:
        chosen = _parser().parse_intermixed_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    from snnexp.cli.exits import exit_code
    from snnexp.composition.explain import MISTAKES, explained

    try:
        told = FORMATS[chosen.output.suffix.lower()](chosen)
    except MISTAKES as error:
        print(visible(f"snnexp: {explained(error, chosen.changes)}"), file=sys.stderr)
        return exit_code(error)
    except Exception as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return exit_code(error)
    print(visible("\n".join([f"written     {chosen.output}", *told])))
    return 0


def _nir(chosen: Namespace) -> list[str]:
    """Writes a .nir file; what there is to say of it."""
    from snnexp.export import nir
    from snnexp.export.missing import need
    from snnexp.export.settings import Settings
    from snnexp.export.spiking import refuse, spiking_graph, usual_dt
    from snnexp.files.atomic import write_bytes

    need(*nir.PACKAGES)
    run = _opened(chosen)
    refuse(run.network)
    blueprint = run.session.blueprint
    settings = Settings(chosen.dt or usual_dt(run.network), chosen.pools)
    graph = spiking_graph(run.network, blueprint.encoder.shape(blueprint.shape), settings)
    outside = _outside(run)
    known = {"dt": settings.dt, "timesteps": run.config["timesteps"]}
    write_bytes(chosen.output, nir.nir_file(graph, _known() | known | outside))
    return [
        f"nodes       {_counted(graph)}",
        f"timestep    dt = {settings.dt:g} s",
        *(f"not in it   {name}: {said}" for name, said in outside.items()),
        *_beside(graph),
    ]


def _onnx(chosen: Namespace) -> list[str]:
    """Writes an .onnx file; what there is to say of it."""
    from snnexp.export import onnx
    from snnexp.export.missing import need
    from snnexp.files.atomic import write_bytes

    need(*onnx.PACKAGES)
    run = _opened(chosen)
    onnx.refuse(run.network)
    images = _images(run)
    with waiting("writing the graph"):
        file = onnx.onnx_file(run.network, images[:2], _known())
        apart = onnx.apart(file, run.network, images)
    write_bytes(chosen.output, file)
    checked = f"checked     by onnxruntime: scores of {len(images)} test images"
    if apart <= onnx.TOLERANCE:
        return [f"{checked} are ours to {apart:.1g} of the largest"]
    return [
        f"{checked} differ from ours by up to {apart:.1g} of the largest; an activation with steps "
        "takes another one where sums are rounded otherwise"
    ]


FORMATS: dict[str, Callable[[Namespace], list[str]]] = {".nir": _nir, ".onnx": _onnx}


def _opened(chosen: Namespace) -> "Reopened":
    with waiting("loading PyTorch"):
        from snnexp.reopen.reopened import reopened
    with waiting("opening the run"):
        return reopened(chosen.run, chosen.changes)


def _outside(run: "Reopened") -> dict[str, str]:
    """What is at work in an evaluation beside the graph, in words."""
    from snnexp.configuration import build
    from snnexp.export.titles import title

    blueprint = run.session.blueprint
    presimulation = build.component(run.config["presimulation"])
    return {
        "encoder": title(blueprint.encoder),
        "readout": title(blueprint.readout()),
        **({"presimulation": title(presimulation)} if presimulation.hidden else {}),
    }


def _images(run: "Reopened") -> "Tensor":
    """Some of the test set."""
    batch = next(iter(run.session.test.in_order()))
    return batch.input[:IMAGES]


def _known() -> dict[str, str]:
    return {"program": f"snnexp {snnexp.__version__}"}


def _counted(graph: "Graph") -> str:
    """How many nodes of each kind there are."""
    counts = Counter(part.kind for part in graph.nodes.values())
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _beside(graph: "Graph") -> list[str]:
    """What is in the metadata of neurons alone, which a program has to look for."""
    parts = graph.nodes.values()
    told = []
    if any(part.metadata.get("reset") == "subtract" for part in parts):
        told.append("metadata    reset=subtract: NIR has no field for a reset by subtraction")
    if any("initial_potential" in part.metadata for part in parts):
        told.append("metadata    initial_potential: NIR has no field for it")
    return told


def _parser() -> Parser:
    parser = Parser(
        "snnexp export",
        description="The network of a finished run in a file that other programs read: one of "
        "spikes as NIR, an analog one as ONNX.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="folder of a finished run")
    parser.add_argument(
        "changes",
        nargs="*",
        default=[],  # which argparse would else ask for
        metavar="key=value",
        help="changes, as of `snnexp evaluate`",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=_file,
        required=True,
        metavar="FILE.{nir,onnx}",
        help="where to write it; its name says in which form",
    )
    parser.add_argument(
        "--pools",
        choices=("average", "sum"),
        default="average",
        help="how NIR has average pools: as AvgPool2d, or as SumPool2d with the mean in the "
        "weights behind it, for programs that know only that (average)",
    )
    parser.add_argument(
        "--dt",
        type=_seconds,
        metavar="SECONDS",
        help="length of a timestep in NIR (1e-4 where all neurons leak, as snnTorch has it, "
        "else 1)",
    )
    return parser


def _file(name: str) -> Path:
    path = Path(name)
    if path.suffix.lower() not in FORMATS:
        raise ArgumentTypeError(f"{name!r} should end in {' or '.join(FORMATS)}")
    return path


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} should be a number of seconds > 0")
    return seconds
