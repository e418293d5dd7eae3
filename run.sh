#!/bin/sh
# Sets FeXT up in .venv beside this file when that is needed, then runs it.
#
#   ./run.sh                      open the terminal UI
#   ./run.sh setup [EXTRA ...]    install or repair only; EXTRA is an optional part, such as tensorboard
#   ./run.sh test [PYTEST ARGS]   install what the tests need and run them
#   ./run.sh maintenance          the maintenance console
#   ./run.sh VERB ...             the same as `fext VERB ...`; `./run.sh --help` lists the verbs
#
# FEXT_PYTHON names the Python to use (3.11 to 3.13). FEXT_TORCH chooses PyTorch: a version such as 2.12.1, or
# a requirement such as 'torch==2.13.0+cpu'; `auto` goes back to the build that suits the machine.
set -u

OLDEST_TORCH=2.11 # as pyproject.toml has it
TORCH=2.13.0      # the version FeXT is tested with
TRITON=3.7.1      # the one that this torch asks for where it brings its own
EXTRAS=

# The folder of this file, also when it is called through a link. No `cd` elsewhere: the paths on the command
# line are relative to where the user is.
self=$0
while [ -L "$self" ]; do
    target=$(readlink "$self")
    case $target in
        /*) self=$target ;;
        *) self=${self%/*}/$target ;;
    esac
done
case $self in
    */*) PROJECT=$(CDPATH='' cd -P -- "${self%/*}/" && pwd) || exit 1 ;;
    *) PROJECT=$(pwd -P) || exit 1 ;;
esac
VENV=$PROJECT/.venv
PYTHON=$VENV/bin/python
STATE=$VENV/setup
LOG=$VENV/setup.log
LOCK=$STATE/lock
unset PYTHONHOME

say() { printf '%s\n' "$*" >&2; }

# --- What is installed -------------------------------------------------------------------------------------
# .venv/setup/stamp says what the last finished set-up made: the project's folder (an environment that was
# moved is of no use), Python's version, FEXT_PYTHON, FEXT_TORCH and the extras. The copy of pyproject.toml
# beside it tells whether the dependencies changed since.
read_stamp() {
    stamp_project='' stamp_version='' stamp_python='' stamp_torch='' stamp_extras=''
    [ -r "$STATE/stamp" ] || return 0
    {
        IFS= read -r stamp_project
        IFS= read -r stamp_version
        IFS= read -r stamp_python
        IFS= read -r stamp_torch
        IFS= read -r stamp_extras
    } <"$STATE/stamp" || return 0
}

has_extras() {
    for extra in $EXTRAS; do
        case " $stamp_extras " in *" $extra "*) ;; *) return 1 ;; esac
    done
}

ready() {
    read_stamp
    [ ! -e "$STATE/unfinished" ] && [ "$stamp_project" = "$PROJECT" ] && [ -x "$VENV/bin/fext" ] &&
        [ "${FEXT_PYTHON:-$stamp_python}" = "$stamp_python" ] &&
        [ "${FEXT_TORCH:-$stamp_torch}" = "$stamp_torch" ] && has_extras &&
        [ "$(cat "$PROJECT/pyproject.toml")" = "$(cat "$STATE/pyproject.toml")" ] && python_is "$stamp_version"
}

# True when the environment's Python runs and has that version: an upgrade of the system may have replaced it.
python_is() {
    [ -x "$PYTHON" ] && [ "$("$PYTHON" -I -S -c "$VERSION" 2>/dev/null)" = "$1" ]
}
VERSION='import sys; print("%d.%d" % sys.version_info[:2])'

# --- One set-up at a time ----------------------------------------------------------------------------------
# The lock is a file made with O_EXCL (set -C) that holds the host and the process. A holder that died is
# found out at once on the same host; its lock is moved away, which only one of several waiters can do.
take_lock() {
    if ! mkdir -p "$STATE" 2>/dev/null || [ ! -w "$STATE" ]; then
        say "FeXT needs installing or repairing, but $PROJECT cannot be written to."
        say "Make it writable, or copy the project to a folder of yours and run ./run.sh setup there."
        exit 1
    fi
    me="$(uname -n) $$"
    waited=0
    until (set -C && printf '%s\n' "$me" >"$LOCK") 2>/dev/null; do
        holder=
        read -r holder 2>/dev/null <"$LOCK"
        if [ "${holder% *}" = "${me% *}" ] && ! kill -0 "${holder##* }" 2>/dev/null; then
            mv "$LOCK" "$LOCK.$$" 2>/dev/null && rm -f "$LOCK.$$"
            continue
        fi
        [ $waited -gt 0 ] || say "Another set-up of FeXT is at work (${holder:-just begun}); waiting for it." \
            "If there is none, remove $LOCK."
        waited=1
        sleep 1
    done
    trap 'rm -f "$LOCK"' EXIT
    trap 'say "Stopped: the set-up is unfinished; the next start does it again."; exit 130' INT TERM HUP
}

