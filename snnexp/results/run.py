"""The result of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snnexp.limits import Count, Natural
from snnexp.results import record
from snnexp.results.share import Share, by_names
from snnexp.results.stage import StageResult


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run came to, and how: `result.json`. In the file the fields of `last` stand on the
    level of these fields.

    `snnexp evaluate` writes the same without `stages`.

        result = RunResult.from_json(json.loads(path.read_text()))
        result.last.accuracy, result.stages["pretrain"].accuracy, result.git_commit
    """

    last: StageResult = field(metadata={"held": True})
    """What the stage that ends the strategy came to."""
    command: str | None
    """The command line that gives this run, without `data_dir` and `output_dir`, which every
    machine has its own of; null where the run was not started by one."""
    reduced: list[str] | None = None
    """Of what the run was given less than its experiment asks for, such as `epochs` or
    `finetune.epochs`; `debug` of a run with `+debug=...`; empty for a full run.
    """
    given_budget: dict[str, Natural | None] | None = None
    """How much of it, by these names; null for all there is."""
    full_budget: dict[str, Natural | None] | None = None
    """How much the experiment asks for, by these names; null for all there is."""
    device: str | None
    """What it was computed on."""
    threads: Count | None
    """Threads of the processor."""
    precision: str | None
    """Of convolutions and linear layers: float32 or bfloat16."""
    versions: dict[str, str | None] | None
    """Of Python, this package and what results depend on, by name."""
    git_commit: str | None
    """The commit of the code, with `+changes` where it differed from it; null where it is not
    known.
    """
    config_hash: str | None
    """Sixteen hex digits that are equal for runs of one experiment, whatever their seed, device and
    folders.
    """
    started_from: dict[str, str] | None
    """SHA-256 of the weights that the run started from, by the dotted name of the setting; empty
    where it trained everything itself.
    """
    classes: list[str] | None = None
    """What the network tells apart, in the order of its scores."""
    peak_memory_bytes: Natural | None
    """Highest memory in bytes: of the device's allocator on CUDA, of the whole process
    elsewhere.
    """
    batch_size: Count | None = None
    """Training images per step, of all processes together."""
    processes: Count | None = None
    """How many trained together."""
    stages: dict[str, StageResult] = field(default_factory=dict, metadata={"held": True})
    """By name, in order; empty where a run is evaluated again."""
    weights_sha256: str | None = None
    """Of the weights file beside the result."""
    changes: list[str] | None = None
    """Where a run is evaluated again: the changes to its configuration, as they were given."""
    history: str | None = None
    """Why today's code does not give the result again, in words; of a recorded result that
    `history.csv` lists, never in its file.
    """

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "RunResult":
        """The result that a mapping says; `fault` says whether it is one."""
        own = record.hints(cls)
        last = StageResult.from_json(
            {key: value for key, value in found.items() if key not in own and key != "stages"}
        )
        stages = {
            name: StageResult.from_json(block) for name, block in found.get("stages", {}).items()
        }
        fields = {name: record.convert(own[name], found[name]) for name in own if name in found}
        absent = {name: None for name in record.required(cls) if name not in fields}
        return cls(last=last, stages=stages, **absent, **fields)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        own = record.to_json(self)
        last, stages = own.pop("last"), own["stages"]
        return last | {key: value for key, value in own.items() if key != "stages" or stages}

    def shares(self) -> list[Share]:
        """What the run was given less of than its experiment asks for."""
        return by_names(self.given_budget or {}, self.full_budget or {}, self.stages)

    def value(self, name: str) -> Any:
        """The field with this dotted name, such as `accuracy`, `operations.mac` or
        `versions.torch`; None where it is not there.
        """
        first, *rest = name.split(".")
        node = (
            getattr(self, first)
            if first in record.hints(RunResult)
            else getattr(self.last, first, None)
        )
        for part in rest:
            node = node.get(part) if isinstance(node, Mapping) else getattr(node, part, None)
        return node
