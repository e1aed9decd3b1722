// The table of runs. Rows are patched in place by id, so that scroll, focus and an open editor survive an update.
// All text goes in by textContent: a run's name or a corpus's may hold anything.

const ICONS = {
  use: "M4 7h8M18 7h2M15 4v6M4 17h2M12 17h8M9 14v6",
  rename: "M3 21v-4L16 4l4 4L7 21zM14 6l4 4",
  note: "M5 3h14v18H5zM8 8h8M8 12h8M8 16h5",
  delete: "M4 6h16M9 6V3h6v3M6 6l1 15h10l1-15M10 10v7M14 10v7",
};
const LIVE = ["starting", "running"];

// Above this number of rows only those near the visible part are on the page: with all of a thousand runs it took 2.4 s to
// build, 1 s to sort, and 80 ms for each frame of scrolling.
const FEW = 150;
const AROUND = 600; // px above and below the visible part
const [PLAIN, NOTED] = [31, 45]; // px that a row takes, see runs_table.css
const DOUBLE_CLICK_MS = 500;
const COLLATOR = new Intl.Collator("en", { numeric: true });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const MOMENT = new Intl.DateTimeFormat("sv", { dateStyle: "short", timeStyle: "short" }); // 2026-11-30 01:24, as elsewhere

const FORMATS = {
  number: (value) => (Math.abs(value) >= 100 ? WHOLE.format(value) : String(Number(value.toPrecision(3)))),
  integer: (value) => WHOLE.format(Math.round(value)),
  score: (value) => value.toFixed(3),
  rate: (value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toExponential().replace("e+", "e")),
  duration: clock,
  time: (value) => MOMENT.format(value * 1000),
};

function clock(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function format(value, kind) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" && FORMATS[kind] ? FORMATS[kind](value) : String(value);
}

export function compare(one, other, ascending) {
  const missing = (value) => value === null || value === undefined || value === "";
  if (missing(one) || missing(other)) return missing(one) - missing(other);
  const numbers = typeof one === "number" && typeof other === "number";
  const order = numbers ? one - other : COLLATOR.compare(String(one), String(other));
  return ascending ? order : -order;
}

// Scores on other dev sentences do not compare: rows with the same value of `within` stay together, first those of the
// first row (the newest run), last those without one.
export function sortRows(rows, key, ascending, within) {
  const groups = new Map();
  for (const { [within]: group } of rows) if (group && !groups.has(group)) groups.set(group, groups.size);
  const place = (row) => groups.get(row[within]) ?? groups.size;
  return [...rows].sort((one, other) => place(one) - place(other) || compare(one[key], other[key], ascending));
}

export function applyPatch(rows, { changed, order }) {
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const row of changed) byId.set(row.id, row);
  return (order ?? rows.map((row) => row.id)).map((id) => byId.get(id));
}

// Which rows are to be on the page, from `first` to before `last`, and how many px the others take above and below.
export function near(rows, top, height) {
  const found = { first: rows.length, last: 0, above: 0, below: 0 };
  let y = 0;
  rows.forEach((row, index) => {
    const size = row.note ? NOTED : PLAIN;
    if (rows.length > FEW && y + size < top - AROUND) found.above += size;
    else if (rows.length > FEW && y > top + height + AROUND) found.below += size;
    else [found.first, found.last] = [Math.min(found.first, index), index + 1];
    y += size;
  });
  return found;
}

function element(tag, className = "", text = "", attributes = {}) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function iconButton(kind, label) {
  const button = element("button", `labkit-icon labkit-do-${kind}`, "", { type: "button", title: label, "aria-label": label });
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[kind]);
  icon.append(path);
  button.append(icon);
  return button;
}

class RunsView {
  constructor(model, root) {
    this.model = model;
    this.rows = new Map(); // id → {tr, checkbox, cells, name, note, actions}
    this.editing = null; // id of the row whose name or note is being typed
    this.root = element("div", "labkit-runs");
    this.table = element("table");
    this.head = this.table.createTHead();
    [this.above, this.body, this.below, this.widest] = Array.from({ length: 4 }, () => this.table.createTBody());
    for (const space of [this.above, this.below, this.widest]) space.setAttribute("aria-hidden", "true");
    this.above.className = this.below.className = "labkit-space";
    this.widest.className = "labkit-widest";
    this.empty = element("div", "labkit-empty");
    this.root.append(this.table, this.empty);
    root.append(this.root);
    this.root.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.drawHead();
    this.draw();
  }

