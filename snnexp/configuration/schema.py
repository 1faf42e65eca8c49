"""Keys of a configuration beside its components, and the types of their values."""

import re
from typing import Annotated, Any, Literal

from snnexp.limits import (
    Count,
    Fraction,
    Interval,
    Natural,
    NonNegative,
    Positive,
    Probability,
    Seed,
)

ROOT: dict[str, Any] = {
    "timesteps": Count,
    "seed": Seed,
    "device": str,
    "precision": Literal["float32", "bfloat16"],
    "compile": bool,
    "memory": Literal["default", "lean"],
    "time_segments": Count | Literal["auto"],
    "epochs": Natural,
    "batch_size": Count,
    "selection": Literal["last", "best_validation", "best_test"],
    "output_dir": str,
    "data_dir": str,
    "progress": Literal["auto", "plain"],
    "sweep_dir": str | None,
    "objectives": list[Literal["accuracy", "spikes", "energy", "time"]],
    "on_error": Literal["continue", "stop"],
}
EVALUATE: dict[str, Any] = {
    "timesteps": Count,
    "chunk": Count,
    "batch_size": Count,
    "every": Count,
    "images": Count | None,
    "predictions": bool,
    "by_timestep": bool,
    "neurobench": bool,
    "exit_thresholds": list[Fraction],
    "exit_tolerance": NonNegative | None,
}
DEBUG: dict[str, Any] = {
    "name": str,
    "epochs": Natural | None,
    "images": Count | None,
    "evaluated": Count | None,
    "on_training_images": bool,
    "profile": bool,
}
CHECKPOINT: dict[str, Any] = {"every": Count | None, "minutes": Positive | None}
REFERENCE: dict[str, Any] = {
    "rows": list[str],
    "accuracy": float | None,
    "timesteps": int | None,
    "read_at": int | None,
    "stages": dict[str, str],
}
Rate, Moderate = (
    Annotated[float, Interval(0.0, 1e30, low_open=True)],
    Annotated[float, Interval(0.0, 1e30)],
)
"""What optimizers multiply and divide with each other before float32 sees it."""
Decay = Annotated[float, Interval(0.0, 1.0, low_open=True)]
TORCH: dict[str, Any] = {
    "lr": Rate,
    "betas": list[Probability],
    "eps": Rate,
    "weight_decay": Moderate,
    "momentum": Probability,
    "nesterov": bool,
    "amsgrad": bool,
    "dampening": Moderate,
    "rho": Probability,
    "alpha": Probability,
    "centered": bool,
    "lr_decay": Moderate,
    "initial_accumulator_value": Moderate,
    "lambd": Moderate,
    "t0": Moderate,
    "momentum_decay": Moderate,
    "decoupled_weight_decay": bool,
    "etas": list[Rate],
    "step_sizes": list[Rate],
    "d": Rate,
    "T_max": Natural,
    "step_size": Count,
    "milestones": list[Count],
    "factor": Fraction,
    "total_iters": Natural,
    "T_0": Count,
    "T_mult": Count,
    "start_factor": Decay,
    "end_factor": Fraction,
    "power": Moderate,
    "gamma": Decay,
    "eta_min": Moderate,
}
"""Ranges of hyper-parameters of torch's classes, whose own annotations have none."""
STAGE_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
