#!/usr/bin/env bash
# Checks `.pt` weights against the ONNX ones, in an environment of its own (.venv-ultralytics):
# ultralytics is AGPL-3.0 and brings some 5.5 GB, so it is no part of the ordinary one.
# Where there is no room or no network it says "skipped" and exits 0; a failed test fails it.
set -euo pipefail
cd "$(dirname "$0")/.."

need_gb=8
venv=.venv-ultralytics
python=${PYTHON:-python3}

skip() {
    echo "test-ultralytics skipped: $*"
    exit 0
}

if [ ! -e "$venv/ready" ]; then
    free_gb=$(($(df -Pk . | awk 'NR==2 {print $4}') / 1024 / 1024))
    [ "$free_gb" -ge "$need_gb" ] || skip "needs $need_gb GB of disk, $free_gb GB are free"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install -q torch==2.14.1 torchvision==0.29.1 ||
        skip "torch could not be installed (see above)"
    "$venv/bin/pip" install -q -e '.[ultralytics]' pytest pytest-timeout hypothesis ||
        skip "the ultralytics extra could not be installed (see above)"
    touch "$venv/ready"
fi
for name in yolov8n yolov8n-pt; do
    "$venv/bin/python" -c "from traffic_ai.detectors.models import pull; print(pull('$name'))" ||
        skip "the weights $name could not be fetched (see above)"
done
# Warnings of torch and ultralytics are theirs to mend, so they are no errors here.
exec "$venv/bin/pytest" -o filterwarnings=default tests_ultralytics "$@"
