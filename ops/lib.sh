# What ops/up and ops/test share: finding the toolchain, installing packages, building. Sourced, never run.
# Everything it says goes to standard error: standard output belongs to the program.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }

# die STATUS LINE...: the lines, then the end.
die() {
  local status=$1
  shift
  printf 'error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit "$status"
}

# Paths that the caller gave relative to his folder; we work in the checkout.
make_absolute() {
  local name
  for name in "$@"; do
    if [[ -n ${!name:-} && ${!name} != /* ]]; then export "$name=$PWD/${!name}"; fi
  done
}

swift_help=(
  "Counterfoil needs the Swift toolchain 6.3 or newer, and nothing else that it can't install itself. Two ways to get it:"
  "  swiftly   curl -O https://download.swift.org/swiftly/linux/swiftly-\$(uname -m).tar.gz && tar zxf swiftly-\$(uname -m).tar.gz && ./swiftly init"
  "  archive   https://www.swift.org/install/linux : unpack the one for Debian 12 or your Ubuntu, put its usr/bin on PATH"
)

# Only whether there is a toolchain: it can't start before its own libraries are installed.
find_swift() {
  command -v swift >/dev/null || die 69 "there is no 'swift' on PATH." "${swift_help[@]}"
}

# The version, once it can start.
check_swift() {
  local text version
  text=$(swift --version 2>&1) || die 69 "'swift --version' fails:" "$text"
  [[ $text =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || die 69 "'swift --version' says something unexpected:" "$text"
  version=${BASH_REMATCH[1]}.${BASH_REMATCH[2]}
  if ((BASH_REMATCH[1] < 6 || (BASH_REMATCH[1] == 6 && BASH_REMATCH[2] < 3))); then
    die 69 "this is Swift $version; 6.3 or newer is needed." "${swift_help[@]}"
  fi
}

# The toolchain's own needs (the archive brings neither linker nor C library), ours to build, ours to run.
toolchain_packages=(binutils g++ libc6-dev libcurl4-openssl-dev libncurses6 libsqlite3-0 libxml2 tzdata zlib1g-dev)
build_packages=(ca-certificates libcurl4-openssl-dev libpq-dev libssl-dev pkg-config)
run_packages=(postgresql procps tzdata)

# missing PACKAGE...: those that are not installed, in `lacking`.
missing() {
  lacking=()
  local name
  for name in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || lacking+=("$name")
  done
}

# A PostgreSQL server of a version that we can use, whoever installed it.
has_postgresql() {
  local folder
  for folder in /usr/lib/postgresql/*/bin; do
    [[ $folder =~ /([0-9]+)/bin$ ]] && ((BASH_REMATCH[1] >= 15)) && [[ -x $folder/initdb && -x $folder/postgres ]] && return 0
  done
  folder=$(command -v initdb) && [[ $("$folder" --version) =~ \ ([0-9]+) ]] && ((BASH_REMATCH[1] >= 15))
}

# install PACKAGE...: by apt, asking nothing. Silent when all are there.
install() {
  if ! command -v apt-get >/dev/null; then
    say "This is not a Debian or Ubuntu machine: going on with what it has. Needed are the equivalents of: $*"
    return
  fi
  local wanted=("$@") name
  if has_postgresql; then
    wanted=()
    for name in "$@"; do [[ $name == postgresql ]] || wanted+=("$name"); done
  fi
  missing $(printf "%s\n" "${wanted[@]}" | sort -u)
  ((${#lacking[@]})) || return 0
  local become=()
  if ((EUID != 0)); then
    become=(sudo -n)
    sudo -n true 2>/dev/null || die 77 "packages are missing, and neither are you root nor may you use sudo without a password. Run this, then try again:" \
      "sudo apt-get update && sudo apt-get install -y --no-install-recommends ${lacking[*]}"
  fi
  say "Installing ${#lacking[@]} missing packages by apt: ${lacking[*]}"
  mkdir -p "$root/var"
  local log=$root/var/install.log
  : >"$log"
  run_apt update || apt_failed "$log"
  if [[ " ${lacking[*]} " == *" postgresql "* ]]; then newer_postgresql; fi
  without_main_cluster run_apt install "${lacking[@]}" || apt_failed "$log"
}

# run_apt ACTION PACKAGE...: with the caller's `become` and `log`.
run_apt() {
  local options=(-qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  case $1 in install) options+=(-y --no-install-recommends -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold) ;; esac
  "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" "$@" >>"$log" 2>&1 </dev/null
}

apt_failed() {
  tail -n 20 "$1" >&2
  die 69 "apt could not install what is missing; its whole output is in $1. The packages are: ${lacking[*]}"
}

# Where the distribution's PostgreSQL is older than 15 (Ubuntu 22.04), the PostgreSQL project's own archive is added, by the script that the
# distribution ships for that.
newer_postgresql() {
  local script=/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh name i
  [[ $(apt-cache show postgresql 2>/dev/null) =~ Version:\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= 15)) && return 0
  say "This distribution's PostgreSQL is older than 15: adding the archive apt.postgresql.org."
  run_apt install postgresql-common ca-certificates gnupg || apt_failed "$log"
  "${become[@]}" "$script" -y >>"$log" 2>&1 </dev/null || apt_failed "$log"
  for i in "${!lacking[@]}"; do if [[ ${lacking[i]} == postgresql ]]; then lacking[i]=postgresql-16; fi; done
}

# Debian's packages make and start a cluster of their own on port 5432. We don't need it: where PostgreSQL was never installed, it is left out.
without_main_cluster() {
  local file=/etc/postgresql-common/createcluster.d/counterfoil.conf status=0
  if [[ -n $(dpkg-query -W -f='${db:Status-Status}' postgresql-common 2>/dev/null) && -n $(ls /etc/postgresql 2>/dev/null) ]]; then
    "$@"
    return
  fi
  "${become[@]}" mkdir -p "${file%/*}"
  printf 'create_main_cluster = false\n' | "${become[@]}" tee "$file" >/dev/null
  "$@" || status=$?
  "${become[@]}" rm -f "$file"
  return "$status"
}

# build LOG ARGUMENT...: `swift build ARGUMENT...` with one line of progress; the log's end when it fails.
build() {
  local log=$1 began=$SECONDS step pid status=0
  shift
  mkdir -p "${log%/*}"
  say "Building: swift build $*"
  swift build "$@" >"$log" 2>&1 &
  pid=$!
  if [[ -t 2 ]]; then
    while kill -0 "$pid" 2>/dev/null; do
      step=$(grep -oE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 1 || true)
      printf '\r  %s %d s ' "${step:-starting}" $((SECONDS - began)) >&2
      sleep 1
    done
    printf '\r\033[K' >&2
  fi
  wait "$pid" || status=$?
  if ((status)); then
    grep -E 'error:' "$log" | head -n 20 >&2 || tail -n 40 "$log" >&2
    tail -n 15 "$log" >&2
    die 70 "the build failed after $((SECONDS - began)) s; its whole output is in $log"
  fi
  say "Built in $((SECONDS - began)) s."
}
