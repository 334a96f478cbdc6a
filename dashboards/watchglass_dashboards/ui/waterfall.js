// A tree of spans beside their timeline. Text is set with textContent only: span names come from strangers.
// Keys: up, down, Home, End move; left closes or goes to the parent; right opens; Enter or space selects.
const KIND_COLOUR = {
  agent: "--st-blue-color", llm: "--st-primary-color", retrieval: "--st-green-color",
  embeddings: "--st-violet-color", tool: "--st-orange-color", chain: "--st-blue-color",
};

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

const duration = (ms) => {
  if (ms === 0) return "0";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 60000).toFixed(1)} min`;
};

function axis(total) {
  const line = make("div", "axis");
  const ticks = make("div", "ticks");
  for (const part of [0, 0.25, 0.5, 0.75, 1]) ticks.append(make("span", "", duration(total * part)));
  line.setAttribute("aria-hidden", "true");
  line.append(make("span"), ticks, make("span"));
  return line;
}

function spanRow(span, total) {
  const row = make("div", span.error ? "row failed" : "row");
  row.setAttribute("role", "treeitem");
  row.setAttribute("aria-level", span.depth + 1);
  // Named by its text; the mark alone would not say it.
  if (span.error) row.setAttribute("aria-description", "failed");
  row.style.setProperty("--kind", `var(${KIND_COLOUR[span.kind] || "--st-gray-color"})`);
  const name = make("div", "name");
  name.style.paddingLeft = `${Math.min(span.depth, 24) * 14}px`;
  name.append(make("span", span.children ? "twisty parent" : "twisty"), make("span", "kind", span.kind));
  if (span.error) name.append(make("span", "mark", "!"));
  const title = make("span", "title", span.name);
  title.title = span.name;
  name.append(title);
  if (span.note) name.append(make("span", "note", span.note));
  const track = make("div", "track");
  const bar = make("div", "bar");
  bar.style.left = `${Math.min(100, (100 * span.start) / total)}%`;
  bar.style.width = `${Math.min(100, (100 * span.ms) / total)}%`;
  track.append(bar);
  if (span.first_token) {
    const waiting = make("div", "waiting");
    waiting.style.left = bar.style.left;
    waiting.style.width = `${Math.min(100, (100 * Math.min(span.first_token, span.ms)) / total)}%`;
    track.append(waiting);
  }
  row.append(name, track, make("div", "duration", duration(span.ms)));
  return row;
}

export default function ({ data, parentElement, setStateValue }) {
  const tree = parentElement.querySelector("#tree");
  const hadFocus = tree.contains(tree.getRootNode().activeElement);
  const total = data.total_ms || 1;
  const closed = (tree.closedSpans ??= new Set());
  const rows = data.spans.map((span) => spanRow(span, total));
  const visible = () => rows.filter((row) => !row.hidden);

  const fold = () => {
    let below = Infinity;
    data.spans.forEach((span, i) => {
      rows[i].hidden = span.depth > below;
      if (span.depth <= below) below = closed.has(span.id) && span.children ? span.depth : Infinity;
      if (span.children) rows[i].setAttribute("aria-expanded", String(!closed.has(span.id)));
    });
  };
  const focus = (row) => {
    if (!row) return;
    rows.forEach((other) => (other.tabIndex = other === row ? 0 : -1));
    row.focus();
  };
  const select = (i) => {
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === i)));
    setStateValue("selected", data.spans[i].id);
  };
  const toggle = (i, open) => {
    if (!data.spans[i].children) return;
    if (open) closed.delete(data.spans[i].id);
    else closed.add(data.spans[i].id);
    fold();
  };
  const parentOf = (i) => {
    for (let at = i - 1; at >= 0; at--) if (data.spans[at].depth < data.spans[i].depth) return rows[at];
    return null;
  };
  const press = (event, i) => {
    const shown = visible();
    const at = shown.indexOf(rows[i]);
    const open = data.spans[i].children && !closed.has(data.spans[i].id);
    const moves = {
      ArrowDown: () => focus(shown[at + 1]),
      ArrowUp: () => focus(shown[at - 1]),
      Home: () => focus(shown[0]),
      End: () => focus(shown[shown.length - 1]),
      ArrowLeft: () => (open ? toggle(i, false) : focus(parentOf(i))),
      ArrowRight: () => (open ? focus(shown[at + 1]) : toggle(i, true)),
      Enter: () => select(i),
      " ": () => select(i),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  };

  rows.forEach((row, i) => {
    const selected = data.spans[i].id === data.selected;
    row.setAttribute("aria-selected", String(selected));
    row.tabIndex = selected ? 0 : -1;
    row.onkeydown = (event) => press(event, i);
    row.onclick = (event) => {
      if (event.target.classList.contains("twisty")) toggle(i, closed.has(data.spans[i].id));
      else select(i);
    };
  });
  if (rows.length && !rows.some((row) => row.tabIndex === 0)) rows[0].tabIndex = 0;
  tree.replaceChildren(axis(total), ...rows);
  fold();
  if (hadFocus) focus(rows.find((row) => row.getAttribute("aria-selected") === "true"));
}
