#!/bin/sh
# Write all locks anew: hash-pinned, for every platform, without a URL. Pins that still fit stay as they are; to
# move them: make lock ARGS=--upgrade, or ARGS="--upgrade-package NAME". Needs uv.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || {
  echo "make lock needs uv on PATH (https://docs.astral.sh/uv); nothing else does" >&2
  exit 1
}
# Every extra but `languages`, which is installed by who asks for it: see scripts/check_locks.py.
compile() {
  uv pip compile pyproject.toml --extra files --extra local --extra embeddings --extra otel --universal \
    --python-version 3.11 --generate-hashes --override scripts/overrides.txt --no-header --quiet "$@"
}
compile --group build --output-file requirements.lock "$@"
compile --group dev --constraint requirements.lock --output-file requirements-dev.lock "$@"
compile --group deploy --constraint requirements-dev.lock --output-file requirements-deploy.lock "$@"
# What builds the site of the documents shares nothing with the program.
uv pip compile --group pyproject.toml:docs --universal --python-version 3.11 --generate-hashes --no-header --quiet \
  --output-file requirements-docs.lock "$@"