free_lock() {
    rm -f "$LOCK"
    trap - EXIT INT TERM HUP
}

# --- Installing --------------------------------------------------------------------------------------------
step() { STEP=$1; say "Step $STEP"; printf '\n== Step %s\n' "$STEP" >>"$LOG"; }

fail() {
    say ""
    say "Step $STEP, failed. $1"
    say "The whole output is above or in $LOG. Then run ./run.sh setup again."
    exit 1
}

# Runs a command quietly; its output goes to the log, and to the screen when it fails.
quietly() {
    output=$("$@" 2>&1)
    status=$?
    [ ! -w "$LOG" ] || printf '$ %s\n%s\n' "$*" "$output" >>"$LOG"
    return $status
}

pip_install() { "$PYTHON" -I -m pip --disable-pip-version-check --log "$LOG" install "$@" >&2; }
uv_install() { uv pip install --python "$PYTHON" --torch-backend=auto "$@" >&2; }

# Prints the path of the interpreter behind the command: that of an environment may be about to go. Exit status
# 0: it can make an environment; 3: it has no ensurepip and is of use with uv only; others: not for FeXT.
PROBE='import sys, importlib.util as u
print(getattr(sys, "_base_executable", None) or sys.executable)
sys.exit(1 if not (3, 11) <= sys.version_info[:2] < (3, 14) or sys.maxsize < 2**32
         else 0 if u.find_spec("ensurepip") and u.find_spec("venv") else 3)'

# A command may exist and yet not run: the shims of version managers do so. Therefore each is tried.
find_python() {
    BASE=
    for name in ${want_python:+"$want_python"} python3 python3.13 python3.12 python3.11 python; do
        found=$("$name" -I -c "$PROBE" 2>>"$LOG")
        case $? in
            0) BASE=$found; return ;;
            3) BASE=${BASE:-$found} ;;
        esac
        [ -n "$BASE" ] || [ "$name" != "$want_python" ] ||
            fail "FEXT_PYTHON=$name is not a working 64-bit Python 3.11 to 3.13: name another."
    done
    [ -n "$BASE" ] || [ -n "$UV" ] || fail "No working 64-bit Python 3.11, 3.12 or 3.13 was found:
install one (from python.org, your package manager or pyenv), or install uv, which brings its own.
FEXT_PYTHON=/path/to/python names one that is not on the PATH."
}

make_environment() {
    find_python
    # Only what an environment holds: the log and the lock stay, and so does a link that .venv may be.
    for part in bin lib lib64 include share pyvenv.cfg; do rm -rf "${VENV:?}/$part"; done
    if [ -n "$UV" ]; then
        quietly uv venv --allow-existing --python "${BASE:-3.13}" "$VENV" && return
        say "  uv could not make the environment; Python's own venv does it."
        UV=
        [ -n "$BASE" ] || fail "$output"
    fi
    quietly "$BASE" -m venv "$VENV" ||
        fail "$output
On Debian and Ubuntu the package python3-venv is needed. Or install uv, which needs nothing more."
}

ensure_pip() {
    quietly "$PYTHON" -I -m pip --version || quietly "$PYTHON" -I -m ensurepip ||
        fail "This Python has no pip and cannot make one: install python3-venv, or set FEXT_PYTHON."
}

has_nvidia() {
    case $(nvidia-smi -L 2>/dev/null || /usr/lib/wsl/lib/nvidia-smi -L 2>/dev/null) in GPU*) return 0 ;; esac
    [ -n "$(ls /proc/driver/nvidia/gpus 2>/dev/null)" ]
}

# Says what comes before it comes, and warns when the disk is too small for it.
announce() {
    say "  PyTorch: $1; about $2 to download with everything else, $3 GB on the disk." \
        "FEXT_TORCH chooses another build."
    free=$(df -Pk "$VENV" 2>/dev/null | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "${free:-$3}" -ge "$3" ] || say "  WARNING: only ${free} GB are free in $VENV: this may not fit."
}

