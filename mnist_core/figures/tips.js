// Put before the scripts of drawings whose parts explain themselves where they stand: what carries
// `data-tip` is explained by it, on hover, touch and focus, until Escape.

const explained = new WeakSet();

function explain(host) {
  if (explained.has(host)) return;
  explained.add(host);
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true"); // a part's description is read with the part
  host.parentNode.append(tip);
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const part = event.target.closest("[data-tip]");
    tip.hidden = !part;
    if (!part) return;
    tip.textContent = part.dataset.tip;
    const box = part.getBoundingClientRect();
    const focused = event.type === "focusin";
    const [x, y] = focused ? [box.right, box.bottom] : [event.clientX + 14, event.clientY + 16];
    const above = (focused ? box.top : event.clientY - 12) - tip.offsetHeight;
    tip.style.left = `${Math.max(4, Math.min(x, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${y + tip.offsetHeight < innerHeight ? y : above}px`;
  };
  for (const kind of ["pointerover", "pointermove", "focusin"]) host.addEventListener(kind, show);
  for (const kind of ["pointerleave", "focusout"]) host.addEventListener(kind, hide);
  host.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
}
