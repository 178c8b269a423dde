// The live page: an overview whose every figure opens the list of cases behind it, a list, and one case.
// Text from citizens only ever enters the page as text nodes.
import { t, commandWord, ruleText, locale, translate, switchLanguage } from "./words.js";
import { get, follow, token } from "./api.js";

const $ = (id) => document.getElementById(id);
const zone = "Asia/Shanghai";
let overview = null;
let stopStream = null;
const recent = []; // the last records, newest first, for a change of language
let shown = ""; // what the address bar asked for last: a late answer for another view is dropped

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== false && value != null) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

const clockText = (iso) => (iso ? new Date(iso).toLocaleString(locale(), { timeZone: zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }) : "–");

function span(ms) {
  const s = Math.round(Math.abs(ms) / 1000);
  if (s < 120) return s + " " + t("s");
  if (s < 7200) return Math.round(s / 60) + " " + t("m");
  if (s < 172800) return Math.round(s / 3600) + " " + t("h");
  return Math.round(s / 86400) + " " + t("d");
}

const listLink = (query, figure, name) => el("a", { href: "#/cases?" + new URLSearchParams(query), "aria-label": name + ": " + figure, class: figure && (query.filter === "late" || query.filter === "soon") ? query.filter : false }, figure);

function fillTable(id, heads, rows) {
  const table = $(id);
  const at = table.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  table.tHead.replaceChildren(el("tr", {}, ...heads.map(([key, n]) => el("th", { scope: "col", class: n === "n" ? "n" : false }, t(key)))));
  const body = rows.length ? rows.map((cells) => el("tr", {}, ...cells.map((cell, i) => el("td", { class: heads[i][1] || false }, cell)))) : [el("tr", {}, el("td", { colspan: heads.length, class: "quiet" }, t("none")))];
  table.tBodies[0].replaceChildren(...body);
  if (at) for (const link of table.querySelectorAll("a")) if (link.getAttribute("href") === at) link.focus();
}

function drawTotals() {
  const tiles = ["open", "soon", "late", "incident", "closed_today", "noted"].filter((key) => key in overview.totals).map((key) => {
    const figure = overview.totals[key];
    return el("a", { class: "tile", href: "#/cases?filter=" + key, id: "total-" + key }, el("b", { class: figure && (key === "late" || key === "soon") ? key : false }, figure), t(key));
  });
  replace("totals", tiles);
}

const accountWord = (account) => (account === "default" ? t("default") : account);
const stateWord = (state) => t(state === "opened" ? "opened_state" : state);
const levelMark = (level) => ["–", "I", "II", "III", "IV"][level] || level;

// Keeps the focus of a keyboard user when what he stands on is drawn anew: the same link is found by its address.
function replace(id, nodes) {
  const at = document.activeElement && document.activeElement.closest("#" + id) ? document.activeElement.getAttribute("href") : null;
  $(id).replaceChildren(...nodes);
  if (at) for (const link of $(id).querySelectorAll("a")) if (link.getAttribute("href") === at) link.focus();
}

function drawOverview() {
  drawTotals();
  $("behind").textContent = overview.view.caught_up ? "" : t("view_behind") + overview.view.lag;
  fillTable("incidents", [["level"], ["subject", "wide"], ["writers", "n"], ["messages", "n"], ["opened"], ["acknowledged"], ["state"]],
    overview.incidents.map((row) => [el("span", { class: "mark late" }, levelMark(row.level)), el("a", { href: "#/case/" + row.id }, row.title || row.id.slice(0, 8)), row.writers, row.messages, clockText(row.opened), row.acknowledged ? el("span", { class: "good" }, clockText(row.acknowledged)) : el("span", { class: "late" }, t("no")), stateWord(row.state)]));
  fillTable("departments", [["department"], ["open", "n"], ["soon", "n"], ["late", "n"], ["closed_today", "n"]],
    overview.departments.map((row) => [row.name, ...["open", "soon", "late", "closed_today"].map((filter) => listLink({ filter, department: row.code }, row[filter], row.name + " " + t(filter)))]));
  fillTable("stages", [["stage"], ["health"], ["lag", "n"], ["oldest", "n"], ["restarts", "n"]],
    overview.stages.map((row) => [t(row.name), el("span", { class: row.up ? "good" : "late" }, t(row.up ? "ok" : "down")), row.lag ?? "–", row.oldest_ms > 0 ? span(row.oldest_ms) : "–", row.restarts ?? "–"]));
  $("sources-part").hidden = !overview.sources.length;
  fillTable("sources", [["source"], ["account"], ["last"], ["hour", "n"], ["open", "n"]],
    overview.sources.map((row) => [t(row.platform), accountWord(row.account), row.last ? span(Date.now() - Date.parse(row.last)) + " " + t("ago") : "–", row.hour, listLink({ filter: "open", platform: row.platform, account: row.account }, row.open, row.platform + " " + t("open"))]));
}

