// The live page: an overview whose every figure opens the list of cases behind it, a list, and one case.
// Text from citizens only ever enters the page as text nodes.
import { t, locale, translate, switchLanguage } from "./words.js";
import { get, follow, token } from "./api.js";

const $ = (id) => document.getElementById(id);
const zone = "Asia/Shanghai";
let overview = null;
let stopStream = null;
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
  table.tHead.replaceChildren(el("tr", {}, ...heads.map(([key, n]) => el("th", { scope: "col", class: n ? "n" : false }, t(key)))));
  const body = rows.length ? rows.map((cells) => el("tr", {}, ...cells.map((cell, i) => el("td", { class: heads[i][1] || false }, cell)))) : [el("tr", {}, el("td", { colspan: heads.length, class: "quiet" }, t("none")))];
  table.tBodies[0].replaceChildren(...body);
}

function drawTotals() {
  const tiles = ["open", "soon", "late", "incident", "closed_today", "noted"].map((key) => {
    const figure = overview.totals[key] ?? 0;
    const filter = key === "closed_today" ? "closed" : key;
    return el("a", { class: "tile", href: "#/cases?filter=" + filter, id: "total-" + key }, el("b", { class: figure && (key === "late" || key === "soon") ? key : false }, figure), t(key));
  });
  $("totals").replaceChildren(...tiles);
}

function drawOverview() {
  drawTotals();
  fillTable("incidents", [["level"], ["subject", "wide"], ["writers", "n"], ["messages", "n"], ["opened"], ["acknowledged"], ["state"]],
    overview.incidents.map((row) => [el("span", { class: "mark late" }, ["–", "I", "II", "III", "IV"][row.level] || row.level), el("a", { href: "#/case/" + row.id }, row.subject), row.writers, row.messages, clockText(row.opened), row.acknowledged ? el("span", { class: "good" }, clockText(row.acknowledged)) : el("span", { class: "late" }, t("no")), t(row.state)]));
  fillTable("departments", [["department"], ["open", "n"], ["soon", "n"], ["late", "n"], ["closed_today", "n"]],
    overview.departments.map((row) => [row.name, ...["open", "soon", "late"].map((filter) => listLink({ filter, department: row.code }, row[filter], row.name + " " + t(filter))), listLink({ filter: "closed", department: row.code }, row.closed_today, row.name + " " + t("closed_today"))]));
  fillTable("stages", [["stage"], ["health"], ["lag", "n"], ["oldest", "n"], ["restarts", "n"]],
    overview.stages.map((row) => [row.name, el("span", { class: row.up ? "good" : "late" }, t(row.up ? "ok" : "down")), row.lag ?? "–", row.oldest_ms > 0 ? span(row.oldest_ms) : "–", row.restarts ?? "–"]));
  fillTable("sources", [["source"], ["account"], ["last"], ["hour", "n"]],
    overview.sources.map((row) => [row.platform, row.account, row.last ? span(Date.now() - Date.parse(row.last)) + " " + t("ago") : "–", listLink({ filter: "all", platform: row.platform, account: row.account }, row.hour, row.platform)]));
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
  return [el("a", { href: "#/case/" + row.id }, row.receipt_number || row.id.slice(0, 8)), row.title || row.subject || "–", t(row.state), row.owner_name || row.owner, clockText(row.received), clockText(row.due) + (row.provisional ? " (" + t("provisional") + ")" : ""), leftCell(row)];
}

async function showList(query) {
  const heads = [["number"], ["title", "wide"], ["state"], ["owner"], ["received"], ["due"], ["left"]];
  const rows = [];
  const more = async (after) => {
    const page = await get("/v1/cases?" + new URLSearchParams({ ...query, limit: 50, ...(after ? { after } : {}) }));
    rows.push(...page.cases);
    fillTable("cases", heads, rows.map(caseRow));
    $("list-count").textContent = (page.total !== undefined ? page.total : rows.length) + " " + t("shown");
    $("more").hidden = !page.next;
    $("more").onclick = () => more(page.next).catch(problem);
  };
  $("list-title").textContent = [t(query.filter || "all"), query.department, query.platform].filter(Boolean).join(" · ");
  await more("");
}

