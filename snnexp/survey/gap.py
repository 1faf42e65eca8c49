"""An accuracy against the published one, at the timestep for which that was published."""

from snnexp.results.stage import StageResult


def gap(result: StageResult) -> float | None:
    """Percentage points above the published accuracy; None where the two cannot be compared.

    It is read at the published T, or at `reference.read_at` where the experiment's code has no such
    T and says which stands for it; at the end where no T is published. A run that ends before, or
    gives no answer yet, an analog network beside a T, and single spikes in another number of
    timesteps have no accuracy to compare.
    """
    reference = result.reference
    if reference is None or reference.accuracy is None:
        return None
    read = accuracy_at(result, reference.read_at or reference.timesteps)
    return None if read is None else read - reference.accuracy


def accuracy_at(result: StageResult, timesteps: int | None) -> float | None:
    """The accuracy of a stage read after so many timesteps; that at its end for None."""
    curve = result.accuracy_by_timestep
    if timesteps is None:
        return result.accuracy
    if result.form == "analog" or timesteps > len(curve):
        return None
    if timesteps == len(curve):
        return result.accuracy
    return None if result.form == "timed" else curve[timesteps - 1]
