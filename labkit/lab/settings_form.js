// Keys pressed on a control of the lab are the control's. JupyterLab would take an arrow key on a menu for "next cell",
// Enter on a button for "edit this cell", and an x for "cut this cell". Ctrl+S, Shift+Enter and the like still go to JupyterLab.

const FORM = ".labkit-row, .labkit-sliders, .labkit-advanced";

function ownKeys(event) {
  if (!event.target.closest?.(".labkit-lab")) return;
  const shortcut = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  event.target.toggleAttribute("data-lm-suppress-shortcuts", !shortcut);
}

// Up and down step a whole number by one, as a browser's own field for numbers does.

function step(event) {
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  const field = event.target;
  if (!by || event.defaultPrevented || !field.matches?.(".labkit-whole input")) return;
  if (!/^\s*-?\d+\s*$/.test(field.value)) return;
  event.preventDefault();
  field.value = String(Number(field.value) + by);
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

// What a setting means, where the mouse rests on it. Of ipywidgets' own tooltips, those of menus, texts and check boxes
// that have a label never come to the page, and a widget without one shows the word "null".

function helper(model) {
  return (event) => {
    const row = event.target.closest?.("[class*='labkit-help-']");
    const name = row?.className.match(/labkit-help-(\S+)/)[1];
    const help = name && model.get("helps")[name];
    if (!help || row.title === help) return;
    row.title = help;
    for (const inner of row.querySelectorAll("[title]")) inner.removeAttribute("title");
  };
}

// What a screen reader says: ipywidgets gives a slider neither a name nor its value, but its place ("12"), no name to
// the fields beside and below it, and no state to a button that unfolds something.

function setAttribute(node, name, value) {
  if (node && node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function nameControls() {
  for (const row of document.querySelectorAll(".labkit-number")) {
    const label = row.querySelector("label")?.textContent ?? "";
    const handle = row.querySelector(".noUi-handle");
    setAttribute(handle, "aria-label", label);
    setAttribute(handle, "aria-valuetext", row.querySelector(".widget-readout")?.textContent ?? "");
    setAttribute(row.querySelector("input"), "aria-label", label);
  }
  for (const field of document.querySelectorAll(".labkit-popover input")) {
    const label = field.closest(".labkit-control")?.querySelector("label");
    setAttribute(field, "aria-label", label?.textContent ?? "");
  }
  for (const button of document.querySelectorAll(".labkit-advanced-button")) {
    setAttribute(button, "aria-expanded", String(button.classList.contains("mod-active")));
  }
}

function initialize({ model }) {
  const help = helper(model);
  const observer = new MutationObserver((changes) => {
    if (changes.some(({ target }) => target.closest?.(FORM))) nameControls();
  });
  const watched = { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-valuetext", "class"] };
  observer.observe(document.body, watched);
  window.addEventListener("keydown", ownKeys, true); // on its way down, before JupyterLab's listener on the document
  window.addEventListener("keydown", step, true);
  window.addEventListener("mouseover", help, true);
  return () => {
    observer.disconnect();
    window.removeEventListener("keydown", ownKeys, true);
    window.removeEventListener("keydown", step, true);
    window.removeEventListener("mouseover", help, true);
  };
}

export default { initialize, render: () => {} };
