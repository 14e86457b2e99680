"""The optimizer is torch's, to the last bit, and does not load torch's compiler."""

import io
import subprocess
import sys
from typing import Any

import torch
from torch import nn

from msray.training.optimizer import AdamW
from tests.end_to_end.running import environment

LOADED = """
import sys, torch
from msray.training.optimizer import AdamW
network = torch.nn.Linear(2, 2)
optimizer = AdamW(network.parameters(), 1e-2)
torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=9)
network(torch.ones(1, 2)).sum().backward()
optimizer.step()
optimizer.zero_grad()
optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""


def learned(kind: Any) -> dict[str, Any]:
    """A network after some steps, and its optimizer, which was taken up from a file in between."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))
    kept = None
    for _ in range(2):
        optimizer = kind(network.parameters(), 1e-2, weight_decay=0.1)
        if kept is not None:
            optimizer.load_state_dict(torch.load(io.BytesIO(kept)))
        rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=20)
        for _ in range(20):
            optimizer.zero_grad()
            network(torch.randn(4, 5)).square().sum().backward()
            optimizer.step()
            rate.step()
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        kept = file.getvalue()
    return {"network": network.state_dict(), "optimizer": optimizer.state_dict()}


def test_it_learns_what_torchs_learns() -> None:
    ours, theirs = learned(AdamW), learned(torch.optim.AdamW)

    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=0.0)


def test_the_compiler_is_not_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], env=environment(), capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
