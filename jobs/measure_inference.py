"""Figures of prediction, in process and on one core: a step, a window, many at once, each beside torch.

``python jobs/measure_inference.py [--json] [--calls N]`` takes about two minutes. Calls are timed one by one on the
wall's clock after 256 that are not, the collector off: on a machine that does other work too, trust p50 and the ratio
to torch, which was timed in the same minute. The load average stands in ``how``.
"""

import gc
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import Figure, arguments, median_seconds, report
from numpy.typing import NDArray

from msray.features import NAMES
from msray.models.catalog import CATALOG, make_network
from msray.models.committee import committee
from msray.models.mixture import Mixture
from msray.models.network import StepNetwork, WindowNetwork
from msray.models.onnx import to_onnx
from msray.models.tempering import untempered
from msray.prediction import Runner, ServedMember, ServedModel

WARM = 256
HORIZONS = (10, 50, 100)
STEP_GOALS_US = {"gru": 50.0, "ensemble of 3 gru": 100.0}
SEEDS = 3
BATCH = 256


def a_network(name: str, seed: int = 0, **chosen: Any) -> StepNetwork | WindowNetwork:
    """One of the catalogue with its defaults, drawn from a seed: what it says takes the time it takes."""
    torch.manual_seed(seed)
    words = {"features": len(NAMES), "horizons": len(HORIZONS), **chosen}
    return make_network(name, CATALOG[name].config.model_validate(words)).eval()


def a_runner(network: StepNetwork | WindowNetwork, onnx: bytes | None = None) -> Runner:
    """It as a model of one member."""
    ones = (1.0,) * len(HORIZONS)
    window = network.window if isinstance(network, WindowNetwork) else None
    return Runner(
        ServedModel(
            name="measured",
            version=1,
            digest="0" * 64,
            features=NAMES[: network.features],
            horizons=HORIZONS,
            thresholds=(0.0,) * len(HORIZONS),
            family="next_mean_over_mid",
            members=(ServedMember(name="it", onnx=onnx or to_onnx(network), window=window),),
            mixture=Mixture(
                members=("it",), temperatures=(ones,), weights=((1.0,),) * 3, tempering=untempered(len(HORIZONS))
            ),
        )
    )


def timed(call: Callable[[], object], calls: int) -> NDArray[np.float64]:
    """Microseconds of each call."""
    for _ in range(min(WARM, calls)):
        call()
    took = np.zeros(calls, np.int64)
    gc.collect()
    gc.disable()
    try:
        for at in range(calls):
            began = time.perf_counter_ns()
            call()
            took[at] = time.perf_counter_ns() - began
    finally:
        gc.enable()
    return took / 1e3


def step_calls(network: StepNetwork, streams: int = 1) -> tuple[Callable[[], object], Callable[[], object]]:
    """A step in ONNX Runtime as a shard does it, and one in torch; each goes on where the last one ended."""
    runner = a_runner(network)
    row = np.random.default_rng(1).normal(size=(streams, network.features)).astype(np.float32)
    memory = runner.start(streams)
    state, tensor = network.start(streams), torch.from_numpy(row)

    def in_torch() -> None:
        nonlocal state
        with torch.inference_mode():
            _, *after = network.step(tensor, *state)
            state = tuple(after)

    return lambda: runner.step(row, memory), in_torch


