#!/usr/bin/env bash
# Sets msray up in .venv, once, and hands over to it. Needs Python 3.11 or newer and, the first time, a package index.
set -euo pipefail
trap 'exit 130' INT # what ends of it in between is not gone on from

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
venv=$root/.venv
# Parts of others' packages of which next to nothing is loaded; by size nearly half of all, with their tests.
HARDLY_LOADED='.*/(tests|rllib|_inductor|_dynamo|lexers)|networkx|mypyc?|sympy|mpmath|torch/testing|pip|setuptools'

usage() {
  cat <<'USAGE'
Usage: ./run.sh VERB [ARGUMENTS]          --VERB means the same

  demo     see live detection work on a synthetic market
  backtest trade the signals of recordings: ./run.sh backtest ../shared/data/lobster_2012-06-21
  tune     search better parameters for it, and say whether they really are
  train    train networks on them, and keep what they learned
  test     run the tests; ARGUMENTS go to pytest (default: all but slow ones)
  api      serve the HTTP API
  serve    serve trained models over HTTP, on Ray; inference means the same
  status   what is running
  setup    only set up; every other verb does so by itself

Also known, and saying so as long as they do not exist: dashboard, phase6.
ARGUMENTS go to `msray VERB`; `.venv/bin/msray --help` lists all it can do.
USAGE
}

say() { printf 'run.sh: %s\n' "$*" >&2; }

die() {
  say "$1"
  exit "${2:-1}"
}

extras_of() {
  case $1 in
    use) echo ray,research ;;
    learn) echo ray,research,models ;;
    test) echo ray,research,models,dev,postgres,fast,zstd ;;
  esac
}

# What an installation was made from. A virtual environment cannot be moved, so its place is part of it.
stamp_of() { (printf '%s\n' "$root" "$(extras_of "$1")"; cat "$root/pyproject.toml" "$root/constraints.txt") | cksum; }

is_installed() {
  [ -x "$venv/bin/python" ] && [ -f "$venv/.stamp-$1" ] && [ "$(cat "$venv/.stamp-$1")" = "$(stamp_of "$1")" ]
}

# Asked of the source, so that the answer needs no installation.
has_verb() { grep -q "^    \"$1\": Verb(" "$root/msray/cli/app.py"; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
  local candidate without_venv=
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13 python3.14 python; do
    is_new_enough "$candidate" || continue
    if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      echo "$candidate"
      return
    fi
    without_venv=$candidate
  done
  [ -z "$without_venv" ] || die "$without_venv has no venv module: install it (on Debian: apt install python3-venv)"
  die "found no Python 3.11 or newer: install one, or name it: PYTHON=/path/to/python3 ./run.sh ..."
}

pip_install() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
    -c "$root/constraints.txt" "$@"
}

set_up() {
  if is_installed "$1" || is_installed learn || is_installed test; then return; fi
  local python extras
  extras=$(extras_of "$1")
  # Without a pip where its replacement was interrupted.
  if ! is_new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    "$python" -m venv --clear "$venv" || die "could not make $venv with $python"
  fi
  say "installing msray[$extras] into $venv (once; a minute or two)"
  # The pip that comes with a Python may be years old and takes half as long again; where there is no other, it will do.
  pip_install pip >/dev/null 2>&1 || true
  pip_install -e "${root}[$extras]" >&2 || die "installation failed, see above; the same command tries again"
  # pip compiles file by file, on one core. Left out is what hardly anything here loads, and, as pip does, what is not
  # Python of today.
  "$venv/bin/python" -m compileall -qq -j 0 -x "site-packages/($HARDLY_LOADED)/" "$venv/lib" "$root/msray" || true
  stamp_of "$1" >"$venv/.stamp-$1"
}

[ $# -gt 0 ] || { usage >&2; exit 2; }
verb=${1#--}
shift

case $verb in
  help | -h) usage ;;
  setup)
    set_up use
    say "ready: $venv/bin/msray --help"
    ;;
  test)
    set_up test
    cd "$root"
    [ $# -gt 0 ] || set -- -q -m 'not slow' -n 2 # beside one that waits for a cluster, others work
    exec "$venv/bin/python" -m pytest "$@"
    ;;
  demo | api | serve | inference | status | backtest | tune | train | dashboard | phase6)
    [ "$verb" != inference ] || verb=serve
    has_verb "$verb" || die "'$verb' does not exist yet" 2
    case $verb in train | serve) set_up learn ;; *) set_up use ;; esac
    exec "$venv/bin/msray" "$verb" "$@"
    ;;
  *) die "unknown verb '$verb'; ./run.sh help lists them" 2 ;;
esac
