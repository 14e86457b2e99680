"""A grid on a cluster of three nodes, each with a memory of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.running import environment

PROGRAM = """
import sys
from functools import partial
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from msray.backtest import SignalFollower
from msray.on_ray import session
from tests.on_ray.test_backtests import SMALL, cells, leaning, make_stage, run_grid, run_on_ray

class Placed(SignalFollower):
    def __init__(self, config, folder):
        super().__init__(config)
        (folder / ray.get_runtime_context().get_node_id()).touch()

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
for _ in range(2):
    cluster.add_node(num_cpus=1)
session.join(cluster.address)
stage = make_stage([leaning()], cells())
found = run_grid(stage, cells(), partial(Placed, folder=Path(sys.argv[1])), run=run_on_ray, **SMALL)
print(len(ray.nodes()), found == run_grid(stage, cells(), SignalFollower))
session.leave()
cluster.shutdown()
"""


@pytest.mark.ray
@pytest.mark.timeout(200)
def test_three_nodes_give_what_one_process_gives(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]

    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=180, check=False)

    assert done.stdout.split() == ["3", "True"], done.stderr[-3000:]
    assert len(list(tmp_path.iterdir())) > 1
