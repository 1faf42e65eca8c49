"""No calibration."""

from snnexp.calibrations.base import Calibration
from snnexp.conversion.converted import Converted
from snnexp.datasets.batches import Batches


class NoCalibration(Calibration):
    """The network stays as thresholds and weights have made it."""

    corrects_rates = False

    def __call__(self, converted: Converted, train: Batches) -> None:
        pass
