"""What of the chart follows from the program."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_charts_settings_values_and_readme_have_not_drifted() -> None:
    """The schema knows each setting of today; values.yaml and the README say what the schema says."""
    command = [sys.executable, str(ROOT / "scripts" / "chart.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stdout + done.stderr == ""
    assert done.returncode == 0