function leftCell(row) {
  if (!row.due) return "–";
  const ms = Date.parse(row.due) - Date.now();
  const mark = row.late ? "late" : row.soon ? "soon" : "good";
  const gone = Math.max(0, Math.min(100, row.percent ?? 0));
  const fill = el("i", { class: mark });
  fill.style.width = gone + "%";
  return el("span", { class: mark }, el("span", { class: "bar", "aria-hidden": "true" }, fill), (ms < 0 ? "+" : "") + span(ms));
}

function caseRow(row) {
  return [el("a", { href: "#/case/" + row.id }, row.receipt_number || row.id.slice(0, 8)), row.title || "–", stateWord(row.state), row.owner_name || row.owner, clockText(row.received), clockText(row.due) + (row.provisional ? " (" + t("provisional") + ")" : ""), leftCell(row)];
}

const LISTS = ["open", "soon", "late", "incident", "closed_today", "closed", "all", "noted"];

function drawFilters(query) {
  const names = LISTS.filter((name) => name !== "noted" || (overview && "noted" in overview.totals));
  replace("filters", names.map((filter) => el("a", { href: "#/cases?" + new URLSearchParams({ ...query, filter, q: "" }), "aria-current": filter === (query.filter || "all") ? "page" : null }, t(filter))));
  $("filters").setAttribute("aria-label", t("filters"));
  $("q").placeholder = t("search_hint");
  if (document.activeElement !== $("q")) $("q").value = query.q || "";
  $("search").hidden = query.filter === "noted";
}

// One way for both kinds of lists: a page, its rows, its heads, and a button for the next page.
async function showList(query) {
  const noted = query.filter === "noted";
  const heads = noted ? [["received"], ["text", "wide"], ["reason", "wide"]] : [["number"], ["title", "wide"], ["state"], ["owner"], ["received"], ["due"], ["left"]];
  const rowOf = noted ? (row) => [clockText(row.at), [row.title, row.text].filter(Boolean).join(" · "), ruleText(row)] : caseRow;
  const rows = [];
  let total;
  const more = async (after) => {
    const rest = new URLSearchParams({ ...query, limit: 50, ...(after ? { after } : {}) });
    const page = await get((noted ? "/v1/noted?" : "/v1/cases?") + rest);
    rows.push(...(noted ? page.noted : page.cases));
    total = total ?? page.total;
    fillTable("cases", heads, rows.map(rowOf));
    $("list-count").textContent = (total ?? rows.length + (page.next ? "+" : "")) + " " + t("shown");
    $("more").hidden = !page.next;
    $("more").onclick = () => more(page.next).catch(problem);
    firstPageOnly = rows.length <= 50;
  };
  drawFilters(query);
  const department = overview && overview.departments.find((row) => row.code === query.department);
  $("list-title").textContent = [t(query.filter || "all"), department ? department.name : query.department, query.platform && t(query.platform), query.account && accountWord(query.account), query.q].filter(Boolean).join(" · ");
  await more("");
}

function facts(pairs) {
  return el("dl", {}, ...pairs.filter(([, value]) => value !== "" && value != null && value !== false).flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value === true ? t("yes") : value)]));
}

function subtable(title, heads, rows) {
  if (!rows.length) return null;
  return el("section", {}, el("h2", {}, t(title)), el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, t(head))))), el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell ?? ""))))))));
}

function textParts(one) {
  const parts = one.texts.map((m) => el("div", {}, el("p", { class: "quiet" }, t(m.kind === "receipt" ? "receipt_text" : m.kind) + " · " + clockText(m.at)), el("p", { class: "text" }, (m.title ? m.title + "\n" : "") + m.text)));
  return parts.length ? el("section", {}, el("h2", {}, t("texts")), ...parts) : null;
}

// Where a post can be read: in its case, else on its platform.
function postCell(post) {
  if (post.case_id) return el("a", { href: "#/case/" + post.case_id }, post.title || post.case_id.slice(0, 8));
  return /^https?:\/\//.test(post.url) ? el("a", { href: post.url, rel: "noreferrer noopener" }, post.url) : post.url || "–";
}

const verdictMark = (verdict) => el("span", { class: verdict === "refused" ? "late" : verdict === "repeated" ? "quiet" : false }, t(verdict));

