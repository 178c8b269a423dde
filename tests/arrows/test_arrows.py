"""Holds the layout of the project, and shows for every rule that it can fail."""
import pathlib
import warnings

import pytest
import rules

ROOT = pathlib.Path(__file__).resolve().parents[2]

HELD = [rules.include_arrows, rules.link_arrows, rules.core_is_pure, rules.platform_names, rules.header_prose,
        rules.long_files, rules.unfinished_words, rules.unlisted_libraries, rules.programs_without_a_line, rules.unformatted]


@pytest.mark.parametrize("rule", HELD, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule):
    violations = rule(str(ROOT))
    assert not violations, "\n" + "\n".join(violations)


def test_long_functions_are_named():
    for violation in rules.long_functions(str(ROOT)):
        warnings.warn(violation)


PACKAGES = "[build]\npkg-config:hiredis libhiredis-dev\n"

# rule, {path: text} of a tree that breaks it, words that the violation must contain
BROKEN = [
    (rules.include_arrows, {"lib/base/a.c": '#include "lib/core/b.h"\n'}, "lib/base/a.c:1: uses lib/core/b.h"),
    (rules.include_arrows, {"lib/core/a.c": '\n#include "lib/lane/lane.h"\n'}, "lib/core/a.c:2"),
    (rules.include_arrows, {"lib/lane/a.c": '#include "lib/core/case.h"\n'}, "lib/lane may use only"),
    (rules.include_arrows, {"lib/web/a.h": '#include "adapters/adapter.h"\n'}, "lib/web/a.h:1"),
    (rules.include_arrows, {"consumers/router/a.c": '#include "consumers/sla/b.h"\n'}, "another part's own file"),
    (rules.include_arrows, {"consumers/router/a.c": '#include "../sla/b.h"\n', "consumers/sla/b.h": ""}, "another part's"),
    (rules.include_arrows, {"consumers/router/a.c": '#include "producers/gateway/b.h"\n'}, "consumers may use only"),
    (rules.include_arrows, {"producers/gateway/a.c": '#include "adapters/wechat/w.h"\n'}, "found by name"),
    (rules.include_arrows, {"adapters/weibo/a.c": '#include "adapters/wechat/w.h"\n'}, "another part's own file"),
    (rules.include_arrows, {"lib/base/a.c": '#include "tests/unit/helper.h"\n'}, "no layer has"),
    (rules.include_arrows, {"lib/new/a.c": '#include "lib/base/b.h"\n'}, "stands in no layer"),
    (rules.include_arrows, {"lib/base/a.c": '#include "lib/new/b.h"\n'}, "no layer has"),
    (rules.link_arrows, {"lib/base/CMakeLists.txt": "hy_library(hy_base SOURCES a.c)\n",
                         "lib/core/CMakeLists.txt": "hy_library(hy_core SOURCES a.c LINK hy_lane)\n",
                         "lib/lane/CMakeLists.txt": "hy_library(hy_lane SOURCES a.c\n  LINK hy_base)\n"}, "links hy_lane"),
    (rules.link_arrows, {"consumers/sla/CMakeLists.txt": "hy_program(sla SOURCES a.c)\n",
                         "consumers/router/CMakeLists.txt": "hy_program(router SOURCES a.c)\n"
                                                            "target_link_libraries(router PRIVATE sla_lib)\n"}, "links sla_lib"),
    (rules.core_is_pure, {"lib/core/a.c": "#include <uv.h>\n"}, "includes uv.h"),
    (rules.core_is_pure, {"lib/core/a.c": "#include <librdkafka/rdkafka.h>\n"}, "includes librdkafka"),
    (rules.core_is_pure, {"lib/core/a.c": "void f(void) {\n    FILE *f = fopen(p, m);\n}\n"}, "a.c:2: the pure core calls fopen()"),
    (rules.core_is_pure, {"lib/core/a.c": "int64_t f(void) {\n    return time(NULL);\n}\n"}, "calls time()"),
    (rules.core_is_pure, {"lib/core/a.c": "static int counter;\n"}, "a variable of the whole program"),
    (rules.core_is_pure, {"lib/core/a.c": "static char cache[64] = {0};\n"}, "a variable of the whole program"),
    (rules.core_is_pure, {"lib/core/x.cmake": "hy_library(hy_x SOURCES x.c LINK PkgConfig::HIREDIS)\n"}, "links"),
    (rules.platform_names, {"adapters/wechat/w.c": "", "lib/web/a.c": 'if (!strcmp(name, "wechat"))\n'}, "lib/web/a.c:1"),
    (rules.platform_names, {"adapters/wechat/w.c": "", "producers/gateway/a.c": "hy_wechat_verify(x);\n"}, "gateway/a.c:1"),
    (rules.platform_names, {"adapters/wechat/w.c": "", "adapters/registry.c": "&hy_adapter_wechat,\n&hy_wechat_more,\n"},
     "registered more than once"),
    (rules.platform_names, {"adapters/web/w.c": "", "lib/web/a.c": 'hy_web_go(1);\nif (!strcmp(name, "web"))\n'}, "lib/web/a.c:2"),
    (rules.header_prose, {"lib/base/a.h": "// A header.\n#ifndef A\n"}, "opens with 1 lines of prose"),
    (rules.long_files, {"lib/base/a.c": "\n" * 801}, "801 lines"),
    (rules.long_functions, {"lib/base/a.c": "static int f(int a,\n             int b) {\n" + "    a++;\n" * 60 + "}\n"}, "62 lines"),
    (rules.unfinished_words, {"docs/a.md": "a\nTO" "DO: more\n"}, "docs/a.md:2"),
    (rules.unfinished_words, {"docs/a.md": "see /ro" "ot/x\n"}, "docs/a.md:1"),
    (rules.unlisted_libraries, {"deploy/packages": PACKAGES, "lib/x/CMakeLists.txt":
                                "pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)\n"}, "the pkg-config libuv"),
    (rules.unlisted_libraries, {"deploy/packages": PACKAGES, "tools/x/CMakeLists.txt": "find_library(CSV csv REQUIRED)\n"},
     "the library csv"),
    (rules.unlisted_libraries, {"deploy/packages": PACKAGES, "proto/CMakeLists.txt": "find_program(P protoc-c)\n"},
     "the command protoc-c"),
    (rules.programs_without_a_line, {"deploy/programs": "sla 1 9104\n", "consumers/sla/CMakeLists.txt": "hy_program(sla)\n",
                                     "consumers/router/CMakeLists.txt": "hy_program(router SOURCES a.c)\n"}, "router is built"),
    (rules.programs_without_a_line, {"deploy/programs": "sla 1 9104\n"}, "sla is not built"),
    (rules.unformatted, {".clang-format": "BasedOnStyle: LLVM\n", "lib/base/a.c": "int  f( void ){return 1;}\n"}, "lib/base/a.c"),
]