def steps(calls: int) -> list[Figure]:
    """One row of one instrument, of each causal network that is shipped, and of three seeds in one graph."""
    networks: dict[str, Any] = {name: a_network(name) for name in ("gru", "tcn", "local_attention", "linear")}
    several = [a_network("gru", seed) for seed in range(SEEDS)]
    config = CATALOG["gru"].config.model_validate({"features": len(NAMES), "horizons": len(HORIZONS)})
    networks[f"ensemble of {SEEDS} gru"] = committee(config, several).eval()
    found = []
    for name, network in networks.items():
        ours, theirs = step_calls(network)
        took, torchs = timed(ours, calls), timed(theirs, max(calls // 10, 100))
        how = f"{calls} steps of one stream, {network.size} parameters; {_load()}"
        found += [
            Figure(
                name=f"step of {name}, p50",
                value=float(np.percentile(took, 50)),
                unit="us",
                how=how,
                goal=STEP_GOALS_US.get(name),
                beside={"torch inference_mode": float(np.percentile(torchs, 50))},
            ),
            Figure(
                name=f"step of {name}, p99",
                value=float(np.percentile(took, 99)),
                unit="us",
                how=how,
                goal=500.0 if name == "gru" else None,
                beside={"torch inference_mode": float(np.percentile(torchs, 99))},
            ),
            _difference(name, network),
        ]
    return found


def _difference(name: str, network: StepNetwork) -> Figure:
    """Row by row in ONNX Runtime against all at once in torch."""
    rows = np.random.default_rng(2).normal(size=(1, 500, network.features)).astype(np.float32)
    runner = a_runner(network)
    memory, said = runner.start(), []
    for at in range(rows.shape[1]):
        scores, memory = runner.step(rows[:, at], memory)
        said.append(scores["it"])
    with torch.inference_mode():
        whole = network(torch.from_numpy(rows)).numpy()
    return Figure(
        name=f"stream of {name} less batch",
        value=float(np.abs(np.stack(said, axis=1) - whole).max()),
        unit="score",
        how="500 rows, largest difference of a score",
        goal=1e-5,
    )


def windows(calls: int) -> list[Figure]:
    """One window of 100 rows of 46 features through the bidirectional LSTM of 2.5 million parameters."""
    network = a_network("directional", features=46, window=100)
    assert isinstance(network, WindowNetwork)
    rows = np.random.default_rng(3).normal(size=(1, network.window, network.features)).astype(np.float32)
    tensor, plain = torch.from_numpy(rows), to_onnx(network)

    def in_torch() -> None:
        with torch.inference_mode():
            network(tensor)

    torchs = timed(in_torch, calls)
    found = []
    for kind, onnx in (("fp32", plain), ("int8", narrowed(plain))):
        runner = a_runner(network, onnx)
        took = timed(lambda runner=runner: runner.window_scores(rows), calls)  # type: ignore[misc]
        found += [
            Figure(
                name=f"window of directional LSTM, {kind}, p{share}",
                value=float(np.percentile(took, share)) / 1e3,
                unit="ms",
                how=f"{calls} windows 100x46 one by one, {network.size} parameters; {_load()}",
                beside={"torch inference_mode": float(np.percentile(torchs, share)) / 1e3},
            )
            for share in (50, 99)
        ]
    return found


def narrowed(onnx: bytes) -> bytes:
    """The same with weights of 8 bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)  # it advises to prepare what it then takes as it is
    with tempfile.TemporaryDirectory() as folder:
        wide, narrow = Path(folder) / "wide.onnx", Path(folder) / "narrow.onnx"
        wide.write_bytes(onnx)
        quantize_dynamic(wide, narrow, weight_type=QuantType.QInt8)
        return narrow.read_bytes()


def throughput(calls: int) -> list[Figure]:
    """Many at once: windows of BiN-CTABL, and streams of the cell of 64."""
    network, cell = a_network("bin_ctabl"), a_network("gru")
    assert isinstance(network, WindowNetwork)
    assert isinstance(cell, StepNetwork)
    rows = np.random.default_rng(4).normal(size=(BATCH, network.window, network.features)).astype(np.float32)
    runner, tensor = a_runner(network), torch.from_numpy(rows)

    def in_torch() -> None:
        with torch.inference_mode():
            network(tensor)

    ours, theirs = step_calls(cell, BATCH)
    pairs = {
        "windows of BiN-CTABL": (100_000.0, lambda: runner.whole(rows), in_torch),
        "stream steps of the GRU of 64": (500_000.0, ours, theirs),
    }
    return [
        Figure(
            name=f"{name}, {BATCH} at once",
            value=BATCH / median_seconds(_ignoring(mine), list, calls),
            unit="1/s",
            how=f"of CPU time, median of {calls} calls; {_load()}",
            op=">=",
            goal=goal,
            beside={"torch inference_mode": BATCH / median_seconds(_ignoring(peer), list, calls)},
        )
        for name, (goal, mine, peer) in pairs.items()
    ]


def _ignoring(call: Callable[[], object]) -> Callable[[Any], object]:
    return lambda _: call()


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> int:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="steps that are timed, of each network")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    figures = [*steps(given.calls), *windows(max(given.calls // 30, 10)), *throughput(max(given.calls // 20, 10))]
    return report(figures, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
