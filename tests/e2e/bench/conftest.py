"""Makes the parts of tests/bench importable."""
import pathlib
import sys

PARTS = pathlib.Path(__file__).resolve().parents[2] / "bench/parts"
sys.path[:0] = [str(PARTS), str(PARTS.parents[1] / "e2e/pipeline")]
