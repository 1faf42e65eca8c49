"""Energy in words: by every model, and where a spiking network costs more than the analog one."""

from snnexp.report.lines import in_units
from snnexp.results.parts import Energy
from snnexp.results.stage import StageResult


def dearer(result: StageResult) -> list[str]:
    """A line for every energy model by which that is so, such as `cmos45_memory: 5.63 times the
    ANN, 55.4 uJ against 9.83 uJ at T = 4; cheaper up to t = 1`; none where it never is.
    """
    return [
        f"{name}: {told}"
        for name, energy in (result.energies or {}).items()
        if (told := _told(energy, result.timesteps))
    ]


def _told(energy: Energy, timesteps: int | None) -> str:
    if not energy.ann_joule or energy.joule is None or energy.joule <= energy.ann_joule:
        return ""
    share = f"{energy.joule / energy.ann_joule:.3g} times the ANN"
    figures = f"{in_units(energy.joule, 'J')} against {in_units(energy.ann_joule, 'J')}"
    return f"{share}, {figures} at T = {timesteps}{_until(energy)}"


def _until(energy: Energy) -> str:
    """Up to which timestep the network would be cheaper, where that is known."""
    curve = energy.joule_by_timestep
    if curve is None or energy.ann_joule is None:
        return ""
    cheaper = sum(joule <= energy.ann_joule for joule in curve)
    return f"; cheaper up to t = {cheaper}" if cheaper else "; at no t cheaper"


def energy_lines(result: StageResult) -> list[str]:
    """Energy per image by every model, that of the analog network beside it."""
    return [_line(name, energy) for name, energy in (result.energies or {}).items()]


def _line(name: str, energy: Energy) -> str:
    if energy.joule is None:
        return name
    words = f"{name}  {in_units(energy.joule, 'J')}"
    if not energy.ann_joule:
        return words
    words += f", {energy.joule / energy.ann_joule:.3g} x ANN"
    if not energy.ann_bits_joule:
        return words
    return f"{words}, {energy.joule / energy.ann_bits_joule:.3g} x at {energy.ann_bits} bits"
