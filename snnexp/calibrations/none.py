"""No calibration."""

from snnexp.calibrations.base import Calibration, Converted
from snnexp.datasets.batches import Batches


class NoCalibration(Calibration):
    """The network stays as thresholds and weights have made it."""

    def __call__(self, converted: Converted, train: Batches) -> None:
        pass
