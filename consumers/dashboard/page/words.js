// Every word of the page in both languages. A key without one of the two shows itself, so that it is noticed.
const words = {
  skip: ["跳到正文", "Skip to content"],
  token: ["访问令牌（文件见启动时的提示）", "Access token (its file is named at start-up)"],
  enter: ["进入", "Enter"],
  leave: ["退出", "Leave"],
  other: ["English", "中文"],
  totals: ["现在", "Now"],
  incidents: ["最新舆情事件", "Newest incidents"],
  departments: ["各部门", "Departments"],
  stages: ["处理环节", "Stages"],
  sources: ["来源", "Sources"],
  recent: ["刚刚发生", "Just now"],
  back: ["← 返回总览", "← Back to the overview"],
  more: ["更多", "More"],
  open: ["在办", "Open"],
  soon: ["即将到期", "Soon late"],
  late: ["已超期", "Late"],
  closed: ["已办结", "Closed"],
  closed_today: ["今日办结", "Closed today"],
  incident: ["舆情事件", "Incidents"],
  noted: ["仅记录", "Noted"],
  all: ["全部", "All"],
  department: ["部门", "Department"],
  subject: ["事由", "Subject"],
  level: ["级别", "Level"],
  writers: ["发声人数", "Writers"],
  messages: ["信息数", "Messages"],
  state: ["状态", "State"],
  opened: ["立案", "Opened"],
  acknowledged: ["网信办确认", "Acknowledged"],
  stage: ["环节", "Stage"],
  lag: ["积压", "Lag"],
  oldest: ["最早未处理", "Oldest unhandled"],
  health: ["健康", "Health"],
  restarts: ["重启", "Restarts"],
  source: ["来源", "Source"],
  account: ["账号", "Account"],
  last: ["最近一条", "Last message"],
  hour: ["近一小时", "Last hour"],
  number: ["编号", "Number"],
  title: ["标题", "Title"],
  due: ["期限", "Due"],
  left: ["剩余", "Left"],
  owner: ["承办", "Owner"],
  received: ["收到", "Received"],
  clocks: ["时限", "Clocks"],
  deliveries: ["送达", "Deliveries"],
  reasons: ["派单依据", "Why this department"],
  texts: ["内容", "Texts"],
  journal: ["办理过程", "History"],
  receipt: ["受理编号", "Receipt number"],
  live: ["实时更新中", "Live"],
  lost: ["连接中断，正在重连……", "Connection lost, trying again…"],
  none: ["没有", "None"],
  bad_token: ["令牌不对，请检查后再试。", "This token is not valid. Check it and try again."],
  failed: ["读取失败：", "Could not read: "],
  provisional: ["暂定", "provisional"],
  shown: ["条", "shown"],
  yes: ["是", "yes"],
  no: ["否", "no"],
  ok: ["正常", "ok"],
  down: ["不可用", "down"],
  ago: ["前", "ago"],
  s: ["秒", "s"], m: ["分", "min"], h: ["时", "h"], d: ["天", "d"],
  running: ["计时中", "running"], stopped: ["已停止", "stopped"], breached: ["已超期", "breached"], refuted: ["已撤销超期", "refuted"],
  pending: ["待送", "pending"], sending: ["送达中", "sending"], sent: ["已送达", "sent"], unknown: ["结果不明", "unknown"],
  assigned: ["已派单", "assigned"], signed: ["已签收", "signed"], handled: ["已办理", "handled"], drafted: ["已拟复", "drafted"],
  review: ["审核中", "in review"], approved: ["已批准", "approved"], delivered: ["已回复", "delivered"], withdrawn: ["已撤回", "withdrawn"],
  applied: ["已执行", "applied"], refused: ["被拒绝", "refused"], repeated: ["重复", "repeated"],
};

let column = localStorage.getItem("lang") === "en" ? 1 : 0;

export const t = (key) => (words[key] ? words[key][column] : key);
export const locale = () => (column ? "en-GB" : "zh-CN");

export function switchLanguage() {
  column = 1 - column;
  localStorage.setItem("lang", column ? "en" : "zh");
}

export function translate(root) {
  document.documentElement.lang = column ? "en" : "zh-CN";
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
}
