"""What the processor at hand is good at."""

import torch


def multiplies_bfloat16() -> bool:
    """Whether it has instructions for products of bfloat16, without which that precision takes
    several times as long as float32.
    """
    if torch.cuda.is_available():
        return True
    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
