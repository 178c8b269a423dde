"""The live page and the citizens' page in a real browser: keyboard, both languages, a telephone's width."""
import os
import pathlib
import shutil

import pytest
from playwright.sync_api import sync_playwright
from world import DAY, Casework

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE, DESK = {"width": 375, "height": 740}, {"width": 1280, "height": 900}
SHOTS = os.environ.get("HY_E2E_SHOTS")  # a folder for pictures of what the tests saw


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as play:
        one = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield one
        one.close()


@pytest.fixture
def town(world):
    one = {"leak": world.open("leak", "水管漏水，路面结冰", "映月小区3栋门口水管破了两天，路面积水结冰，老人摔倒。💧", due_in=DAY),
           "bus": world.open("bus", "24路公交改线后不停学校站", "孩子上学要走两公里", department="jiaotong", due_in=2 * DAY),
           "incident": world.open("停水 映月小区", department="wangxinban", kind="incident", due_in=600_000)}
    late = world.open("late", "路灯不亮", "晚上很黑", due_in=-3_600_000)
    late.clocks[0].state = 3
    world.write(late)
    world.deliver(one["leak"], "receipt", "您的来信已受理，受理编号" + one["leak"].receipt_number + "。")
    world.note("hello", "你好！祝工作顺利")
    wanted = {"open": 4, "late": 1, "incident": 1, "noted": 1}
    world.wait(lambda: wanted.items() <= world.get("operator", "/v1/overview")["totals"].items(), what="all is folded")
    return one


class Visit:
    """A page whose every script error and refused resource fails the test."""

    def __init__(self, browser, size, name, locale="zh-CN", scripts=True):
        self.context = browser.new_context(viewport=size, locale=locale, timezone_id="Asia/Shanghai", java_script_enabled=scripts)
        self.page, self.name, self.faults = self.context.new_page(), name, []
        self.page.set_default_timeout(30000)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda m: m.type == "error" and self.faults.append(m.text))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if SHOTS:
            self.shot("end" if kind is None else "failed")
        self.context.close()
        assert kind or not self.faults, self.faults

    def shot(self, what):
        if SHOTS:
            pathlib.Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{SHOTS}/{self.name}-{what}.png", full_page=True)

    def log_in(self, world, who):
        self.page.goto(f"http://{world.http}/")
        self.page.fill("#token", world.tokens[who])
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#board:not([hidden])")

    def text(self, selector):
        return self.page.inner_text(selector)

    def no_sideways_scrolling(self):
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"


def test_each_figure_opens_its_cases(world, town, browser):
    with Visit(browser, DESK, "desk") as visit:
        visit.log_in(world, "operator")
        visit.page.wait_for_selector("text=实时更新中")
        visit.shot("overview")
        page = visit.page
        for key, count in {"open": 4, "late": 1, "incident": 1, "noted": 1}.items():
            assert visit.text(f"#total-{key} b") == str(count)
            page.click(f"#total-{key}")
            page.wait_for_selector("#list:not([hidden])")
            page.wait_for_function("n => document.querySelectorAll('#cases tbody tr').length === n", arg=count)
            assert visit.text("#list-count").startswith(f"{count} ")
            visit.shot("list-" + key)
            page.click("#list a[data-t=back]")
            page.wait_for_selector("#board:not([hidden])")
        page.click("#departments >> text='2'")
        page.wait_for_selector("#list-title:has-text('水务局')")
        page.click("#cases a >> nth=1")
        page.wait_for_selector("#case-title:has-text('水管漏水')")
        visit.shot("case")
        page.reload()  # from the browser's cache, which must keep the page's own policy
        page.wait_for_selector("#case-body section")
        body = visit.text("#case-body")
        for words in ("答复时限", "计时中", "老人摔倒", "派单目录", "立案", "已送达"):
            assert words in body, words


def test_news_come_without_reloading(world, town, browser):
    with Visit(browser, DESK, "news") as visit:
        visit.log_in(world, "operator")
        assert visit.page.wait_for_selector("#recent li")  # what happened before is there at once
        visit.page.wait_for_selector("#live:has-text('实时更新中')")
        world.open("new", "新来信", "刚刚")
        visit.page.wait_for_function("() => document.querySelector('#total-open b').textContent === '5'")
        visit.page.wait_for_selector("#recent >> text=立案 — 新来信")
        visit.page.click("#total-open")
        visit.page.wait_for_selector("#cases >> text=新来信")
        other = world.open("newer", "更新的来信", "刚刚")
        visit.page.wait_for_selector("#cases >> text=更新的来信")
        visit.page.click("text=" + other.receipt_number)
        visit.page.wait_for_selector("#case-title:has-text('更新的来信')")
        with Casework(world, other):
            world.client("shuiwu").post(f"/v1/cases/{other.id}/acts", json={"verb": "sign", "expects": 1})
            visit.page.wait_for_selector("#case-body >> text=已签收")
        world.dashboard.kill()
        visit.page.wait_for_selector("#live:has-text('正在重连')")
        visit.page.wait_for_selector("#live:has-text('实时更新中')", timeout=30000)
        visit.faults = [f for f in visit.faults if "ERR_" not in f]  # the broken line itself


