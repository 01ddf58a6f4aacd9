// Shows one SVG drawing in place, in the page's own font and colours. What carries `data-press`
// can be pressed with mouse, finger or keyboard and is reported by that name.

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
}
