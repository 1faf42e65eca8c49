"""Run folders with everything that a report looks for, written by hand."""

import json
from pathlib import Path

import numpy as np
import yaml

from tests.support.fake_run import BLOCK

LABELS, ANSWERS = [0, 0, 1, 1, 2], [0, 1, 1, 1, -1]
BY_TIMESTEP = [[0, 0, 0, 0], [0, 1, 1, 1], [1, 0, 1, 1], [2, 2, 2, 1], [-1, -1, -1, -1]]
"""Settled from timestep 1, 2, 3, 4 and 1 on."""
CONFIG = {
    "timesteps": 4,
    "neuron": {"_target_": "snnexp.neurons.lif.LIF", "leak": 0.5},
    "strategy": {"stages": {"train": {"epochs": 2}}},
}
CONVERTED = {
    "body.layer1": {
        "threshold": 1.5,
        "full_scale": 1.5,
        "rate": 0.25,
        "saturated": 0.125,
        "dead": 0.95,
        "correlation": 0.75,
        "mse": 0.01,
    }
}
SPIKES = {"if": 0.1, "lif": 0.2, "plif": 0.3}
"""Per neuron and image, of the jobs of a sweep."""
ENERGY = {
    "source": "a source <i>",
    "first_layer": "once",
    "joule": 4e-6,
    "joule_by_part": {"ac": 4e-6},
    "joule_by_timestep": [1e-6, 2e-6, 3e-6, 4e-6],
    "ann_joule": 2e-6,
    "ann_bits": 3,
    "ann_bits_joule": 5e-7,
}
EXITS = [
    {
        "rule": "margin",
        "threshold": threshold,
        "learned": threshold == 0.5,
        "accuracy": accuracy,
        "timesteps": timesteps,
        "early": 50.0,
        "spikes_per_inference": 12.0,
        "joule": {"one": 1e-6},
    }
    for threshold, accuracy, timesteps in ((0.5, 90.0, 2.5), (0.9, 95.0, 3.5))
]
NEUROBENCH = {
    "footprint": 1000,
    "connection_sparsity": 0.25,
    "activation_sparsity": 0.5,
    "dense": 2000.0,
    "effective_macs": 0.0,
    "effective_acs": 1500.0,
    "membrane_updates": None,
}
COSTS = {
    "energies": {"one": ENERGY, "two": {**ENERGY, "joule": 1e-6, "joule_by_timestep": None}},
    "exits": EXITS,
    "neurobench": NEUROBENCH,
}
EPOCHS = [
    {"stage": "train", "epoch": epoch, "train/loss": 1 / epoch, "test/accuracy": 40.0 * epoch}
    for epoch in (1, 2)
]


def run(folder: Path, classes: tuple[str, ...] = ("a", "b", "c"), **more) -> Path:
    """A finished run; `more` goes into its result."""
    folder.mkdir(parents=True)
    block = {**BLOCK, **COSTS, "form": "spiking", "neuron": "lif", **more}
    converted = {**block, "conversion": CONVERTED}
    (folder / "result.json").write_text(json.dumps({**block, "stages": {"convert": converted}}))
    (folder / "status.json").write_text(json.dumps({"status": "finished"}))
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in EPOCHS))
    predictions(folder / "predictions.npz", classes)
    return folder


def predictions(path: Path, classes: tuple[str, ...] = ("a", "b", "c"), **others) -> None:
    arrays = {
        "labels": np.array(LABELS),
        "answers": np.array(ANSWERS),
        "by_timestep": np.array(BY_TIMESTEP),
        "classes": np.array(classes),
    }
    np.savez_compressed(path, **{**arrays, **others})


def sweep(folder: Path) -> Path:
    """Six jobs, two seeds of three neurons, as a sweep leaves them."""
    jobs = [[f"neuron={neuron}", f"seed={seed}"] for neuron in SPIKES for seed in (1, 2)]
    folder.mkdir()
    (folder / "sweep.json").write_text(json.dumps({"jobs": jobs}))
    for number, overrides in enumerate(jobs):
        neuron, seed = overrides[0].partition("=")[2], int(overrides[1].partition("=")[2])
        accuracy = 90.0 + number
        own = run(
            folder / f"{number}_{neuron}_s{seed}",
            neuron=neuron,
            seed=seed,
            accuracy=accuracy,
            accuracy_by_timestep=[50.0, 60.0, 70.0, accuracy],
            spikes_per_neuron=SPIKES[neuron],
        )
        (own / "overrides.json").write_text(json.dumps(overrides))
        (own / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "seed": seed}))
    return folder
