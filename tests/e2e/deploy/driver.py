"""Runs deploy/supervisor.py on small shell programs, for test_supervisor.py: driver.py DATA SPEC, where SPEC is JSON
[{"name", "stage", "run": shell text, "ready": path of a file that must exist, or ""}]. The shell text sees $DATA. It prints
"ready" when all stages are ready, and ends as deploy/up would: 0 stopped on request, 1 something did not start."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "deploy"))
from supervisor import Service, StartFailed, Stopped, Supervisor  # noqa: E402


def main(data, spec):
    watcher, status = Supervisor(data, lambda text: print(text, flush=True)), 0
    services = [Service(one["name"], ["sh", "-c", one["run"], f"{data}/{one['name']}"], one["stage"],
                        lambda path=one["ready"]: not path or pathlib.Path(path).exists(), env={"DATA": data})
                for one in json.loads(spec)]
    try:
        for stage in sorted({s.stage for s in services}):
            watcher.start([s for s in services if s.stage == stage], seconds=5)
        print("ready", flush=True)
        watcher.watch()
    except StartFailed as failed:
        print(f"failed: {failed}", flush=True)
        status = 1
    except Stopped:
        print("stopped early", flush=True)
    watcher.stop()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
