# Makes .venv from a hashed lock: `environment runtime` is enough to serve, `environment dev` to test as well.
# `openid_provider` makes .venv-openid, where the OpenID provider lives that tests log in by, `key_providers` makes
# .venv-keys, where OpenBao and a double of AWS KMS live that tests seal by, `witness` makes .venv-witness, where the
# witness lives that tests anchor by, and `tlog_verifier` .venv-tlog, where a verifier of transparency logs lives that
# nobody here wrote.
# Sourced by the scripts beside it. Asks for Python 3.11 or later and pip; takes uv instead where it is on the PATH.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=$root/.venv
# The oldest Python 3 that will do.
oldest=11

say() { printf '%s\n' "$*" >&2; }
die() { say "$*" && exit 1; }

# Each mark below is written last, so that an interrupted run is done again.
environment() {
    local set=$1 wanted
    # A virtual environment holds its own address; a clone that was moved needs a new one.
    if [ "$(cat "$venv/made-for" 2>/dev/null)" != "$root" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        make_venv
        printf '%s' "$root" >"$venv/made-for"
    fi
    wanted=$(digest "$set")
    # What is needed to test contains what is needed to serve.
    if ! installed "$set" "$wanted" && ! installed dev "$(digest dev)"; then
        say "Installing requirements/$set.txt …"
        install_packages "$root/requirements/$set.txt"
        printf '%s' "$wanted" >"$venv/installed-$set"
    fi
}

# Its packages are none of the house's: in an environment of their own the two cannot clash.
openid_provider() (
    venv=$root/.venv-openid
    environment openid-provider
)

key_providers() (
    venv=$root/.venv-keys
    environment key-providers
)

tlog_verifier() (
    venv=$root/.venv-tlog
    oldest=$tlog_oldest
    environment tlog-verifier
)

# The verifier asks for a later Python than the house does.
tlog_oldest=12
can_verify_tlogs() (
    oldest=$tlog_oldest
    find_python >/dev/null
)

# So does the witness. A machine without one does without; its tests say so.
witness() (
    venv=$root/.venv-witness
    oldest=$tlog_oldest
    can_verify_tlogs || { say "No Python 3.$tlog_oldest: the tests against a real witness will not run." && exit 0; }
    environment witness
)

installed() { [ "$(cat "$venv/installed-$1" 2>/dev/null)" = "$2" ]; }

# The lock and, where the project itself is installed, its own description; a change of either asks for another look.
digest() {
    local names=("$root/requirements/$1.txt")
    ! holds_project || names+=("$root/pyproject.toml")
    "$venv/bin/python" -c 'import hashlib, sys
print(hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[1:])).hexdigest())' "${names[@]}"
}

# These are other programs: they import nothing of the house, and must not find it by accident.
holds_project() { [ "$venv" = "$root/.venv" ]; }

make_venv() {
    local python
    python=$(find_python) || die "Python 3.$oldest or later is needed, and no python3, python3.$oldest … python3.14 on the PATH is that."
    say "Making ${venv##*/} with $("$python" --version) …"
    rm -rf "$venv"
    if have_uv; then
        uv venv --quiet --no-project --python "$python" "$venv" || die "uv could not make ${venv##*/}."
    elif ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        # Some distributions leave ensurepip out; the pip outside can install into an environment without its own.
        rm -rf "$venv"
        "$python" -m venv --without-pip "$venv" || die "$python could not make ${venv##*/}."
    fi
}

# The interpreter itself, never a shim nor the one of an environment that happens to be active.
find_python() {
    local name
    for name in python3 python3.{11..14} "$(pyenv root 2>/dev/null)"/versions/3.1[1-4]*/bin/python3; do
        OLDEST=$oldest "$name" -c 'import os, sys
if sys.version_info < (3, int(os.environ["OLDEST"])): sys.exit(1)
print(getattr(sys, "_base_executable", sys.executable))' 2>/dev/null && return
    done
    have_uv && uv python find --quiet --no-project ">=3.$oldest" 2>/dev/null
}

install_packages() {
    # Wheels only: what is installed runs no code of its own before its hash was compared.
    install --require-hashes --only-binary :all: --requirement "$1" || die "The packages of $1 could not be installed."
    holds_project || return 0
    # The build backend is in the lock, so the project itself needs no download.
    install --no-deps --no-build-isolation --editable "$root" || die "The project could not be installed into .venv."
}

install() {
    local outer
    if have_uv; then
        uv pip install --quiet --python "$venv/bin/python" "$@"
    elif "$venv/bin/python" -c 'import pip' 2>/dev/null; then
        quiet_pip "$venv/bin/python" -m pip install "$@"
    else
        outer=$(find_python)
        "$outer" -c 'import pip' 2>/dev/null || die "$outer has no pip; install pip 22.3 or later, or uv."
        quiet_pip "$outer" -m pip --python "$venv/bin/python" install "$@"
    fi
}

quiet_pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_PROGRESS_BAR=off PIP_QUIET=1 "$@"; }

have_uv() {
    command -v uv >/dev/null || return 1
    # uv keeps a cache at home and stops where there is none; it can do without.
    [ -n "${UV_CACHE_DIR:-}${XDG_CACHE_HOME:-}" ] || [ -w "${HOME:-/nonexistent}" ] || export UV_NO_CACHE=1
}