  // A fixed text of the table in the current language; `words` maps the English text to it.
  say(text) {
    return this.model.get("words")[text] ?? text;
  }

  shown(row, column) {
    const text = row[column.key] === 0 && column.zero ? column.zero : format(row[column.key], column.kind);
    return ["text", "state"].includes(column.kind) ? this.say(text) : text;
  }

  drawHead() {
    setText(this.empty, this.say("No runs yet. Set the sliders and press Train."));
    const row = element("tr");
    const corner = element("th", "labkit-check", "", { scope: "col" });
    const all = this.say("select all runs");
    this.all = element("input", "", "", { type: "checkbox", "aria-label": all, title: all });
    this.all.addEventListener("change", () => this.select(this.all.checked ? this.model.get("rows").map((r) => r.id) : []));
    corner.append(this.all);
    row.append(corner, ...this.model.get("columns").map((column) => this.header(column)));
    this.head.replaceChildren(row);
    this.body.replaceChildren();
    this.rows.clear();
    this.measured = new WeakSet(); // rows that were measured for the longest texts
    this.widest.replaceChildren(element("tr"));
    this.widest.firstChild.append(element("td"), ...this.model.get("columns").map(() => element("td")));
  }

  header(column) {
    const cell = element("th", `labkit-${align(column)} labkit-kind-${column.kind}`, "", { scope: "col", "data-key": column.key });
    const button = element("button", "labkit-sort", column.label, { type: "button", title: column.help || `${this.say("sort by")} ${column.label}` });
    button.addEventListener("click", () => this.sortBy(column));
    cell.append(button);
    return cell;
  }

  draw() {
    this.ordered = this.sorted();
    if (this.ordered.length > FEW) this.holdWidths();
    this.drawNear();
  }

  drawNear() {
    this.near = near(this.ordered, this.root.scrollTop, this.root.clientHeight || 320);
    const rows = this.ordered.slice(this.near.first, this.near.last);
    this.leaveSpace(this.above, this.near.above);
    this.leaveSpace(this.below, this.near.below);
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    const wanted = new Set((this.editing === null ? rows : this.ordered).map((row) => row.id));
    for (const [id, held] of this.rows) {
      if (!wanted.has(id)) {
        held.tr.remove();
        this.rows.delete(id);
        if (this.editing === id) this.editing = null;
      }
    }
    rows.forEach((row) => this.drawRow(row));
    if (this.editing === null) this.arrange(rows);
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    this.drawState(this.ordered);
  }

