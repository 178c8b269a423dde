"""What came out: verdicts, the Markdown table, plots, and docs/performance.md between its marks."""
import pathlib

import stats
import svg
from rows import ROWS

BUSY = 0.3  # load a core before the bench begins, beyond which a measurement is not clean
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


class Line:
    """A target with what was measured for it."""

    def __init__(self, target, samples):
        self.target = target
        self.values = list(target.values(samples).values())
        self.median = stats.median(self.values)
        self.low, self.high = stats.interval(self.values)
        self.fits = bool(self.values) and target.when(samples)
        self.against = [(name, list(values(samples).values())) for name, values in target.against]
        self.against = [(name, found) for name, found in self.against if found]

    def holds(self, limit):
        return self.median <= limit if self.target.better == "<=" else self.median >= limit

    def sure(self, limit):
        """Whether the whole interval stands on one side of the limit."""
        return not self.low < limit < self.high

    def verdict(self, limit):
        """"", met, failed / missed, or why it cannot be said."""
        if limit is None:
            return ""
        if not self.values:
            return "not measured"
        if not self.fits:
            return "not judged: smaller scale"
        word = "met" if self.holds(limit) else ("FAILED" if limit == self.target.must else "missed")
        return word if self.sure(limit) else f"{word} (interval crosses)"

    @property
    def failed(self):
        return self.target.must is not None and (not self.values or (self.fits and not self.holds(self.target.must)))


def lines(samples, rows=ROWS):
    return [Line(target, samples) for row in rows for target in row.targets]


def figure(values):
    if not values:
        return "–"
    middle, (low, high) = stats.median(values), stats.interval(values)
    text = svg.number(middle)
    return text if low == high else f"{text} [{svg.number(low)}–{svg.number(high)}]"


def limit(target, value):
    return "–" if value is None else f"{'≤' if target.better == '<=' else '≥'} {svg.number(value)}"


def table(found):
    out = ["| what | measured | canary and peers, same session | must | goal | must is | goal is |", "|---|---|---|---|---|---|---|"]
    for line in found:
        target = line.target
        beside = "; ".join(f"{name} {figure(values)}" for name, values in line.against) or "–"
        out.append(f"| {target.what} | {figure(line.values)} {target.unit if line.values else ''} | {beside} | {limit(target, target.must)} | "
                   f"{limit(target, target.goal)} | {line.verdict(target.must) or '–'} | {line.verdict(target.goal) or '–'} |")
    return "\n".join(out)


def all_figures(samples, row):
    """Every subject's medians of one row, as a table of its own."""
    names = samples.names(row.key)
    metrics = list(dict.fromkeys(metric for _, metric in names))
    out = [f"| {row.key} | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for subject in dict.fromkeys(subject for subject, _ in names):
        cells = [figure(list(samples.series(row.key, subject, metric).values())) for metric in metrics]
        out.append(f"| {subject} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def plots(found, folder):
    """Writes a plot for each line that was measured; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for line in found:
        if not line.values or not line.target.plot:
            continue
        bars = [("Huiying", line.median, line.low, line.high, True)]
        bars += [(name, stats.median(v), *stats.interval(v), False) for name, v in line.against]
        path = folder / f"{line.target.key}.svg"
        path.write_text(svg.bars(line.target.what, line.target.unit, bars, line.target.must, line.target.goal), encoding="utf-8")
        made.append(path.name)
    return made


def noise(samples):
    """Rounds whose canary was far off its median, by row: they stay in, and are told."""
    found = []
    for row in ROWS:
        off = samples.rejected(row.key, "raw", "cpu_us")
        if off:
            found.append(f"{row.key}: {len(off)} of {len(samples.series(row.key, 'raw', 'cpu_us'))} rounds")
    return found


def sessions(samples, cores):
    """What was measured when, and whether the machine was busy with other work then."""
    found = {}
    for r in samples.rows:
        found.setdefault((r["session"], r["config"], float(r["load"])), {})[r["row"]] = None
    out = []
    for (name, config, load), rows in found.items():
        busy = load > BUSY * cores
        out.append(f"- {name} UTC, configuration {config}, load {load:.1f} before it began: {', '.join(rows)}" +
                   (". **Not a clean measurement: the machine was busy with other work; only ratios say something**" if busy else ""))
    return out


def document(samples, machine, names):
    """The part of docs/performance.md that the bench writes."""
    out = ["Sessions:", "", *sessions(samples, int(machine["cores"])), ""]
    off = noise(samples)
    if off:
        out += ["The canary's CPU was over 15 % off its median in " + "; ".join(off) + ". These rounds are counted like the others.", ""]
    out += ["| machine | |", "|---|---|", *(f"| {k} | {v} |" for k, v in machine.items()), ""]
    out += [table(lines(samples)), "", "Medians over rounds; in brackets the bootstrap interval of the median (90 %).", ""]
    out += [f"![{name}](performance/{name})" for name in names]
    out += ["", "### All figures", "", "Medians of every subject and every figure; raw rows are in `docs/performance/rows.csv`.", ""]
    for row in ROWS:
        if samples.names(row.key):
            out += [all_figures(samples, row), ""]
    return "\n".join(out)


def publish(path, text):
    """Puts text between the marks of a document, which must have them."""
    path = pathlib.Path(path)
    old = path.read_text(encoding="utf-8")
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        raise SystemExit(f"{path} must hold {BEGIN} and {END} once each")
    head, rest = old.split(BEGIN)
    path.write_text(f"{head}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
