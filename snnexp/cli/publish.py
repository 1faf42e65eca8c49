"""`snnexp publish`: a trained network as a folder that others can load."""

import re
import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from pathlib import Path

from snnexp.cli.arguments import Parser
from snnexp.cli.codes import BAD_CONFIG, BAD_DATA, FAILED, NO_ROOM
from snnexp.files.disk import NoRoom
from snnexp.files.foreign import Unreadable
from snnexp.files.visible import visible
from snnexp.published.source import source_of
from snnexp.published.writing import write

EXAMPLES = """examples:
  snnexp publish outputs/train/... --to my-network --license apache-2.0
  snnexp publish results/mnist_tandem_cnn/s1 --to mnist-tandem
  snnexp evaluate my-network

The folder has the layout of the Hugging Face Hub: weights (safetensors), configuration, result, and
a model card with the figures. Folders and the tracker of this machine are left out of it.
"""
LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}", re.ASCII)


def publish(arguments: list[str]) -> int:
    """Writes the folder."""
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    if not chosen.force and (wrong := _taken(chosen.to)):
        print(visible(f"snnexp: {wrong}"), file=sys.stderr)
        return BAD_CONFIG
    try:
        write(source_of(chosen.run), chosen.to, chosen.license)
    except (Unreadable, OSError) as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        kinds = {Unreadable: BAD_DATA, NoRoom: NO_ROOM}
        return next((code for kind, code in kinds.items() if isinstance(error, kind)), FAILED)
    _say(chosen.to, chosen.license)
    return 0


def _taken(folder: Path) -> str | None:
    """Why nothing is written there without being told to."""
    if folder.is_dir():
        occupied = any(folder.iterdir())
        remedy = "choose another folder, or --force to write over what has these names in it"
        return f"{folder}: not empty; {remedy}" if occupied else None
    return f"{folder}: a file is in its place" if folder.exists() or folder.is_symlink() else None


def _say(folder: Path, license_name: str | None) -> None:
    print(visible(f"published  {folder}"))
    if license_name is None:
        print("license    none: nobody may use it until you say under which (--license NAME)")
    print(visible(f"evaluate   snnexp evaluate {folder}"))


def _parser() -> Parser:
    parser = Parser(
        "snnexp publish",
        description="Writes the network of a finished run, with its model card, into a folder "
        "that others can load.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a finished run, or of a recorded one"
    )
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where to write")
    parser.add_argument(
        "--license",
        type=_license,
        metavar="NAME",
        help="under which others may use it, such as apache-2.0, as the Hub calls it; without it "
        "the card says none",
    )
    parser.add_argument(
        "--force", action="store_true", help="write into a folder that is not empty"
    )
    return parser


def _license(name: str) -> str:
    if not LICENSE.fullmatch(name):
        raise ArgumentTypeError(f"{name!r} should be a name such as apache-2.0 or cc-by-4.0")
    return name