  scrolled() {
    if (this.ordered.length <= FEW || this.editing !== null || this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      const { first, last } = near(this.ordered, this.root.scrollTop, this.root.clientHeight);
      if (first !== this.near.first || last !== this.near.last) this.drawNear();
    });
  }

  leaveSpace(space, height) {
    if (space.height === height) return;
    space.height = height;
    const row = element("tr");
    row.append(element("td"));
    row.style.height = `${height}px`;
    space.replaceChildren(...(height ? [row] : []));
  }

  // The longest text of every column, in a row that takes no room: columns keep their widths when rows come and go.
  holdWidths() {
    const cells = this.widest.firstChild.children;
    for (const row of this.model.get("rows")) {
      if (this.measured.has(row)) continue;
      this.measured.add(row);
      this.model.get("columns").forEach((column, index) => {
        const text = this.shown(row, column) + (column.best ? "★ " : "");
        if (column.kind !== "name" && text.length > cells[index + 1].textContent.length) setText(cells[index + 1], text);
      });
    }
  }

  arrange(rows) {
    let after = null;
    for (const row of [...rows].reverse()) {
      const { tr } = this.rows.get(row.id);
      if (tr.nextSibling !== after || tr.parentNode !== this.body) this.body.insertBefore(tr, after);
      after = tr;
    }
  }

  drawState(rows) {
    const [selected, shown] = [new Set(this.model.get("selected")), this.model.get("shown")];
    for (const [id, { tr, checkbox, actions }] of this.rows) {
      checkbox.checked = selected.has(id);
      tr.classList.toggle("labkit-selected", selected.has(id));
      tr.setAttribute("aria-current", id === shown);
      // Tab stops at the buttons of the run that is shown; with those of every row it would take too many.
      for (const button of actions.querySelectorAll(".labkit-icon")) button.tabIndex = id === shown ? 0 : -1;
    }
    this.all.checked = rows.length > 0 && selected.size === rows.length;
    this.all.indeterminate = selected.size > 0 && selected.size < rows.length;
    this.empty.hidden = rows.length > 0;
    const { key, ascending } = this.model.get("sort");
    for (const cell of this.head.querySelectorAll("th[data-key]")) {
      cell.setAttribute("aria-sort", cell.dataset.key !== key ? "none" : ascending ? "ascending" : "descending");
    }
  }

  sorted() {
    const { key, ascending } = this.model.get("sort");
    const column = this.model.get("columns").find((each) => each.key === key);
    return key ? sortRows(this.model.get("rows"), key, ascending, column?.within) : [...this.model.get("rows")];
  }

  drawRow(row) {
    if (!this.rows.has(row.id)) this.addRow(row);
    const held = this.rows.get(row.id);
    if (held.drawn === row) return;
    held.drawn = row;
    const best = new Set(row.best || []);
    held.checkbox.setAttribute("aria-label", `${this.say("select")} ${row.name || row.id}`);
    for (const column of this.model.get("columns")) {
      const cell = held.cells.get(column.key);
      cell.classList.toggle("labkit-best", best.has(column.key));
      const text = this.shown(row, column);
      if (column.kind === "name") this.drawName(held, row, text);
      else if (column.kind === "state") this.drawChip(cell.firstChild, row, text);
      else setText(cell, text);
    }
  }

  drawName(held, row, text) {
    const [light, dark] = row.colour || ["transparent", "transparent"];
    held.swatch.style.setProperty("--labkit-light", light);
    held.swatch.style.setProperty("--labkit-dark", dark);
    if (this.editing === row.id) return;
    for (const [place, words] of [[held.name, text || "–"], [held.note, row.note || ""]]) {
      setText(place, words);
      place.title = words;
      place.classList.remove("labkit-pending");
    }
    held.name.setAttribute("aria-label", `${this.say("show above")}: ${row.number || ""} ${text}`);
    const remove = held.actions.querySelector(".labkit-do-delete");
    if (!remove) return;
    remove.disabled = LIVE.includes(row.state);
    remove.title = remove.disabled ? this.say("stop the run before deleting it") : this.say("delete");
  }

  drawChip(chip, row, text) {
    setText(chip, text);
    chip.className = `labkit-chip labkit-state-${row.state}`;
  }

  addRow(row) {
    const tr = element("tr", "", "", { "data-id": row.id });
    const checkbox = element("input", "", "", { type: "checkbox" });
    const held = { tr, checkbox, cells: new Map(), drawn: null };
    const check = element("td", "labkit-check");
    check.append(checkbox);
    tr.append(check);
    for (const column of this.model.get("columns")) {
      const cell = element("td", `labkit-${align(column)} labkit-kind-${column.kind}`);
      if (column.kind === "name") this.fillName(cell, held, row.id);
      if (column.kind === "state") cell.append(element("span", "labkit-chip"));
      held.cells.set(column.key, cell);
      tr.append(cell);
    }
    tr.addEventListener("click", (event) => {
      if (event.target.closest(".labkit-check")) this.toggle(row.id);
      else if (!event.target.closest(".labkit-actions, input")) this.model.send({ kind: "show", id: row.id });
    });
    for (const place of [checkbox, held.name]) place.addEventListener("keydown", (event) => this.walk(event, tr));
    this.rows.set(row.id, held);
    this.body.append(tr);
  }

  fillName(cell, held, id) {
    held.swatch = element("span", "labkit-swatch");
    held.name = element("button", "labkit-name", "", { type: "button" });
    held.note = element("span", "labkit-note");
    held.words = element("span", "labkit-naming");
    held.words.append(held.name, held.note);
    held.actions = element("span", "labkit-actions");
    this.offerActions(held, id);
    held.name.addEventListener("dblclick", () => this.edit(held, id, "rename"));
    const line = element("div", "labkit-line");
    line.append(held.swatch, held.words, held.actions);
    cell.append(line);
  }

  offerActions(held, id) {
    const use = iconButton("use", this.say("use these settings"));
    const rename = iconButton("rename", this.say("rename"));
    const note = iconButton("note", this.say("write a note"));
    const remove = iconButton("delete", this.say("delete"));
    use.addEventListener("click", () => this.use(id));
    rename.addEventListener("click", () => this.edit(held, id, "rename"));
    note.addEventListener("click", () => this.edit(held, id, "note"));
    remove.addEventListener("click", () => this.askDelete(held, id));
    held.actions.replaceChildren(use, rename, note, remove);
    held.drawn = null; // draw again, so that the delete button knows whether the run is live
  }

  // Scroll to the settings and Train, which are needed next, wherever on the page the table is.
  use(id) {
    this.model.send({ kind: "use", id, text: "" });
    this.root.closest(".labkit-lab")?.querySelector(".labkit-first")?.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  // The second click of a double click hits whatever is now in the place of the first one: it must not confirm a
  // deletion, nor load the settings of another run.
  askDelete(held, id) {
    const asked = performance.now();
    const [yes, no] = ["yes", "no"].map((word) => element("button", `labkit-${word}`, this.say(word), { type: "button" }));
    const back = () => {
      this.offerActions(held, id);
      this.draw();
      held.actions.querySelector(".labkit-do-delete").focus({ preventScroll: true });
    };
    yes.addEventListener("click", () => {
      if (performance.now() - asked < DOUBLE_CLICK_MS) return;
      yes.disabled = no.disabled = true;
      setTimeout(() => held.tr.isConnected && back(), DOUBLE_CLICK_MS); // where it was refused
      this.model.send({ kind: "delete", id, text: "" });
    });
    no.addEventListener("click", back);
    held.actions.replaceChildren(element("span", "labkit-ask", this.say("delete?")), yes, no);
    held.actions.onkeydown = (event) => event.key === "Escape" && back();
    no.focus({ preventScroll: true });
  }

  edit(held, id, kind) {
    if (this.editing !== null) return;
    const place = kind === "rename" ? held.name : held.note;
    const old = place.textContent;
    place.hidden = true;
    const placeholder = kind === "note" ? this.say("note") : this.say("name");
    const input = element("input", "labkit-edit", "", { type: "text", "aria-label": placeholder, placeholder });
    input.value = old;
    this.editing = id;
    const close = (commit) => {
      if (this.editing !== id) return;
      this.editing = null;
      const text = input.value.trim();
      const changed = commit && text !== old;
      input.remove();
      place.hidden = false;
      place.replaceChildren(changed ? text : old);
      place.classList.toggle("labkit-pending", changed); // until the kernel has applied it
      if (changed) this.model.send({ kind, id, text });
      this.draw();
      held.checkbox.focus({ preventScroll: true });
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") close(true);
      if (event.key === "Escape") close(false);
    });
    input.addEventListener("blur", () => close(true));
    place.after(input);
    input.focus({ preventScroll: true });
    input.select();
  }

  walk(event, tr) {
    const next = { ArrowDown: tr.nextElementSibling, ArrowUp: tr.previousElementSibling }[event.key];
    if (!next) return;
    event.preventDefault();
    next.querySelector(event.target.matches("input") ? "input[type=checkbox]" : ".labkit-name").focus();
  }

  toggle(id) {
    const selected = this.model.get("selected");
    this.select(selected.includes(id) ? selected.filter((other) => other !== id) : [...selected, id]);
  }

  select(ids) {
    this.model.set("selected", ids);
    this.model.save_changes();
  }

  sortBy(column) {
    const { key, ascending } = this.model.get("sort");
    const first = column.best !== "high"; // the best value comes first
    const next = key !== column.key ? first : ascending === first ? !first : null;
    this.model.set("sort", next === null ? { key: "", ascending: true } : { key: column.key, ascending: next });
    this.model.save_changes();
  }
}

