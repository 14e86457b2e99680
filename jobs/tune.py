"""``msray tune`` inside a Ray job.

    ray job submit --working-dir . -- python jobs/tune.py /data/btc.gz --runs /shared/runs --config configs/tune.yaml

It takes the words of ``msray tune`` and searches on the cluster that runs the job. For a search of a model, recordings
of several instruments are read side by side: they and the folder of runs must be the same on all nodes. That folder
lies outside of the job's working copy, which goes away with the job and is another one for the next.
"""

import sys

from lasting import run

if __name__ == "__main__":
    sys.exit(run("tune", sys.argv[1:], {"--runs": lambda settings: settings.runs_dir}))