function facts(pairs) {
  return el("dl", {}, ...pairs.filter(([, value]) => value !== "" && value != null).flatMap(([key, value]) => [el("dt", {}, t(key)), el("dd", {}, value)]));
}

function subtable(title, heads, rows) {
  return el("section", {}, el("h2", {}, t(title)), el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, t(head))))), el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", { class: "wide" }, cell ?? ""))))))));
}

async function showCase(id) {
  const one = await get("/v1/cases/" + encodeURIComponent(id));
  $("case-title").textContent = one.title || (one.incident && one.incident.subject) || one.id;
  const parts = [facts([["number", one.id], ["receipt", one.receipt_number], ["state", t(one.state)], ["owner", one.owner_name || one.owner], ["received", clockText(one.received)], ["level", one.incident ? one.incident.level : ""], ["writers", one.incident ? one.incident.writers : ""]])];
  parts.push(subtable("clocks", ["title", "state", "due"], one.clocks.map((c) => [c.label || c.name, el("span", { class: c.state === "breached" ? "late" : false }, t(c.state)), clockText(c.due) + (c.provisional ? " (" + t("provisional") + ")" : "")])));
  parts.push(subtable("reasons", ["stage", "title"], one.reasons.map((r) => [r.step, r.what + (r.weight ? " (" + r.weight + ")" : "")])));
  parts.push(el("section", {}, el("h2", {}, t("texts")), ...one.texts.map((m) => el("div", {}, el("p", { class: "quiet" }, m.kind + " · " + clockText(m.at)), el("p", { class: "text" }, (m.title ? m.title + "\n" : "") + m.text)))));
  parts.push(subtable("deliveries", ["title", "state", "receipt"], one.deliveries.map((d) => [d.purpose + " → " + d.target, t(d.state), d.receipt])));
  parts.push(subtable("journal", ["number", "received", "title", "state"], one.journal.map((j) => [j.seq, clockText(j.at), j.command + " · " + (j.explanation || j.rule), t(j.verdict)])));
  $("case-body").replaceChildren(...parts);
}

function remember(record) {
  const line = el("li", { class: "fresh" }, el("time", {}, clockText(record.at)), el("a", { href: record.case_id ? "#/case/" + record.case_id : "#/cases?filter=noted" }, record.command), " " + (record.explanation || record.rule || ""), record.verdict === "refused" ? el("span", { class: "late" }, " " + t("refused")) : null);
  $("recent").prepend(line);
  while ($("recent").children.length > 12) $("recent").lastChild.remove();
}

function onEvent(name, data) {
  if (name === "overview") {
    overview = data;
    if (shown === "") drawOverview();
  } else if (name === "journal") remember(data);
  else if (name === "case" && shown === "case/" + data.id) showCase(data.id).catch(problem);
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
  show("login");
  $("token").focus();
}

function show(id) {
  for (const name of ["login", "board", "list", "case"]) $(name).hidden = name !== id;
  $("leave").hidden = id === "login";
  $("problem").textContent = "";
}

async function route() {
  translate(document);
  $("lang").textContent = t("other");
  if (!token.get()) return logout("");
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  shown = path;
  try {
    if (!overview) overview = await get("/v1/overview");
    if (!stopStream) stopStream = follow("/v1/stream", onEvent, (up) => ($("live").textContent = t(up ? "live" : "lost")));
    if (path === "cases") await showList(Object.fromEntries(new URLSearchParams(query)));
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
  route();
});
addEventListener("hashchange", route);
setInterval(() => shown === "" && overview && !$("board").hidden && drawOverview(), 5000);
route();
