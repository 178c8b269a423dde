"""What the layout of the project forbids, as functions from the project's folder to a list of violations ("file:line: why").

design.md section 9 draws the arrows: programs → adapters → lib/{lane,fold,web} → lib/base, and programs and adapters →
lib/core → lib/base. To add a rule: a function here that returns violations, a line in test_arrows.py for the project, and
a small bad tree there that shows that the rule can fail. To add a layer: its row in MAY_USE.
"""
import os
import re
import subprocess

SKIPPED = {".git", "build", "var", "node_modules", "__pycache__", ".venv"}

# Layer → layers whose headers it may include and whose libraries it may link (its own folder always).
LIBRARIES = ["lib/base", "lib/core", "lib/lane", "lib/fold", "lib/web", "lib/run"]
MAY_USE = {
    "proto": [],
    "lib/base": [],
    "lib/core": ["proto", "lib/base"],
    "lib/lane": ["proto", "lib/base"],
    "lib/fold": ["proto", "lib/base", "lib/lane"],  # a fold reads the topics of lib/lane's table
    "lib/web": ["proto", "lib/base"],
    "lib/run": ["proto", "lib/base", "lib/core", "lib/lane", "lib/web"],  # a program's life: joins all, knows no program
    "adapters": ["proto", "lib/base", "lib/core", "lib/lane", "lib/fold", "lib/web"],
    "producers": ["proto", *LIBRARIES, "adapters"],
    "consumers": ["proto", *LIBRARIES, "adapters"],
    "tools": ["proto", *LIBRARIES, "adapters"],
}
PROGRAM_LAYERS = ("producers", "consumers", "tools")

# The pure core: no I/O, no clock, no threads, no environment. stdio.h is there for snprintf alone.
IMPURE_HEADERS = re.compile(
    r"#\s*include\s*<(librdkafka/.*|hiredis/.*|sqlite3\.h|uv\.h|uv/.*|microhttpd\.h|curl/.*|sys/.*|unistd\.h|fcntl\.h|"
    r"pthread\.h|threads\.h|signal\.h|netdb\.h|netinet/.*|arpa/.*|dirent\.h|poll\.h)>")
IMPURE_CALLS = re.compile(
    r"(?<![\w.>])(fopen|freopen|fdopen|openat|popen|system|getenv|secure_getenv|setenv|time|clock|"
    r"clock_gettime|gettimeofday|timespec_get|localtime|localtime_r|mktime|tzset|rand|random|srand|getrandom|printf|"
    r"puts|perror|abort|exit|sleep|usleep|nanosleep|hy_clock_now|hy_log_write|hy_config_main)\s*\(")
IMPURE_LINKS = re.compile(r"PkgConfig::\w*(RDKAFKA|HIREDIS|SQLITE|LIBUV|UV|MICROHTTPD|MHD|CURL)\w*|Threads::Threads", re.I)
LONGEST_FILE, LONGEST_FUNCTION, LEAST_PROSE = 800, 60, 3


def files(root, *endings):
    """Paths relative to root of all files that end so, in order; built and fetched things are not ours."""
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in SKIPPED)
        for name in sorted(names):
            if name.endswith(endings) and name not in SKIPPED and not os.path.islink(os.path.join(folder, name)):
                found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def lines(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as text:
        return text.read().splitlines()


def without_comments(source):
    """C source lines with comments and texts blanked, so that a word in prose is no call."""
    text = "\n".join(source)
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))  # noqa: E731
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', lambda m: '""' + " " * (len(m.group(0)) - 2), text)
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    return re.sub(r"//[^\n]*", blank, text).splitlines()


def layer_of(path):
    """("lib/core", "") or ("consumers", "router"): the layer and, below it, the part; (None, "") outside the layers."""
    parts = path.split("/")
    for depth in (2, 1):
        layer = "/".join(parts[:depth])
        if layer in MAY_USE:
            return layer, parts[depth] if len(parts) > depth + 1 else ""
    return None, ""


def forbidden_use(path, used):
    """Why a file at path may not use a file at used, or None."""
    layer, part = layer_of(path)
    other, other_part = layer_of(used)
    if layer is None:
        return None if not path.startswith("lib/") else "stands in no layer: draw its arrows in tests/arrows/rules.py"
    if other is None:
        return f"uses {used}, which no layer has" if used.startswith(("tests/", "lib/")) else None
    if other == layer:
        if layer in PROGRAM_LAYERS + ("adapters",) and other_part and other_part != part:
            return f"uses {used}, another part's own file"
        return None
    if other not in MAY_USE[layer]:
        return f"uses {used}: {layer} may use only {', '.join(MAY_USE[layer]) or 'itself'}"
    if other == "adapters" and other_part:
        return f"uses {used}: an adapter is found by name, only adapters/*.h is for others"
    return None


