"""``msray serve`` inside a Ray job.

    ray job submit --working-dir . -- python jobs/serve.py --models /shared/models --model spread-gru

It takes the flags of ``msray serve``, joins the cluster that runs the job, and ends when requests are answered; what it
started goes on, until ``msray down --address``. The registry is a folder that every node sees.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# A job's folder is deleted after it; what must outlive it goes to the home folder, unless the user says where.
os.environ.setdefault("MSRAY_STATE_DIR", str(Path.home() / ".msray" / "state"))

from msray.cli.app import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
