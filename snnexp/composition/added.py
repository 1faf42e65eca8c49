"""Settings that components have not had from the beginning, and what runs did before there were
any.
"""

from typing import Any

NEUTRAL: dict[str, dict[str, Any]] = {
    "snnexp.architectures.sew_resnet.sew_resnet": {"zero_init": False},
    "snnexp.datasets.augmentation.Augmentation": {
        "rotation": 0.0,
        "shift": 0.0,
        "zoom": [1.0, 1.0],
        "crop_border": "zero",
    },
    "snnexp.datasets.frame_augmentation.FrameAugmentation": {"cutmix": 0.0},
    "snnexp.norms.batch.Batch": {"learn_scale": True},
    "snnexp.norms.bntt.BNTT": {"exit_scale": None},
    "snnexp.norms.tdbn.TdBN": {"learn_scale": True},
    "snnexp.readouts.potential.Potential": {"leak_gradient": "exact"},
    "snnexp.stages.ann.ANN": {"average": None, "patience": None},
    "snnexp.stages.bptt.BPTT": {
        "weight_limit": None,
        "linear_rate": 1.0,
        "average": None,
        "patience": None,
        "teacher": None,
        "teacher_share": 0.5,
        "temperature": 1.0,
    },
    "snnexp.stages.count.SpikeCounts": {"patience": None},
    "snnexp.stages.low_pass.LowPassSignals": {"patience": None},
    "snnexp.track.wandb.WandbTracker": {
        **dict.fromkeys(("name", "group", "tags", "notes", "job_type")),
        "system_metrics": False,
        "weights": False,
    },
}
"""By component. A hash of the science is the same with and without them, so that recorded results
and new seeds are taken together.
"""
AUGMENTATION: dict[str, Any] = NEUTRAL["snnexp.datasets.augmentation.Augmentation"]
"""The same of settings under `augmentation` that name no component, as those of data sets that are
made by one function.
"""


def without_neutral(node: dict[str, Any], name: str) -> dict[str, Any]:
    """`node`, which stands under `name`, without settings that leave a run as it was before there
    were any.
    """
    plain = name == "augmentation" and "_target_" not in node
    neutral = AUGMENTATION if plain else NEUTRAL.get(str(node.get("_target_")), {})
    return {
        key: value for key, value in node.items() if key not in neutral or value != neutral[key]
    }
