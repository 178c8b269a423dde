"""Makes `import harness` work in every end-to-end test."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
