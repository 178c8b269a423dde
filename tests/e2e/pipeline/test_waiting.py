"""A program that cannot take a record yet holds it, says why in its health, and goes on when it can."""
import json
import shutil
import subprocess
import urllib.error
import urllib.request

from city import City
from harness import paths
from messages import mixture
from town import until


def health(city, name):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{city.ports[name]}/healthz", timeout=2) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:  # its door is not open yet, or it is busy
        return 0, {}


def test_a_router_without_a_dispatch_list_says_so_and_routes_when_one_is_published():
    folder = paths.Folder("deploy")
    for name in ("policies", "gazetteer"):
        shutil.copytree(paths.ROOT / "deploy" / name, folder.path / name)
    (folder.path / "policies/dispatch/sample.yaml").unlink()
    with City(programs=("router",), policies=folder.path / "policies") as city:
        city.send(mixture(50, 1))
        until(lambda: "dispatch list" in str(health(city, "router")), show=lambda: health(city, "router"))
        assert any(city.behind().values())
        done = subprocess.run([paths.program("hyctl"), "policy", "publish", "sample", "--config", str(city.config)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        city.settle()
        until(lambda: health(city, "router")[0] == 200, show=lambda: health(city, "router"))
        assert len(city.read("hy.commands", "Command")) == 50
    folder.remove()


def test_a_program_is_not_well_before_its_lanes_are():
    with City(programs=("casework",), start=False) as city:
        city.programs["casework"].start()
        status, told = until(lambda: (answer := health(city, "casework"))[0] == 200 and answer, 90, 0.002)
        assert {"packs", "lanes"} <= {part["name"] for part in told["parts"]}, told
