# Shell functions that deploy/up and tests/run share; sourced by bash, not run. They print one line a step with its
# time, keep the output of each step in a log, and on failure say which step it was, why, and where the log is.
# To add a step to a script: hy_step LOGNAME "what it does" command...
# Set before sourcing: HY_ROOT (the project's folder), HY_LOGS (where logs go), HY_SELF (the command's name, for messages).

hy_die() { # STATUS MESSAGE...: ends the script
    local status=$1
    shift
    printf '%s: %s\n' "$HY_SELF" "$*" >&2
    exit "$status"
}

hy_now_ms() { # time since an arbitrary start, for differences; needs no other program
    local t=${EPOCHREALTIME/[.,]/}
    echo "${t%???}"
}

hy_seconds() { # MILLISECONDS → "12.3 s"
    printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100))
}

# hy_step LOGNAME TEXT COMMAND...: runs COMMAND with its output in HY_LOGS/LOGNAME.log. The line shows the text at once
# and its time at the end. A failure ends the script with the command's status.
hy_step() {
    local log="$HY_LOGS/$1.log" text=$2 begin status=0
    shift 2
    mkdir -p "$HY_LOGS"
    printf '%-58s ' "$text"
    begin=$(hy_now_ms)
    "$@" >"$log" 2>&1 </dev/null 9>&- || status=$? # 9 is the lock of deploy/up: no child may keep it
    if [ "$status" -eq 0 ]; then
        hy_seconds $(($(hy_now_ms) - begin))
        echo
        return 0
    fi
    printf 'FAILED after %s\n' "$(hy_seconds $(($(hy_now_ms) - begin)))"
    {
        echo "$HY_SELF: step failed: $text"
        echo "  command: $* (exit $status)"
        echo "  why, the end of its log:"
        tail -n 15 "$log" | sed 's/^/    /'
        echo "  log: $log"
    } >&2
    exit "$status"
}

# True when the check of a line in deploy/packages holds on this machine.
hy_have() {
    local kind=${1%%:*} name=${1#*:}
    case $kind in
    command) command -v "$name" >/dev/null 2>&1 ;;
    pkg-config) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "$name" 2>/dev/null ;;
    file) compgen -G "$name" >/dev/null ;;
    python) command -v python3 >/dev/null 2>&1 && python3 -c "import $name" >/dev/null 2>&1 ;;
    *) hy_die 2 "deploy/packages: unknown kind of check \"$1\"; use command:, pkg-config:, file: or python:" ;;
    esac
}

# hy_missing GROUP...: one line "CHECK PACKAGE" for each line of these groups whose check fails.
hy_missing() {
    local wanted=" $* " group="" check package
    while read -r check package; do
        case $check in
        '' | '#'*) continue ;;
        '['*']') group=${check#[} && group=${group%]} ;;
        *)
            [[ $wanted == *" $group "* ]] || continue
            [ -n "$package" ] || hy_die 2 "deploy/packages: no package after \"$check\""
            hy_have "$check" || echo "$check $package"
            ;;
        esac
    done <"$HY_ROOT/deploy/packages"
}

# hy_install GROUP...: what is missing, as root by apt-get; an ordinary user is told the one command to run.
hy_install() {
    local missing packages
    missing=$(hy_missing "$@") || exit $?
    [ -n "$missing" ] || return 0
    packages=$(awk '{ print $2 }' <<<"$missing" | sort -u | tr '\n' ' ')
    packages=${packages% }
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        {
            echo "$HY_SELF: this machine lacks:"
            awk '{ print "    " $1 }' <<<"$missing"
            echo "Install them with this line, then run $HY_SELF again:"
            echo "    sudo apt-get install -y --no-install-recommends $packages"
        } >&2
        exit 2
    fi
    hy_step packages-update "refreshing the package lists" apt-get update -q
    # shellcheck disable=SC2086 # one word a package
    hy_step packages "installing $(wc -w <<<"$packages") missing packages" hy_apt_install $packages
    missing=$(hy_missing "$@") || exit $?
    [ -z "$missing" ] || hy_die 1 "after installing, still missing: $(awk '{ print $1 }' <<<"$missing" | tr '\n' ' ')
  Look at $HY_LOGS/packages.log. A command of another origin that stands earlier in PATH may hide Debian's."
}

# Installs without letting a package start its own service: Redis would take the port of ours. A policy-rc.d that the
# machine already has stays; the units that this call brought are switched off for the next boot too.
hy_apt_install() ( # a subshell, so that the clean-up is its own
    policy=/usr/sbin/policy-rc.d status=0
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    before=$(ls /lib/systemd/system 2>/dev/null || true)
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=180 -o Dpkg::Use-Pty=0 "$@" || status=$?
    if [ -d /run/systemd/system ]; then
        after=$(ls /lib/systemd/system 2>/dev/null || true)
        comm -13 <(sort <<<"$before") <(sort <<<"$after") | grep -E '^[^@]+\.(service|timer)$' |
            xargs -r systemctl disable --quiet || true
    fi
    exit "$status"
)
