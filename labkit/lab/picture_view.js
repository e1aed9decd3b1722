// A picture that is drawn for the width it is shown at. It keeps the old one until the new one is there.

const SETTLE_MS = 150; // a window that is being resized is not drawn for every width on the way

function render({ model, el }) {
  const image = document.createElement("img");
  const hint = document.createElement("div");
  hint.className = "labkit-hint";
  el.append(image, hint);

  let url = "";
  const show = () => {
    const [old, bytes] = [url, model.get("value")];
    url = bytes?.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/png" })) : "";
    if (url) image.src = url;
    image.hidden = !url;
    hint.hidden = Boolean(url);
    if (old) URL.revokeObjectURL(old);
  };
  const tell = () => {
    image.alt = model.get("alt");
    hint.textContent = model.get("hint");
  };
  model.on("change:value", show);
  model.on("change:alt change:hint", tell);
  show();
  tell();

  let timer;
  const measure = () => {
    if (!el.clientWidth) return; // on a hidden page
    model.set("width", el.clientWidth);
    model.set("pixel_ratio", devicePixelRatio);
    model.save_changes();
  };
  const observer = new ResizeObserver(() => {
    clearTimeout(timer);
    timer = setTimeout(measure, SETTLE_MS);
  });
  observer.observe(el);
  return () => {
    observer.disconnect();
    clearTimeout(timer);
    model.off("change:value", show);
    model.off("change:alt change:hint", tell);
    if (url) URL.revokeObjectURL(url);
  };
}

export default { render };
