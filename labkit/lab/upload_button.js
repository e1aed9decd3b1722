// A button that sends the files chosen in the browser to the kernel, in one message; or only their size, if that message
// would be too large for the connection, which a larger one closes without a word.

function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-widgets jupyter-button widget-button"; // looks like ipywidgets' own
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.style.display = "none";
  el.append(button, input);

  const tell = () => {
    button.textContent = model.get("description");
    button.disabled = model.get("disabled");
  };
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    const files = [...input.files];
    input.value = ""; // or choosing the same file again would be no change
    const bytes = files.reduce((sum, file) => sum + file.size, 0);
    if (bytes > model.get("max_bytes")) {
      model.send({ kind: "too large", bytes });
    } else if (files.length) {
      const contents = await Promise.all(files.map((file) => file.arrayBuffer()));
      model.send({ kind: "files", names: files.map(({ name }) => name) }, undefined, contents);
    }
  });
  model.on("change:description change:disabled", tell);
  tell();
  return () => model.off("change:description change:disabled", tell);
}

export default { render };