def include_arrows(root):
    found = []
    for path in files(root, ".c", ".h"):
        for number, line in enumerate(lines(root, path), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if match and (why := forbidden_use(path, local_header(root, path, match.group(1)))):
                found.append(f"{path}:{number}: {why}")
    return found


def local_header(root, path, name):
    """The header's path from the root: as written, or beside the file that includes it."""
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return name if os.path.exists(os.path.join(root, name)) or not os.path.exists(os.path.join(root, beside)) else beside


def cmake_targets(root):
    """{target: folder} of all our libraries and programs."""
    owners = {}
    for path in files(root, "CMakeLists.txt", ".cmake"):
        for line in lines(root, path):
            match = re.match(r"\s*(hy_library|hy_program|add_library|add_executable)\(([\w-]+)", line)
            if match and not path.startswith(("cmake/", "tests/")):
                owners[match.group(2)] = os.path.dirname(path)
                if match.group(1) == "hy_program":
                    owners[match.group(2).replace("-", "_") + "_lib"] = os.path.dirname(path)
    return owners


def link_arrows(root):
    owners, found = cmake_targets(root), []
    for path in files(root, "CMakeLists.txt", ".cmake"):
        if path.startswith(("cmake/", "tests/")) or layer_of(path)[0] is None:
            continue
        text = "\n".join(re.sub(r"#.*", "", line) for line in lines(root, path))
        for call in re.finditer(r"(target_link_libraries|hy_library|hy_program)\s*\(([^)]*)\)", text):
            words = call.group(2).split()
            links = words[1:] if call.group(1) == "target_link_libraries" else words[words.index("LINK") + 1:] if "LINK" in words else []
            for target in links:
                if target in owners and (why := forbidden_link(path, owners[target])):
                    found.append(f"{path}: links {target}: {why}")
    return found


def forbidden_link(path, folder):
    if folder.split("/")[0] == "adapters" and layer_of(path)[0] in PROGRAM_LAYERS + ("adapters",):
        return None  # which adapters are built in is said by linking them
    return forbidden_use(path, folder + "/x.h")


def core_is_pure(root):
    found = []
    for path in files(root, ".c", ".h"):
        if not path.startswith("lib/core/") or path.startswith("lib/core/gen/"):  # gen makes tables at build time
            continue
        for number, line in enumerate(without_comments(lines(root, path)), 1):
            if IMPURE_HEADERS.match(line):
                found.append(f"{path}:{number}: the pure core includes {line.split('<')[1].rstrip('> ')}")
            if match := IMPURE_CALLS.search(line):
                found.append(f"{path}:{number}: the pure core calls {match.group(1)}()")
            if re.match(r"(static\s+)?(_Thread_local\s+)?(?!.*\bconst\b)[A-Za-z_][\w\s*]*\b\w+(\[[^\]]*\])*\s*(=.*|;)$", line) \
                    and re.match(r"static\b|_Thread_local\b", line):
                found.append(f"{path}:{number}: the pure core keeps a variable of the whole program")
    for path in files(root, "CMakeLists.txt", ".cmake"):
        if path.startswith("lib/core/"):
            for number, line in enumerate(lines(root, path), 1):
                if IMPURE_LINKS.search(line):
                    found.append(f"{path}:{number}: the pure core links {line.strip()}")
    return found


def platforms(root):
    folder = os.path.join(root, "adapters")
    if not os.path.isdir(folder):
        return []
    return sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))


def platform_names(root):
    """A platform's name stands in its own folder and, outside, in one line of adapters/ that registers it."""
    found = []
    for name in platforms(root):
        word, registrations = platform_word(root, name), []
        for path in files(root, ".c", ".h"):
            layer, part = layer_of(path)
            if layer in (None, "proto") or (layer == "adapters" and part == name):
                continue
            source = lines(root, path)
            code = without_comments(source)
            for number, line in enumerate(source, 1):
                # A quoted name counts, a comment that gives an example does not.
                if word.search(line) and (word.search(code[number - 1]) or word.search(quoted(line))):
                    where = f"{path}:{number}: names the platform {name}"
                    registrations.append(where) if layer == "adapters" else found.append(where)
        found += [f"{where}: registered more than once" for where in registrations[1:]]
    return found


def platform_word(root, name):
    """How a platform's name is recognised: as a word; where a layer bears the same name (web), as a whole text or path."""
    if os.path.isdir(os.path.join(root, "lib", name)):
        return re.compile(rf'(?<![^"]){name}(?![^"])|adapters?[_/]{name}(?![a-z])', re.I)
    return re.compile(rf"(?<![a-z]){name}(?![a-z])", re.I)