@pytest.mark.parametrize("rule, tree, words", BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_the_rule_can_fail(tmp_path, rule, tree, words):
    grow(tmp_path, tree)
    violations = rule(str(tmp_path))
    assert len(violations) == 1 and words in violations[0], violations


SOUND = {
    "deploy/packages": PACKAGES,
    "deploy/programs": "# name\nrouter 1 9102\n",
    "lib/base/a.h": "// A header that says what it is for, in prose,\n// what a caller must know before using it,\n"
                    "// and how to extend it when a new kind comes.\n#ifndef A\n#endif\n",
    "lib/core/a.c": '#include "lib/base/a.h"\n#include <stdio.h>\n// Calls no fopen( and no time( of its own.\n'
                    'static const int LIMIT = 3;\nstatic int add(int a, int b);\n\nstatic int add(int a, int b) {\n'
                    '    return a + b + deadline.time(LIMIT);\n}\n',
    "lib/fold/CMakeLists.txt": "pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)\n"
                               "hy_library(hy_fold SOURCES a.c LINK hy_base PkgConfig::HIREDIS)\n",
    "lib/base/CMakeLists.txt": "hy_library(hy_base SOURCES a.c)\n",
    "adapters/wechat/w.c": '#include "adapters/adapter.h"\n#include "lib/core/a.h"\nstatic const char NAME[] = "wechat";\n',
    "adapters/registry.c": "    &hy_adapter_wechat,\n",
    "consumers/router/a.c": '#include "consumers/router/b.h"\n#include "adapters/adapter.h"\n// as wechat does\n',
    "consumers/router/CMakeLists.txt": "hy_program(router SOURCES a.c LINK hy_base hy_fold)\n",
}


@pytest.mark.parametrize("rule", [r for r in HELD if r is not rules.unformatted], ids=lambda rule: rule.__name__)
def test_the_rule_lets_a_sound_tree_pass(tmp_path, rule):
    grow(tmp_path, SOUND)
    assert rule(str(tmp_path)) == []


def grow(root, tree):
    for path, text in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
