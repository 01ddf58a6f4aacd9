// Shows one SVG drawing in place, in the page's own font and colours. What carries `data-press`
// can be pressed with mouse, finger or keyboard and is reported by that name. With a clock it moves:
// see `since`, `until`, `pulse` and `growing` in diagram.py.

const followed = new WeakMap();
const FADE = 0.35; // of a step

function move(host, time) {
  const share = (value) => Math.max(0, Math.min(1, value));
  for (const part of host.querySelectorAll("[data-since], [data-until]")) {
    const { since = -Infinity, until = Infinity } = part.dataset;
    part.style.opacity = share(1 + (time - since) / FADE) * share((until - time) / FADE);
  }
  for (const part of host.querySelectorAll("[data-pulse]")) {
    const way = time - part.dataset.pulse + 1;
    const moves = way > 0 && way < 1;
    part.style.display = moves ? "" : "none";
    const [x, y] = part.dataset.way.split(" ").map((whole) => (moves ? whole * way : 0));
    part.style.transform = `translate(${x}px, ${y}px)`;
  }
  for (const part of host.querySelectorAll("[data-growing]")) {
    part.style.transform = `scaleX(${share(time - part.dataset.growing + 1)})`;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".diagram");
  const ground = getComputedStyle(host).getPropertyValue("--st-background-color").trim();
  let svg = data.svg;
  if (isDark(ground)) {
    for (const [light, dark] of Object.entries(data.dark)) svg = svg.replaceAll(light, dark);
  }
  const focused = host.contains(host.getRootNode().activeElement)
    ? host.getRootNode().activeElement.dataset.press
    : undefined;
  host.innerHTML = svg;
  host.setAttribute("role", data.pressable ? "group" : "img");
  host.setAttribute("aria-label", data.alt);
  for (const part of host.querySelectorAll("[data-press]")) {
    if (!data.pressable) {
      part.removeAttribute("aria-label");
      continue;
    }
    part.setAttribute("tabindex", "0");
    part.setAttribute("role", "button");
    part.onclick = () => setTriggerValue("pressed", part.dataset.press);
    part.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      part.onclick();
    };
    if (part.dataset.press === focused) part.focus();
  }
  followed.get(host)?.();
  if (!data.clock) return;
  const unfollow = follow(data.clock, (time) => move(host, time));
  followed.set(host, unfollow);
  return unfollow;
}
