"""``AdamW``: torch's, without torch's compiler."""

import inspect

import torch


class AdamW(torch.optim.AdamW):
    """The same numbers and the same state, never differentiable; but a process that trains is there sooner.

    With torch's own, the first optimizer of a process loads ``torch._dynamo``: about as long as to load torch, as
    ``python -c "import torch"`` and ``python -c "import torch._dynamo"`` show. Only what torch wraps its methods in
    does so, to have the compiler keep away from them.
    """

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    state_dict = inspect.unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.AdamW.load_state_dict)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
