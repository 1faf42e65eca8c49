"""Optimizers without torch's compiler."""

from torch.optim import Optimizer


def spare_compiler() -> None:
    """Keeps torch from importing its compiler, which takes seconds, when an optimizer is made.

    It does so to exempt these methods from being traced; here no compiled function calls them.
    """
    for method in (Optimizer.add_param_group, Optimizer.state_dict, Optimizer.load_state_dict):
        plain = getattr(method, "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = plain