async function showCase(id) {
  const one = await get("/v1/cases/" + encodeURIComponent(id));
  const incident = one.incident || {};
  $("case-title").textContent = one.title || one.id;
  const left = one.open ? el("span", {}, clockText(one.due) + " ", leftCell(one)) : "";
  const parts = [facts([["number", one.id], ["receipt", one.receipt_number], ["kind", one.kind_label], ["state", stateWord(one.state)], ["owner", one.owner_name], ["source", one.platform && [t(one.platform), accountWord(one.account)].join(" · ")], ["category", one.category], ["area", one.area], ["urgency", t(one.urgency)], ["received", clockText(one.received)], ["due", left], ["close_reason", (one.closes.find((c) => c.reason_code === one.close_reason) || {}).label || one.close_reason], ["claimed_by", one.claimed_by], ["supervised", one.supervised], ["level", incident.subject ? levelMark(incident.level) : ""], ["writers", incident.writers], ["messages", incident.messages], ["reach", incident.reach], ["acknowledged", incident.subject ? clockText(incident.acknowledged) : ""]])];
  parts.push(textParts(one));
  parts.push(subtable("clocks", ["clock", "state", "due", "article"], one.clocks.map((c) => [c.label || c.name, el("span", { class: c.state === "breached" ? "late" : c.state === "running" && c.stage > 0 ? "soon" : false }, t(c.state)), clockText(c.due) + (c.provisional ? " (" + t("provisional") + ")" : ""), c.article])));
  parts.push(subtable("reasons", ["step", "reason", "weight"], one.reasons.map((r) => [t(r.step), (r.step === "request" ? t(r.label) : r.label) || "–", r.weight ? Math.round(r.weight * 100) / 100 : ""])));
  parts.push(subtable("deliveries", ["kind", "target", "state", "proof"], one.deliveries.map((d) => [t("purpose_" + d.purpose), t(d.target), t(d.state === "failed" ? "failed_state" : d.state), t(d.receipt)])));
  parts.push(subtable("evidence", ["time", "reach", "text"], (incident.evidence || []).map((p) => [clockText(p.occurred), p.reach || "–", postCell(p)])));
  parts.push(subtable("journal", ["number", "time", "command", "actor", "explanation", "verdict"], one.journal.map((j) => [j.seq, clockText(j.at), commandWord(j.command), t(j.actor), ruleText(j), verdictMark(j.verdict)])));
  $("case-body").replaceChildren(...parts.filter(Boolean));
}

function feedLine(record, fresh) {
  const name = commandWord(record.command);
  return el("li", { class: fresh ? "fresh" : false }, el("time", { datetime: record.at }, clockText(record.at)), record.case_id ? el("a", { href: "#/case/" + record.case_id }, name) : name, " " + ruleText(record) + (record.title ? " — " + record.title : ""), record.verdict === "refused" ? el("span", { class: "late" }, " " + t("refused")) : null);
}

function remember(record) {
  recent.unshift(record);
  recent.length = Math.min(recent.length, 12);
  $("recent").prepend(feedLine(record, true));
  while ($("recent").children.length > 12) $("recent").lastChild.remove();
}

// History and state come by different ways: a record may be told before the title of its case is known.
function nameRecent(row) {
  const unnamed = recent.filter((record) => record.case_id === row.id && !record.title);
  for (const record of unnamed) record.title = row.title;
  if (unnamed.length) drawRecent();
}

const drawRecent = () => replace("recent", recent.map((record) => feedLine(record, false)));

// A list that shows its first page follows the cases, at most once a second.
let listTimer = 0;
let firstPageOnly = true;
function followList() {
  if (listTimer || shown !== "cases" || !firstPageOnly) return;
  listTimer = setTimeout(() => {
    listTimer = 0;
    if (shown === "cases") showList(queryNow()).catch(problem);
  }, 1000);
}

const queryNow = () => Object.fromEntries(new URLSearchParams(location.hash.split("?")[1] || ""));

function onEvent(name, data) {
  if (name === "overview") {
    overview = data;
    if (shown === "") drawOverview();
  } else if (name === "journal") {
    remember(data);
    if (!data.case_id) followList();
  } else if (name === "case") {
    nameRecent(data);
    if (shown === "case/" + data.id) showCase(data.id).catch(problem);
    followList();
  }
}

function problem(error) {
  if (error.status === 401) return logout(t("bad_token"));
  $("problem").textContent = t("failed") + error.message;
}

function logout(why) {
  token.clear();
  if (stopStream) stopStream();
  stopStream = null;
  $("login-error").textContent = why || "";
  $("live").textContent = "";
  show("login");
  $("token").focus();
}

function show(id) {
  for (const name of ["login", "board", "list", "case"]) $(name).hidden = name !== id;
  $("leave").hidden = id === "login";
  $("problem").textContent = "";
}

// The state of the line to the server, in words that follow the language.
let line = "";
function showLine(up) {
  line = up ? "live" : "lost";
  $("live").textContent = t(line);
}

async function route() {
  translate(document);
  $("live").textContent = line && stopStream ? t(line) : "";
  $("lang").textContent = t("other");
  if (!token.get()) return logout("");
  const [path] = location.hash.replace(/^#\/?/, "").split("?");
  shown = path;
  try {
    if (!overview) overview = await get("/v1/overview");
    if (!stopStream) stopStream = follow("/v1/stream?recent=12", onEvent, showLine);
    if (path === "cases") await showList(queryNow());
    else if (path.startsWith("case/")) await showCase(path.slice(5));
    else drawOverview();
    if (shown === path) show(path === "cases" ? "list" : path.startsWith("case/") ? "case" : "board");
  } catch (error) {
    problem(error);
  }
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set($("token").value.trim());
  $("token").value = "";
  overview = null;
  route().then(() => $("main").focus());
});
$("leave").addEventListener("click", () => logout(""));
$("lang").addEventListener("click", () => {
  switchLanguage();
  drawRecent();
  route();
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = "#/cases?" + new URLSearchParams({ ...queryNow(), filter: "all", q: $("q").value.trim() });
});
addEventListener("hashchange", () => route().then(() => $("main").focus()));
setInterval(() => shown === "" && overview && !$("board").hidden && drawOverview(), 5000);
route();
