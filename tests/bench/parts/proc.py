"""What the kernel says of processes and of this machine."""
import os
import pathlib
import platform
import re
import subprocess
import time

HZ = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """Seconds of CPU that a process (to the nanosecond) and the children it has waited for have used; 0 when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        own = time.clock_gettime(~pid << 3 | 2)  # the process's CPU clock: clock_getcpuclockid(3), which Python has not
    except (OSError, IndexError):
        return 0.0
    return own + sum(map(int, fields[13:15])) / HZ


def lives(pid):
    """Whether a process is there and has not ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except (OSError, IndexError):
        return False


def _status(pid, name):
    try:
        found = re.search(rf"^{name}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


def rss_mb(pid):
    return _status(pid, "VmRSS") / 1024


def peak_mb(pid):
    return _status(pid, "VmHWM") / 1024


def forced_switches(pid):
    """How often the kernel took a core away from the process's first thread."""
    return _status(pid, "nonvoluntary_ctxt_switches")


def busy_ticks():
    """(all, idle, stolen) ticks of all cores since boot."""
    values = list(map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return sum(values), values[3] + values[4], values[7]


def _first(command, pattern):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except OSError:
        return "?"
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "?"


def machine(libs):
    """{what: text}: what figures depend on."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.+)", info)
    release = re.search(r'PRETTY_NAME="(.+)"', pathlib.Path("/etc/os-release").read_text())
    kafka = next((re.search(r"-([\d.]+)\.jar", path.name).group(1) for path in pathlib.Path(libs).glob("kafka-clients-*.jar")), "?")
    memory = _status("self", "VmRSS") and int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1))
    return {
        "cores": str(os.cpu_count()), "processor": model.group(1) if model else platform.machine(),
        "memory": f"{memory / 1048576:.0f} GiB", "system": f"{release.group(1) if release else '?'}, Linux {platform.release()}",
        "Kafka": f"{kafka}, one node on the same cores, full JIT", "Java": _first(["java", "-version"], r'version "([^"]+)"'),
        "Redis": _first(["redis-server", "--version"], r"v=([\d.]+)"),
        "librdkafka": _first(["pkg-config", "--modversion", "rdkafka"], r"([\d.]+)"),
        "compiler": _first(["cc", "--version"], r"(.+)"),
    }
