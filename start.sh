#!/bin/sh
# Opens the page of Train Tools; makes its environment first where there is none. What stands behind goes on to
# `python -m train_tools start`, as: ./start.sh --port 7871
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
export PYTHONPATH="$here" PYTHONSAFEPATH=1

fits() { # a Python with what an environment is made of (Debian has that in a package of its own)
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' >/dev/null 2>&1
}

for python in "$here/.venv/bin/python" python3.13 python3.12 python3.11 python3.10 python3.14 python3 python; do
    fits "$python" && exec "$python" -m train_tools start "$@"
done

# None fits: a private one, by uv, in this folder.
uv=$(command -v uv) || uv="$here/.python/uv"
export UV_PYTHON_INSTALL_DIR="$here/.python" UV_PYTHON_PREFERENCE=only-managed
if python=$("$uv" python find --no-project 3.12 2>/dev/null) && fits "$python"; then
    exec "$python" -m train_tools start "$@"
fi
echo "No Python from 3.10 to 3.14 is on this machine (on Debian and Ubuntu: sudo apt install python3-venv)."
printf 'Fetch a private one into %s (about 60 MB)? [Y/n] ' "$here/.python"
read -r answer || answer=n
case $answer in [nN]*) exit 1 ;; esac
if ! [ -x "$uv" ]; then
    fetch='curl -LsSf' && command -v curl >/dev/null || fetch='wget -qO-'
    $fetch https://astral.sh/uv/install.sh | UV_UNMANAGED_INSTALL="$here/.python" sh || {
        echo "uv can't be fetched; install Python 3.12 by hand, then start again." && exit 1
    }
fi
"$uv" python install 3.12 && python=$("$uv" python find --no-project 3.12) || exit 1
exec "$python" -m train_tools start "$@"
