// The dashboard's REST and its event stream, read with the token that the visitor gave. EventSource cannot send a
// token, so the stream is read with fetch; it reconnects by itself with a growing wait.
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem("token") || "",
  set: (value) => sessionStorage.setItem("token", value),
  clear: () => sessionStorage.removeItem("token"),
};

const headers = () => ({ Authorization: "Bearer " + token.get(), Accept: "application/json" });

export async function get(path) {
  const answer = await fetch(path, { headers: headers(), cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, body.message || answer.statusText);
  return body;
}

// Calls onEvent(name, data) for each event; onState(true|false) when the line comes up or breaks. Returns a stop function.
export function follow(path, onEvent, onState) {
  const stop = new AbortController();
  run(path, onEvent, onState, stop.signal);
  return () => stop.abort();
}

async function run(path, onEvent, onState, signal) {
  let last = ""; // id of the last record: the line goes on behind it
  const remember = (name, data, id) => {
    if (id) last = id;
    onEvent(name, data);
  };
  for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 15000)) {
    try {
      const answer = await fetch(path, { headers: last ? { ...headers(), "Last-Event-ID": last } : headers(), signal, cache: "no-store" });
      if (!answer.ok) throw new Refused(answer.status, answer.statusText);
      onState(true);
      wait = 500;
      await readEvents(answer.body.getReader(), remember);
    } catch (error) {
      if (signal.aborted || error.status === 401) return;
    }
    onState(false);
    await new Promise((done) => setTimeout(done, wait));
  }
}

async function readEvents(reader, onEvent) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) deliver(block, onEvent);
  }
}

function deliver(block, onEvent) {
  let name = "message";
  let id = "";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("id:")) id = line.slice(3).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
  }
  if (data.length) onEvent(name, JSON.parse(data.join("\n")), id);
}