install_torch() {
    wanted=
    version=$TORCH
    case $want_torch in
        '' | auto) ;;
        [0-9]*) version=$want_torch ;;
        *) wanted=$want_torch ;;
    esac
    cpu_only=
    case $wanted$version$(uname -s) in *[+=]*) ;; *Linux) has_nvidia || cpu_only=yes ;; esac
    if [ -n "$wanted" ] || [ "$version" != "$TORCH" ]; then
        announce "${wanted:-$version}, as FEXT_TORCH says" "1 to 3 GB" 3
    elif has_nvidia; then
        announce "a build for the NVIDIA GPU" "3 GB" 8
    else
        announce "a build for this machine" "1 GB" 3
    fi
    if [ -n "$UV" ]; then
        # The tested version, or the newest before it that there is for an old driver.
        case $want_torch in '' | auto) set -- "torch>=$OLDEST_TORCH,<=$TORCH" ;; *) set -- "torch==$version" ;; esac
        uv_install "${wanted:-$1}" && return
        say "  uv could not install PyTorch (its reason is above); pip does it."
        UV=
    fi
    ensure_pip
    if [ -n "$cpu_only" ]; then
        if quietly "$PYTHON" -I -m pip install --dry-run --no-deps "torch==$version+cpu"; then
            wanted="torch==$version+cpu"
        else
            case $output in *"No matching distribution"*) ;; *) fail "$output" ;; esac
            announce "pip's indexes have no CPU build for this Python, so the one with CUDA" "3 GB" 8
            say "  To avoid that: Ctrl-C, then install uv, or give pip an index that has CPU builds."
        fi
    fi
    pip_install "${wanted:-torch==$version}" ||
        fail "Check the network, the proxy and the free disk space; FEXT_TORCH chooses another build."
}

torch_version() { "$PYTHON" -I -c 'from importlib.metadata import version; print(version("torch"))' 2>>"$LOG"; }

# The rest may not replace the torch that was chosen: its version is a constraint here.
install_project() {
    torch=$(torch_version) || fail "PyTorch is not there: see $LOG."
    printf 'torch==%s\n' "$torch" >"$STATE/constraints.txt"
    target=.
    [ -z "$all_extras" ] || target=".[$(printf %s "$all_extras" | tr ' ' ,)]"
    if [ -n "$UV" ]; then
        (cd "$PROJECT" && uv_install -c "$STATE/constraints.txt" -e "$target") && return
        say "  uv could not install everything (its reason is above); pip does it."
        UV=
    fi
    ensure_pip
    [ "${torch%%+*}" != "$TORCH" ] || printf 'triton==%s\n' "$TRITON" >>"$STATE/constraints.txt"
    (cd "$PROJECT" && pip_install -c "$STATE/constraints.txt" -e "$target") ||
        fail "Check the network, the proxy and the free disk space."
}

CHECK='import cv2, matplotlib, numpy, PIL, safetensors, scipy, textual, torch, fext_engine, fext_tui, sys
cuda = torch.cuda.is_available()
print("  Python %d.%d.%d, PyTorch %s, %s" % (*sys.version_info[:3], torch.__version__,
      torch.cuda.get_device_name() if cuda else "on the CPU" if not torch.backends.mps.is_available() else "Metal"))'

loads() { quietly "$PYTHON" -I -c "$CHECK"; }

check() {
    { loads && [ "$(torch_version)" = "$torch" ]; } || fail "$output
If it goes on, remove $VENV and begin anew."
    say "$output"
    case $output in
        *"on the CPU"*)
            has_nvidia && say "  There is an NVIDIA GPU that this PyTorch cannot use: update its driver," \
                "install uv, or choose a build with FEXT_TORCH."
            ;;
    esac
}

# --- The whole set-up --------------------------------------------------------------------------------------
refuse_odd_places() {
    case $(uname -s) in
        MINGW* | MSYS* | CYGWIN*) say "On Windows, start FeXT with run.bat."; exit 1 ;;
    esac
    case $PROJECT in
        *'
'*) say "FeXT cannot be installed in a folder whose name has a line break."; exit 1 ;;
    esac
}

# An environment that another Python made, that was left unfinished, or that no longer runs is made anew; one
# that was moved or whose dependencies changed is brought up to date.
usable() {
    [ -z "$broken" ] && [ "$want_python" = "$stamp_python" ] && [ -x "$PYTHON" ] &&
        quietly "$PYTHON" -I -c "$PROBE" && { [ -z "$stamp_version" ] || python_is "$stamp_version"; }
}

