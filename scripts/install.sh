#!/bin/sh
# Run install.py under the first Python that chasqui can use: the one that PYTHON names; else .venv's own, which
# brings .venv up to date; else the newest on PATH; else one that uv knows of.
set -eu
cd "${0%/*}/.."

found='' old=''
consider() {
  # A name on PATH may be a shim that only says "not installed", so each is tried by running it.
  status=0
  "$1" scripts/install.py --fits >/dev/null 2>&1 || status=$?
  case $status in
    0) found=$1 ;;
    3) old=${old:-$1} ;;
  esac
}

if [ -n "${PYTHON:-}" ]; then
  consider "$PYTHON"
else
  for python in .venv/bin/python python3.14 python3.13 python3.12 python3.11 python3 python; do
    [ -n "$found" ] || consider "$python"
  done
  if [ -z "$found" ] && command -v uv >/dev/null; then
    consider "$(uv python find --system '>=3.11,<3.15' 2>/dev/null || echo none)"
  fi
fi

[ -z "$found" ] || exec "$found" scripts/install.py "$@"
if [ -n "$old" ]; then
  "$old" scripts/install.py --fits || exit 1 # it says what is wrong with it
fi
if [ -n "${PYTHON:-}" ]; then
  echo "PYTHON=$PYTHON is no Python that runs here: give the name or the path of a Python 3.11 to 3.14" >&2
else
  echo "chasqui needs Python 3.11 to 3.14 and found none on PATH: install one, then say the same again" >&2
fi
exit 1
