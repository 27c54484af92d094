#!/usr/bin/env bash
# Is Lienthong's own Python environment there and up to date? Makes .venv from requirements.lock, every file checked
# by its hash, and puts the project into it. Instant when nothing changed. PYTHON=python3.12 chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$1"; exit 1; }

stamp=.venv/.lienthong-setup
wanted=$(cat requirements.lock pyproject.toml scripts/setup.sh | sha256sum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "needs Python 3.11 or newer, and ${PYTHON:-python3} is not; name one with PYTHON=/path/to/python3.12"
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make virtual environments; install python3-venv (Debian, Ubuntu: apt-get install python3-venv)"
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
say "installing what requirements.lock names (a minute or two the first time)"
"${pip[@]}" install --require-hashes -r requirements.lock ||
    fail "pip could not install the locked packages; is a package index within reach? Run this again to resume"
"${pip[@]}" install --no-deps --no-build-isolation -e .
printf '%s\n' "$wanted" >"$stamp"
say "ready"
