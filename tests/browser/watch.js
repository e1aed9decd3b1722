// Watches, on every frame of the page, how far elements move and how they change size, and which pictures an image
// shows. Given ([selectors], image's selector); returns a function that tells, and with `true` ends the watch.

(selectors, image) => {
  const first = new Map();
  const moved = Object.fromEntries(selectors.map((selector) => [selector, 0]));
  const pictures = new Set();
  let [frames, hidden, going] = [0, 0, true];

  const box = (selector) => {
    const found = document.querySelector(selector);
    if (!found) return null;
    const { left, top, width, height } = found.getBoundingClientRect();
    return [left, top, width, height];
  };
  const look = () => {
    frames += 1;
    for (const selector of selectors) {
      const now = box(selector) ?? [1e4, 1e4, 0, 0]; // what has gone has moved far
      if (!first.has(selector)) first.set(selector, now);
      const far = Math.max(...now.map((value, place) => Math.abs(value - first.get(selector)[place])));
      moved[selector] = Math.max(moved[selector], far);
    }
    const shown = box(image);
    if (!shown || shown[2] < 100 || shown[3] < 100) hidden += 1;
    if (going) requestAnimationFrame(look);
  };
  const remember = async () => {
    try {
      const bytes = await (await fetch(document.querySelector(image).src)).arrayBuffer();
      const digest = await crypto.subtle.digest("SHA-256", bytes);
      pictures.add(String(new Uint8Array(digest)));
    } catch {
      // replaced by the next one before it was read
    }
  };
  const observer = new MutationObserver(remember);
  observer.observe(document.querySelector(image), { attributes: true, attributeFilter: ["src"] });
  remember();
  look();
  return (end) => {
    if (end) {
      going = false;
      observer.disconnect();
    }
    return { frames, hidden, moved, pictures: pictures.size };
  };
}
