"""``msray train`` inside a Ray job.

    ray job submit --working-dir . -- python jobs/train.py /data/rb.csv --runs /shared/runs --models /shared/models

It takes the words of ``msray train`` and trains on the cluster that runs the job. Recordings of several instruments are
read side by side: they, and the folders of runs and of models, must be the same on all nodes. Folders lie outside of
the job's working copy, which goes away with the job and is another one for the next.
"""

import sys

from lasting import run

if __name__ == "__main__":
    folders = {"--runs": lambda settings: settings.runs_dir, "--models": lambda settings: settings.models_dir}
    sys.exit(run("train", sys.argv[1:], folders))