function align(column) {
  return column.align || (column.kind in FORMATS ? "right" : "left");
}

function pageTheme() {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  return jpThemeLight === "false" || vscodeThemeKind?.includes("dark") ? "dark" : "light";
}

function initialize({ model }) {
  const tellTheme = () => {
    if (pageTheme() === model.get("theme")) return;
    model.set("theme", pageTheme());
    model.save_changes();
  };
  const watcher = new MutationObserver(tellTheme);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"] });
  model.on("msg:custom", (message) => {
    // In place: a model.set() would be sent back to the kernel with the next selection.
    if (message.kind === "patch") model.get("rows").splice(0, Infinity, ...applyPatch(model.get("rows"), message));
  });
  tellTheme();
  model.send({ kind: "ready" });
  return () => watcher.disconnect();
}

function render({ model, el }) {
  const view = new RunsView(model, el);
  const draw = () => view.draw();
  const redraw = () => (view.drawHead(), view.draw());
  const events = { "change:rows": draw, "change:selected": draw, "change:shown": draw, "change:sort": draw, "change:columns": redraw, "change:words": redraw, "msg:custom": draw };
  for (const [name, heard] of Object.entries(events)) model.on(name, heard);
  return () => Object.entries(events).forEach(([name, heard]) => model.off(name, heard));
}

export default { initialize, render };