def quoted(line):
    """The texts of a line, each still in its quotes."""
    return " ".join(re.findall(r'"(?:\\.|[^"\\])*"', re.sub(r"//.*", "", line)))


def header_prose(root):
    found = []
    for path in files(root, ".h"):
        prose = 0
        for line in lines(root, path):
            text = line.strip().lstrip("/*").strip()
            if not line.strip().startswith(("//", "/*", "*")):
                break
            prose += bool(re.search(r"\w", text))
        if prose < LEAST_PROSE:
            found.append(f"{path}:1: opens with {prose} lines of prose, not {LEAST_PROSE}: what it is, how to extend it")
    return found


def long_files(root):
    endings = (".c", ".h", ".py", ".sh", ".cmake", ".txt", ".js", ".css", ".proto", ".lua")
    return [f"{path}: {count} lines, more than {LONGEST_FILE}; split it"
            for path in files(root, *endings) if (count := len(lines(root, path))) > LONGEST_FILE]


def functions(source):
    """[(first line, last line)] of the functions in C source: a block at depth 0 after a closing parenthesis."""
    found, depth, start, head = [], 0, 0, ""
    for number, line in enumerate(without_comments(source), 1):
        if depth == 0 and line.startswith("#"):
            continue
        for char in line:
            if depth == 0:
                if char in ";}":
                    head = ""
                elif char == "{":
                    start = number if head.rstrip().endswith(")") else 0
                else:
                    head += char
            if char in "{}":
                depth = max(0, depth + (1 if char == "{" else -1))
                if depth == 0 and start:
                    found.append((start, number))
                    start, head = 0, ""
        head += " "
    return found


def long_functions(root):
    return [f"{path}:{first}: a function of {last - first + 1} lines, more than {LONGEST_FUNCTION}"
            for path in files(root, ".c", ".h") for first, last in functions(lines(root, path))
            if last - first + 1 > LONGEST_FUNCTION]


UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE = re.compile(r"(?<![\w.])/(ro" r"ot|ho" r"me/\w+|wo" r"rk)/")


def unfinished_words(root):
    found = []
    for path in files(root, ""):
        try:
            source = lines(root, path)
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(source, 1):
            if match := UNFINISHED.search(line) or MACHINE.search(line):
                found.append(f"{path}:{number}: {match.group(0)}")
    return found


def unlisted_libraries(root):
    """What CMake asks the machine for and deploy/packages does not bring would be missed only on a bare machine."""
    rows = [line.split() for line in lines(root, "deploy/packages") if line.strip() and line[0] not in "#["]
    checks, packages = {row[0] for row in rows}, [row[-1] for row in rows]
    found = []
    for path in files(root, "CMakeLists.txt", ".cmake"):
        for number, line in enumerate(lines(root, path), 1):
            for kind, name in asked(re.sub(r"#.*", "", line)):
                listed = any(p.startswith(f"lib{name}") for p in packages) if kind == "library" else f"{kind}:{name}" in checks
                if not listed:
                    found.append(f"{path}:{number}: asks for the {kind} {name}, which deploy/packages does not bring")
    return found


def asked(line):
    """[(kind, name)] of a line of CMake; kinds as in deploy/packages, and library for what pkg-config does not know."""
    if match := re.search(r"pkg_check_modules\(\s*\w+([^)]*)\)", line):
        words = [w for w in match.group(1).split() if not w.isupper()]
        return [("pkg-config", re.split(r"[<>=]", w)[0]) for w in words]
    if match := re.search(r"find_(library|program)\(\s*\w+\s+(?:NAMES\s+)?([\w.+-]+)", line):
        return [("command" if match.group(1) == "program" else "library", match.group(2))]
    return []


def programs_without_a_line(root):
    """Every daemon that is built is also run by deploy/up, and the other way round; replay and hyctl are commands."""
    listed = {line.split()[0] for line in lines(root, "deploy/programs") if line.strip() and not line.startswith("#")}
    built = set()
    for path in files(root, "CMakeLists.txt"):
        if path.startswith(("producers/", "consumers/")):
            built |= set(re.findall(r"hy_program\(([\w-]+)", "\n".join(lines(root, path))))
    built -= {"replay"}
    return [f"deploy/programs: {name} is built but not run by deploy/up" for name in sorted(built - listed)] + \
        [f"deploy/programs: {name} is not built by any CMakeLists.txt" for name in sorted(listed - built)]


def unformatted(root):
    """Files that clang-format-16 would change."""
    ours = files(root, ".c", ".h")
    if not ours:
        return []
    result = subprocess.run(["clang-format-16", "--dry-run", "-Werror", "--ferror-limit=1", *ours], cwd=root,
                            capture_output=True, text=True, check=False)
    return sorted({line.split(": error")[0] for line in result.stderr.splitlines() if ": error" in line})
