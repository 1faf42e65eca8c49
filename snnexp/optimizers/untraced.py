"""Optimizers without torch's compiler."""

from torch.optim import Optimizer


def spare_compiler() -> None:
    """Keeps torch from importing its compiler, which takes seconds, when an optimizer is made.

    It does so to exempt these methods from being traced; here no compiled function calls them.
    """
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        plain = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = plain
