// Keys pressed on a control are the control's. JupyterLab would take an arrow key on a menu for "next cell", and an x
// for "cut this cell". Ctrl+S, Shift+Enter and the like still go to JupyterLab.

function ownKeys(event) {
  if (!event.target.closest?.(".labkit-controls, .labkit-advanced")) return;
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

function initialize({ model }) {
  const help = helper(model);
  window.addEventListener("keydown", ownKeys, true); // on its way down, before JupyterLab's listener on the document
  window.addEventListener("keydown", step, true);
  window.addEventListener("mouseover", help, true);
  return () => {
    window.removeEventListener("keydown", ownKeys, true);
    window.removeEventListener("keydown", step, true);
    window.removeEventListener("mouseover", help, true);
  };
}

export default { initialize, render: () => {} };
