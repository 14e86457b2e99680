"""Live detection of a recording, judged: ``msray evaluate --live`` inside a Ray job, or without one.

    ray job submit --working-dir . -- python jobs/detect_and_evaluate.py /data/btcusdt.gz --config configs/backtest.yaml

A simulator plays the recording ten times as fast as it was, a shard on the cluster detects and writes its raw log, and
the signals of that log are judged by the recording: labels by the first barrier, precision@k, lead time before moves,
each beside random times. It takes the words of ``msray evaluate``; the cluster must be this machine's.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msray.cli.app import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", "--live", "10x", *sys.argv[1:]]))
