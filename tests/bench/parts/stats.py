"""Figures of a noisy machine: medians over rounds with a bootstrap interval, and nothing that hides a bad round."""
import random
import statistics


def median(values):
    return statistics.median(values) if values else None


def interval(values, share=0.9, draws=2000):
    """The bootstrap interval of the median; the same values give the same interval. One value is its own."""
    if len(values) < 2:
        return (values[0], values[0]) if values else (None, None)
    rng = random.Random(20261)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(draws))
    cut = int(draws * (1 - share) / 2)
    return medians[cut], medians[-1 - cut]


class Samples:
    """Raw rows of the CSV: session, its configuration's hash, the machine's load before it, row, round, subject, metric,
    value. Round 0 warms up and counts nowhere."""

    COLUMNS = ["session", "config", "load", "row", "round", "subject", "metric", "value"]

    def __init__(self, rows=()):
        self.rows = list(rows)

    def series(self, row, subject, metric):
        """{round: value} of the rounds that count."""
        return {int(r["round"]): float(r["value"]) for r in self.rows
                if (r["row"], r["subject"], r["metric"]) == (row, subject, metric) and int(r["round"]) > 0}

    def ratio(self, row, subject, other, metric):
        """{round: subject / other}, each from the same round."""
        mine, theirs = self.series(row, subject, metric), self.series(row, other, metric)
        return {n: mine[n] / theirs[n] for n in mine if theirs.get(n)}

    def names(self, row):
        """[(subject, metric)] of a row in the order they came."""
        return list(dict.fromkeys((r["subject"], r["metric"]) for r in self.rows if r["row"] == row))

    def rejected(self, row, subject, metric, limit=0.15):
        """Rounds whose canary is further than this from its median: they stay in, and the report says how many."""
        values = self.series(row, subject, metric)
        middle = median(list(values.values()))
        return [n for n, v in values.items() if middle and abs(v / middle - 1) > limit]
