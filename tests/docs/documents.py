"""What documents say that a machine can check: paths, links, and the commands they tell a reader to type.

A document is a Markdown file in the project's root, in docs/ or in another folder of ours. A command is a line of a fenced
sh block, or inline code whose first word is one of our scripts. To check another tool's options, add it to ASK_HELP.
"""
import os
import pathlib
import re
import subprocess

SKIPPED = {".git", "build", "var", "node_modules"}
OUR_FOLDERS = ("deploy/", "tests/", "lib/", "proto/", "adapters/", "producers/", "consumers/", "tools/", "docs/", "cmake/")
ASK_HELP = ("deploy/up", "deploy/down", "deploy/kafka/run", "tests/run", "tests/bench/run")


def documents(root):
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in SKIPPED)
        for name in sorted(names):
            if name.endswith(".md"):
                yield pathlib.Path(folder, name)


def fenced(text, language="sh"):
    """The blocks of a language, each as text."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def inline(text):
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def commands(text):
    """[words] of everything a reader is told to type."""
    found = [line.split("#")[0].split() for block in fenced(text) for line in block.splitlines()]
    found += [code.split() for code in inline(text) if code.startswith(ASK_HELP)]
    return [words for words in found if words]


def missing_paths(root):
    found = []
    for document in documents(root):
        text = document.read_text()
        named = [word.rstrip(".,:;") for code in inline(text) for word in code.split()]
        named += [words[0] for words in commands(text)]
        for path in sorted(set(named)):
            plain = not re.search(r"[<>*{}$…=]", path)
            if path.startswith(OUR_FOLDERS) and plain and not (root / path).exists():
                found.append(f"{document.relative_to(root)}: names {path}, which does not exist")
    return found


def broken_links(root):
    found = []
    for document in documents(root):
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            path = target.split("#")[0]
            if path and "://" not in path and not (document.parent / path).exists():
                found.append(f"{document.relative_to(root)}: links {target}, which does not exist")
    return found


def unknown_options(root):
    """Options that a document uses and the script's own --help does not name."""
    found, helps = [], {}
    for document in documents(root):
        for words in commands(document.read_text()):
            if words[0] not in ASK_HELP or not (root / words[0]).exists():
                continue
            if words[0] not in helps:
                helps[words[0]] = subprocess.run([root / words[0], "--help"], capture_output=True, text=True, check=True).stdout
            for option in (w.split("=")[0] for w in words[1:] if w.startswith("--")):
                if option != "--help" and not re.search(rf"(?<![\w-]){option}(?![\w-])", helps[words[0]]):
                    found.append(f"{document.relative_to(root)}: {words[0]} {option}: its --help does not know it")
    return found


def different_readmes(root):
    """Both READMEs tell the same commands in the same order."""
    told = {name: fenced((root / name).read_text()) for name in ("README.md", "README.zh-CN.md")}
    return [] if told["README.md"] == told["README.zh-CN.md"] else [f"the READMEs tell different commands: {told}"]


def hyctl_commands(root):
    """{(words of a hyctl command): document that names it}, from inline code and sh blocks: `hyctl work list --json` and
    `…/bin/hyctl work list` are both ("work", "list")."""
    named = {}
    for document in documents(root):
        text = document.read_text()
        for code in inline(text) + [line for block in fenced(text) for line in block.splitlines()]:
            for call in re.findall(r"(?:^|[\s|/])hyctl((?: [a-z][a-z-]*){1,2})(?![\w/])", code):
                named.setdefault(tuple(call.split()), document.relative_to(root))
    return named
