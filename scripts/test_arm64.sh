#!/usr/bin/env bash
# The device side on 64-bit ARM: a Debian root with the real aarch64 wheels, emulated by qemu, in which the tests that
# are marked arm64 run on both runtimes. make test-arm64, or scripts/test_arm64.sh [PYTHON]; PYTHON is a 3.11, as in the root.
#
# The slow parts are made once, in .arm64/: qemu, the root, the wheels and an environment for each runtime.
# Without root permissions or Debian's packages, it prints "skipped: reason" and exits with 77.
set -euo pipefail
script=$(readlink -f "$0")
cd "$(dirname "$script")/.."

python=${1:-python3}
store=$PWD/.arm64
root=$store/root
release=bookworm # of the root: Python 3.11, as on Raspberry Pi OS Bookworm and as tflite-runtime needs it

# LiteRT 2.2 and later crash under Bookworm's qemu 7.2 as soon as there is an Interpreter, and under its `-cpu max` LiteRT
# 2.1 gives wrong scores. Trixie's qemu 10 runs them all; the program is static, and does not mind the Debian around it.
qemu_release=trixie
qemu=$store/qemu-aarch64

skip() {
    echo "skipped: $*"
    exit 77
}

# Everything happens in a separate mount namespace: the mounts are visible nowhere else, and they end with the last
# process, however it ends. Nothing can be deleted through them from outside, and nothing has to be unmounted.
if [ "${TLPIPE_ARM64:-}" != unshared ]; then
    [ "$(uname -s)" = Linux ] || skip "the emulation is Linux's"
    case $(uname -m) in aarch64 | arm64) skip "this machine is 64-bit ARM: make test-edge tests on it what is emulated elsewhere" ;; esac
    [ "$(id -u)" = 0 ] || skip "mounts and chroot are for root"
    command -v apt-get >/dev/null || skip "the root is made of Debian's packages, and there is no apt-get"
    unshare --mount true 2>/dev/null || skip "mount namespaces are not allowed here"
    TLPIPE_ARM64=unshared exec unshare --mount "$script" "$@"
fi

[ "$("$python" -c 'import ensurepip, sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.11 ] || {
    echo "$python: a Python 3.11 with venv is needed to find the wheels for the root's 3.11." >&2
    echo "Name one: make test-arm64 PYTHON=python3.11" >&2
    exit 1
}

# One run at a time; at its end, temporary files and the kernel's handler for aarch64 programs are removed.
binfmt=/proc/sys/fs/binfmt_misc
handler=tlpipe-arm64-$$
mkdir -p "$store"
exec 9>"$store/lock"
flock 9
work=$(mktemp -d "$store/work.XXXXXX")
finish() {
    [ ! -e "$binfmt/$handler" ] || echo -1 >"$binfmt/$handler"
    rm -rf --one-file-system "$work"
}
trap finish EXIT

# The mirror and the key are those of this machine's apt.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
find_mirror() {
    [ -f "$keyring" ] || skip "there is no $keyring to check Debian's packages with"
    apt-get update -qq || skip "apt-get update fails"
    # shellcheck disable=SC2016 # apt fills in the fields
    mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
        awk -F '|' '$1 == "Debian" && $2 == "Debian" && !seen++ { print $3 }')
    [ -n "$mirror" ] || skip "this machine's apt knows no mirror of Debian"
}

# Extracted from the package, with an apt that knows only that release: the machine's own packages are not changed.
get_qemu() {
    local apt=$work/apt
    mkdir -p "$apt"/{lists,archives}/partial
    touch "$apt/status"
    echo "deb [signed-by=$keyring] $mirror $qemu_release main" >"$apt/sources.list"
    local options=(-qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$apt/lists" -o Dir::State::Status="$apt/status" -o Dir::Cache::Archives="$apt/archives"
        -o Dir::Cache::SrcPkgCache= -o Dir::Cache::PkgCache= -o Acquire::Languages=none -o APT::Sandbox::User=root)
    (cd "$apt" && apt-get "${options[@]}" update && apt-get "${options[@]}" download qemu-user) ||
        skip "qemu-user of $qemu_release is not to be had here"
    dpkg-deb --fsys-tarfile "$apt"/qemu-user_*.deb | tar -xO ./usr/bin/qemu-aarch64 >"$work/qemu"
    chmod +x "$work/qemu"
    mv "$work/qemu" "$qemu"
}

# Unpacked and not configured: the scripts of the packages would take minutes under emulation, and Python does not need
# them.
get_root() {
    command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --no-install-recommends debootstrap >/dev/null || skip "debootstrap cannot be installed"
    debootstrap --foreign --arch=arm64 --variant=minbase --include=python3-venv,python3-numpy --keyring="$keyring" \
        "$release" "$work/root" "$mirror" >"$work/log" || { cat "$work/log"; echo "debootstrap of $release fails"; exit 1; }
    local package
    for package in "$work"/root/var/cache/apt/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --skip-old-files -C "$work/root"
        rm "$package"
    done
    local library
    for library in blas lapack; do # the scripts of the packages would have selected one
        ln -s "$library/lib$library.so.3" "$work/root/usr/lib/aarch64-linux-gnu/lib$library.so.3"
    done
    [ ! -L "$work/root/proc" ] || rm "$work/root/proc" # to this machine's, where debootstrap takes it for a container
    mkdir -p "$work/root"/{proc,source,wheels}
    mv "$work/root" "$root"
}