def test_the_page_is_used_by_keyboard_alone(world, town, browser):
    with Visit(browser, DESK, "keys") as visit:
        page = visit.page
        page.goto(f"http://{world.http}/")
        page.wait_for_selector("#token:focus")
        page.keyboard.type(world.tokens["operator"])
        page.keyboard.press("Enter")
        page.wait_for_selector("#board:not([hidden])")
        seen = []
        for _ in range(12):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert "total-open" in seen and "total-late" in seen, seen
        page.focus("#total-late")
        page.wait_for_timeout(1500)  # drawn anew meanwhile
        assert page.evaluate("document.activeElement.id") == "total-late"
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        page.keyboard.press("Enter")
        page.wait_for_selector("#list:not([hidden])")
        assert page.evaluate("document.activeElement.id") == "main"


def test_both_languages_say_everything(world, town, browser):
    with Visit(browser, DESK, "words") as visit:
        visit.log_in(world, "operator")
        page = visit.page
        page.wait_for_selector("#recent li")
        assert page.get_attribute("html", "lang") == "zh-CN"
        page.click("#lang")
        page.wait_for_selector("text=Soon late")
        page.wait_for_selector("#live:has-text('Live')")
        assert page.get_attribute("html", "lang") == "en"
        visit.shot("english")
        for path in ("#/", "#/cases?filter=all", "#/cases?filter=noted", f"#/case/{town['leak'].id}", f"#/case/{town['incident'].id}"):
            page.goto(f"http://{world.http}/{path}")
            page.wait_for_function("() => [...document.querySelectorAll('#board, #list, #case')].some((part) => !part.hidden)")
            labels = page.evaluate("[...document.querySelectorAll('h2:not(#list-title):not(#case-title), th, dt, button, #filters a')].filter((n) => n.offsetParent).map((n) => n.textContent)")
            assert labels and not [w for w in labels if any("\u4e00" <= c <= "\u9fff" for c in w) and w != "中文"], labels
            assert not [w for w in labels if "_" in w], labels
        page.reload()
        page.wait_for_selector("#case:not([hidden])")
        assert page.get_attribute("html", "lang") == "en"  # kept


def test_a_telephone_shows_all_of_it(world, town, browser):
    with Visit(browser, PHONE, "phone") as visit:
        visit.log_in(world, "operator")
        visit.page.wait_for_selector("#recent li")
        visit.no_sideways_scrolling()
        visit.shot("overview")
        for path in ("#/cases?filter=open", "#/cases?filter=noted", f"#/case/{town['leak'].id}"):
            visit.page.goto(f"http://{world.http}/{path}")
            visit.page.wait_for_timeout(400)
            visit.no_sideways_scrolling()
            visit.shot(path.split("?")[-1].replace("/", "").replace("#", "")[:12])


def test_a_wrong_token_is_told_and_a_department_sees_only_its_own(world, town, browser):
    with Visit(browser, DESK, "login") as visit:
        page = visit.page
        page.goto(f"http://{world.http}/")
        page.fill("#token", "x" * 40)
        page.keyboard.press("Enter")
        page.wait_for_selector("#login-error:has-text('令牌不对')")
        visit.shot("refused")
        visit.faults.clear()  # the 401 itself
        page.fill("#token", world.tokens["jiaotong"])
        page.keyboard.press("Enter")
        page.wait_for_selector("#board:not([hidden])")
        assert visit.text("#total-open b") == "1" and not page.query_selector("#total-noted")
        assert "水务局" not in visit.text("#departments") and not page.is_visible("#sources-part")
        page.click("#leave")
        page.wait_for_selector("#login:not([hidden])")
        assert page.evaluate("sessionStorage.getItem('token')") is None


def test_what_citizens_write_is_never_markup(world, browser):
    evil = world.open("evil", "<img src=x onerror=alert(1)>", "<script>alert(2)</script>\n<b>粗</b>")
    world.wait(lambda: world.client("operator").get(f"/v1/cases/{evil.id}").status_code == 200)
    with Visit(browser, DESK, "markup") as visit:
        dialogs = []
        visit.page.on("dialog", lambda d: (dialogs.append(d.message), d.dismiss()))
        visit.log_in(world, "operator")
        for path, place in (("#/cases?filter=all", "#cases"), (f"#/case/{evil.id}", "#case-title")):
            visit.page.goto(f"http://{world.http}/{path}")
            visit.page.wait_for_selector(f"{place} >> text=<img src=x")
        assert not dialogs and not visit.page.query_selector("main img, #list b, #case b, #recent b")


def test_citizens_look_up_their_number_without_scripts(world, town, browser):
    for size, name in ((DESK, "status-desk"), (PHONE, "status-phone")):
        with Visit(browser, size, name, scripts=False) as visit:
            page = visit.page
            page.goto(f"http://{world.public}/status")
            page.fill("#number", town["leak"].receipt_number.lower())
            page.keyboard.press("Enter")
            page.wait_for_selector("#state")
            assert "承办单位" in visit.text("#state") and "您的来信已受理" in visit.text("main")
            assert "老人" not in visit.text("main")
            visit.no_sideways_scrolling()
            visit.shot("found")
            page.click("text=English")
            page.wait_for_selector("text=Receipt number")
            page.fill("#number", "0000")
            page.click("button")
            page.wait_for_selector("text=not known")
            visit.shot("unknown")
            visit.faults = [f for f in visit.faults if "404" not in f]
