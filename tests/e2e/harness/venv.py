#!/usr/bin/env python3
"""Makes build/venv with what tests/requirements.txt names (once; again when that file changes) and prints its python."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
WANTED = ROOT / "tests/requirements.txt"
VENV = ROOT / "build/venv"
STAMP = VENV / "requirements.stamp"


def ensure():
    """The venv's python, made when missing or out of date."""
    python = VENV / "bin/python"
    text = WANTED.read_text()
    if not python.exists() or not STAMP.exists() or STAMP.read_text() != text:
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "-q", "install", "-r", str(WANTED)], check=True)
        STAMP.write_text(text)
    return python


if __name__ == "__main__":
    print(ensure())