start=$SECONDS
{ [ -x "$qemu" ] && [ -d "$root" ]; } || { echo "Building the root and its environments: some minutes, once."; find_mirror; }
[ -x "$qemu" ] || get_qemu
[ -d "$root" ] || get_root

# The wheels for the root are downloaded outside, by the names of its platform: glibc 2.17 to 2.36 (Bookworm).
platforms=(--platform manylinux2014_aarch64)
for minor in {17..36}; do
    platforms+=(--platform "manylinux_2_${minor}_aarch64")
done
made_of=$(cat constraints.txt edge/pyproject.toml "$script" | sha256sum)
[ "$(cat "$store/made-of" 2>/dev/null)" = "$made_of" ] || rm -rf "$store"/{host,wheels,made-of} "$root"/opt/*

[ -x "$store/host/bin/pip" ] || "$python" -m venv --clear "$store/host"
pip() {
    "$store/host/bin/pip" --quiet --disable-pip-version-check "$@"
}
cp -r edge "$work/edge" # setuptools builds beside the sources
rm -rf "$work/edge/build"
pip wheel --no-deps --wheel-dir "$work" "$work/edge"
if [ ! -e "$store/made-of" ]; then
    rm -rf "$store/wheels"
    pip download --dest "$store/wheels" --only-binary :all: --python-version 3.11 "${platforms[@]}" -c constraints.txt \
        "$(echo "$work"/tlpipe_edge-*.whl)[litert,tflite-runtime]" pytest
fi
cp "$work"/tlpipe_edge-*.whl "$store/wheels"

# From here on the kernel runs aarch64 programs, also those of other users. The last of several handlers wins. F opens
# qemu now, because it has no path inside the root. The numbers are an ELF header: 64 bits, EM_AARCH64 (183).
[ -e "$binfmt/register" ] || mount -t binfmt_misc binfmt_misc "$binfmt" || skip "binfmt_misc cannot be mounted"
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf '%s' ":$handler:M::$magic:$mask:$qemu:F" >"$binfmt/register" || skip "binfmt_misc takes no handler here"

mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$store/wheels" "$root/wheels"
mount --bind "$PWD" "$root/source"
mount -o remount,bind,ro "$root/source"

# inside CPU COMMAND...: in the root, on a Cortex-A72 as in a Raspberry Pi 4, or on the A76 of a 5, with dot products.
inside() {
    local cpu=$1
    shift
    chroot "$root" /usr/bin/env -i -C /source PATH=/usr/bin:/bin HOME=/root USER=root LANG=C.UTF-8 \
        PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels QEMU_CPU="$cpu" "$@"
}
[ "$(inside cortex-a72 uname -m)" = aarch64 ]

# on_both FUNCTION: for each runtime, in parallel: each emulated program uses one core.
on_both() {
    "$1" tflite-runtime &>"$work/log" &
    local beside=$! failed=0
    "$1" ai-edge-litert &
    wait $! || failed=1
    wait "$beside" || failed=1
    cat "$work/log"
    return "$failed"
}

# One environment for each runtime. That of LiteRT is as in the README for Raspberry Pi OS: it uses Debian's packages, and
# Debian's NumPy 1.24 has to stay. What is slow under emulation is done outside, by the same version of Python: pip is
# copied, once for both, and the modules are compiled.
environments() {
    inside cortex-a72 python3 -m venv --system-site-packages --without-pip /opt/ai-edge-litert
    inside cortex-a72 python3 -m venv --without-pip /opt/tflite-runtime
    cp -r "$store/host/lib/python3.11/site-packages/pip" "$root/opt/ai-edge-litert/lib/python3.11/site-packages"
}
pip_inside() {
    inside cortex-a72 /opt/ai-edge-litert/bin/python -m pip --quiet --python "/opt/$1" "${@:2}"
}
install() {
    pip_inside "$1" install --no-compile --root-user-action ignore "${@:2}"
    "$python" -m compileall -q -s "$root" -p / "$root/opt/$1/lib" >/dev/null || true # a file of a newer syntax stays as it is
}
install_all() {
    if [ "$1" = ai-edge-litert ]; then
        install "$1" tlpipe-edge pytest
    else
        install "$1" "tlpipe-edge[$1]" pytest
        pip_inside "$1" uninstall --yes ai-edge-litert
    fi
}
install_again() {
    install "$1" --no-deps --force-reinstall tlpipe-edge
}
if [ ! -e "$store/made-of" ]; then
    environments
    on_both install_all
    echo "$made_of" >"$store/made-of"
    echo "built in $((SECONDS - start)) s"
else
    on_both install_again
fi

check() {
    inside cortex-a72 "/opt/$1/bin/python" - "$1" <<'END'
import platform, sys
import numpy
from tlpipe_edge.tflite import interpreter
name, version = interpreter.find("auto")
assert name == sys.argv[1], f"{name} in the environment of {sys.argv[1]}"
apt = numpy.__file__.startswith("/usr/lib/python3/dist-packages/")
assert apt == (name == "ai-edge-litert"), f"NumPy {numpy.__version__} from {numpy.__file__}"
print(f"\n{name} {version}, NumPy {numpy.__version__}, Python {platform.python_version()}, {platform.machine()}", flush=True)
END
    inside cortex-a76 "/opt/$1/bin/python" -m pytest -p no:cacheprovider -m arm64 tests/edge/classify/test_golden.py
    inside cortex-a72 "/opt/$1/bin/python" -m pytest -p no:cacheprovider -m arm64 tests/edge
}
on_both check
"$qemu" --version | head -n 1
echo "test-arm64: $((SECONDS - start)) s"
