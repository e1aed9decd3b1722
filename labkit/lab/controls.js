// Keys pressed on a control are the control's. JupyterLab would take an arrow key on a menu for "next cell", and an x
// for "cut this cell". Ctrl+S, Shift+Enter and the like still go to JupyterLab.

function ownKeys(event) {
  if (!event.target.closest?.(".labkit-controls, .labkit-advanced")) return;
  const shortcut = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  event.target.toggleAttribute("data-lm-suppress-shortcuts", !shortcut);
}

function initialize() {
  window.addEventListener("keydown", ownKeys, true); // on its way down, before JupyterLab's listener on the document
  return () => window.removeEventListener("keydown", ownKeys, true);
}

export default { initialize, render: () => {} };
