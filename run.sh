#!/usr/bin/env bash
# Sets msray up in .venv, once, and hands over to it. Needs Python 3.11 or newer and, the first time, a package index.
set -euo pipefail
trap 'exit 130' INT # what ends of it in between is not gone on from
trap 'exit 143' TERM

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

# In a fifth of pip's time. uv does not read pip's settings: it is told those that it knows by another name, the sections
# in the order in which one overrides the other, and reads none of its own; where there are more, it fails.
uv_install() (
  settings=$("$venv/bin/python" -m pip config list) || exit 1
  for section in global install :env:; do
    while IFS='=' read -r name value; do
      value=${value#\'} value=${value%\'}
      read -ra words <<<"${value//\\n/ }" # a list may be a line each
      value=${words[*]-}
      case ${name#"$section".} in
        "$name") ;; # of another section
        index-url) export UV_DEFAULT_INDEX=$value ;;
        extra-index-url) export UV_INDEX=$value UV_INDEX_STRATEGY=unsafe-best-match ;; # the best of all, as pip does
        find-links) export UV_FIND_LINKS=${value// /,} ;;
        cert) export SSL_CERT_FILE=$value ;;
        trusted-host) export UV_INSECURE_HOST=$value ;;
        timeout | default-timeout) export UV_HTTP_TIMEOUT=$value ;;
        no-cache-dir) export UV_NO_CACHE=1 ;;
        cache-dir | compile | config-file | disable-pip-version-check | log | no-color | no-compile | no-input | \
          prefer-binary | progress-bar | quiet | retries | root-user-action | verbose) ;;
        *) exit 1 ;;
      esac
    done <<<"$settings"
  done
  exec "$venv/bin/python" -m uv pip install --quiet --no-config --system-certs --python "$venv/bin/python" \
    -c "$root/constraints.txt" "$@"
)

packages() { "$venv/bin/python" -m pip list --format=freeze --exclude pip --exclude uv 2>/dev/null || true; }

set_up() {
  if is_installed "$1" || is_installed learn || is_installed test; then return; fi
  local python extras before pid mark=$venv.installing was_cut_short=
  extras=$(extras_of "$1")
  if ! (set -C && echo $$ >"$mark") 2>/dev/null; then
    pid=$(cat "$mark")
    if [ "$pid" != $$ ] && kill -0 "$pid" 2>/dev/null; then
      die "process $pid is installing into $venv: wait for it (where it is another's: rm $mark)"
    fi
    echo $$ >"$mark"
    was_cut_short=1
  fi
  # Half a package that was cut short looks installed to uv; and a pip may be missing.
  if [ "$was_cut_short" ] || ! is_new_enough "$venv/bin/python" ||
    ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    "$python" -m venv --clear "$venv" || die "could not make $venv with $python"
  fi
  before=$(packages)
  rm -f "$venv"/.stamp-*
  say "installing msray[$extras] into $venv (once; a minute or two)"
  # Where uv does not, pip does all, and anew what uv may have left half done; best a pip of today: that of a Python may
  # be years old and takes half as long again.
  if ! { pip_install --only-binary uv uv && uv_install -e "${root}[$extras]"; } >/dev/null 2>&1; then
    pip_install pip >/dev/null 2>&1 || true
    if ! pip_install --force-reinstall -e "${root}[$extras]" >&2; then
      [ "$(packages)" != "$before" ] || rm "$mark" # else it is begun anew
      die "installation failed, see above; the same command tries again"
    fi
  fi
  # On all cores. Left out is what hardly anything here loads, and, as pip does, what is not Python of today.
  "$venv/bin/python" -m compileall -qq -j 0 -x "site-packages/($HARDLY_LOADED)/" "$venv/lib" "$root/msray" || true
  stamp_of "$1" >"$venv/.stamp-$1"
  rm "$mark"
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
