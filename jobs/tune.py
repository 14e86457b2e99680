"""``msray tune`` inside a Ray job.

    ray job submit --working-dir . -- python jobs/tune.py /data/btcusdt.gz --config configs/tune.yaml

It takes the words of ``msray tune`` and searches on the cluster that runs the job. Recordings are read where the job's
driver runs: name them, and the folder of runs, as that machine does.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msray.cli.app import main

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]]))
