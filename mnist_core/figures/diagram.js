// Shows one SVG drawing in place, in the page's own font and colours. With a choice (shared.js) what
// carries `data-press` can be chosen by that name with mouse, finger or keyboard; what belongs to it
// (`data-of`) stands out. With a clock it moves: see `since`, `until`, `pulse` and `growing` in
// diagram.py.

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

// Makes the parts of a drawing buttons, and has the chosen one stand out.
function offer(host, data) {
  for (const part of host.querySelectorAll("[data-press]")) {
    part.setAttribute("tabindex", "0");
    part.setAttribute("role", "button");
    if (part.dataset.tip) part.setAttribute("aria-description", part.dataset.tip);
    part.onclick = () => setShared(data.choice, part.dataset.press);
    part.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      part.onclick();
    };
  }
  return follow(data.choice, (chosen = data.first) => {
    host.classList.toggle("edges", /^[ho]/.test(chosen));
    for (const part of host.querySelectorAll("[data-press]")) {
      part.setAttribute("aria-pressed", part.dataset.press === chosen);
    }
    for (const part of host.querySelectorAll("[data-of]")) {
      part.classList.toggle("on", part.dataset.of.split(" ").includes(chosen));
    }
  });
}

// Parts that are no buttons. Those that explain themselves can be reached with the keyboard if they
// are to be; returns whether there are such.
function nameParts(host, reachable) {
  for (const part of host.querySelectorAll("[data-press]")) part.removeAttribute("aria-label");
  const parts = reachable ? host.querySelectorAll("g[data-tip]") : [];
  for (const part of parts) {
    part.setAttribute("tabindex", "0");
    part.setAttribute("role", "img");
    part.setAttribute("aria-label", part.dataset.tip);
  }
  return parts.length > 0;
}

export default function ({ data, parentElement }) {
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
  explain(host);
  followed.get(host)?.();
  const ends = data.choice ? [offer(host, data)] : [];
  host.setAttribute("role", data.choice || nameParts(host, data.reachable) ? "group" : "img");
  host.setAttribute("aria-label", data.alt);
  host.querySelector(`[data-press="${focused}"]`)?.focus();
  if (data.clock) ends.push(follow(data.clock, (time = Infinity) => move(host, time)));
  const end = () => ends.forEach((unfollow) => unfollow());
  followed.set(host, end);
  return end;
}
