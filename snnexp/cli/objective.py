"""What a sweeper optimises."""

from pathlib import Path
from typing import Any

from snnexp.track.files import MetricsFile


def objective(result: dict[str, Any], run_dir: Path) -> float:
    """The accuracy on the validation split in percent; on the test set if there is no split, or the last stage trains nothing.

    With selection=best_validation it is the best one, whose weights are kept, otherwise that of the last epoch.
    """
    of_stage = [record for record in MetricsFile(run_dir).read() if record["stage"] == result["stage"]]
    measured = [record["validation/accuracy"] for record in of_stage if "validation/accuracy" in record]
    if not measured:
        return result["accuracy"]
    return max(measured) if result["selection"] == "best_validation" else measured[-1]
