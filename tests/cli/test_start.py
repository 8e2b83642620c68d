"""What a command loads before it does anything: a second of waiting is a second too many."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "cv2", "av", "onnx", "onnxruntime", "scipy", "shapely", "sqlalchemy")


@pytest.mark.parametrize("arguments", [["--help"], ["process", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys, traffic_ai.cli.main as m\n"
        f"sys.argv = ['traffic-ai', *{arguments!r}]\n"
        "try: m.main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"sys.stderr.write(','.join(n for n in {HEAVY!r} if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "traffic-ai" in done.stdout
