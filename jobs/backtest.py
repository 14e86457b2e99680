"""``msray backtest`` inside a Ray job.

    ray job submit --working-dir . -- python jobs/backtest.py /data/btcusdt.gz --config configs/backtest.yaml

It takes the words of ``msray backtest`` and runs the trials side by side on the cluster that runs the job. Recordings
are read where the job's driver runs: name them as that machine does.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msray.cli.app import main

if __name__ == "__main__":
    sys.exit(main(["backtest", "--on-ray", *sys.argv[1:]]))