set_up() {
    refuse_odd_places
    take_lock
    if [ "${1:-}" = anew ]; then
        broken=yes
    elif ready; then  # another set-up, which we waited for, has done it
        free_lock
        return
    else
        broken=
        [ ! -e "$STATE/unfinished" ] || broken=yes
    fi
    want_python=${FEXT_PYTHON:-$stamp_python}
    want_torch=${FEXT_TORCH:-$stamp_torch}
    all_extras=$stamp_extras
    for extra in $EXTRAS; do
        case " $all_extras " in *" $extra "*) ;; *) all_extras="${all_extras:+$all_extras }$extra" ;; esac
    done
    UV=$(command -v uv) || UV=
    : >"$LOG"
    : >"$STATE/unfinished"
    say "Setting FeXT up in $VENV${UV:+ with uv}"
    step "1 of 4, making the Python environment"
    if usable; then
        say "  The one that is there will do."
    else
        make_environment
    fi
    step "2 of 4, installing PyTorch"
    install_torch
    step "3 of 4, installing FeXT and its libraries"
    install_project
    step "4 of 4, checking that everything loads"
    check
    write_stamp || fail "Is the disk full?"
    quietly "$PYTHON" -I -m fext_engine.maintenance.project_files # an update from an archive asks what was changed
    free_lock
    say "Ready."
}

write_stamp() {
    cp "$PROJECT/pyproject.toml" "$STATE/pyproject.toml" &&
        printf '%s\n' "$PROJECT" "$("$PYTHON" -I -S -c "$VERSION")" "$want_python" "$want_torch" "$all_extras" \
            >"$STATE/stamp" && rm -f "$STATE/unfinished"
}

# --- An update from an archive -----------------------------------------------------------------------------
# fext_engine/maintenance/release_update.py keeps copies of all that it replaces in .update/old until the new
# files are all there. What was cut off before that is undone here: the code may be of two versions.
undo_update() {
    host='' process=''
    read -r host process 2>/dev/null <"$PROJECT/.update/process"
    if [ "$host" = "$(uname -n)" ] && kill -0 "$process" 2>/dev/null; then
        say "An update of FeXT is at work (process $process); start again when it is done." \
            "If there is none, remove $PROJECT/.update/process."
        exit 1
    fi
    say "An update of FeXT was cut off; the version before it comes back."
    { [ ! -d "$PROJECT/.update/old" ] || cp -Rp "$PROJECT/.update/old/." "$PROJECT/"; } &&
        rm -rf "$PROJECT/.update" && exec "$PROJECT/run.sh" "$@"
    say "That did not work: is the disk full, or $PROJECT not writable? Then start again."
    exit 1
}

# --- Maintenance without a working environment -------------------------------------------------------------
# The console is Python's. Where it cannot run, one may yet want to uninstall, and not to download anything.
maintain_without_python() {
    say "" "FeXT's environment in $VENV is missing, damaged or out of date. What is to be done?"
    say "  1  Set it up, then open the maintenance console"
    say "  2  Uninstall: delete that folder ($(du -sh "$VENV" 2>/dev/null | cut -f 1)), nothing else"
    printf 'Number, or Enter to leave: ' >&2
    read -r answer || answer=
    case $answer in
        1) set_up "$1" ;;
        2) remove_environment; exit ;;
        *) exit 0 ;;
    esac
}

remove_environment() {
    if [ -L "$VENV" ]; then
        say "$VENV is a link: remove it, and what it leads to, by hand."
        exit 1
    fi
    printf 'Delete %s with all that is in it, for good? [y/N] ' "$VENV" >&2
    read -r answer || answer=
    case $answer in
        y | Y | yes) rm -rf "$VENV" || exit 1; say "Gone. Images, runs and settings stay in $PROJECT/resources." ;;
        *) say "Nothing was done." ;;
    esac
}

console_works() { quietly "$PYTHON" -I -c 'import fext_engine.maintenance.console'; }

# --- What was asked for ------------------------------------------------------------------------------------
[ ! -d "$PROJECT/.update" ] || undo_update "$@"

case ${1:-} in
    setup)
        shift
        EXTRAS="$*"
        if ! ready; then
            set_up
        elif loads; then
            say "FeXT is set up already:" "$output"
        else
            say "What is installed does not load; it is installed anew."
            set_up anew
        fi
        exit
        ;;
    test) EXTRAS="test" ;;
esac

if [ "${1:-}" != maintenance ]; then
    ready || set_up
elif ! ready; then
    maintain_without_python ""
elif ! console_works; then
    maintain_without_python anew
fi

case ${1:-} in
    test)
        shift
        cd "$PROJECT" || exit 1
        exec "$PYTHON" -m pytest "$@"
        ;;
    maintenance)
        shift
        set -- "$PYTHON" -P -m fext_engine.maintenance "$@"
        ;;
    *) set -- "$VENV/bin/fext" "$@" ;;
esac

# Outside a folder with resources of its own, those of the project are used where one may write to them.
if [ -z "${FEXT_RESOURCES:-}" ] && [ ! -d resources ] && [ -w "$PROJECT/resources" ]; then
    export FEXT_RESOURCES="$PROJECT/resources"
fi
exec "$@"
