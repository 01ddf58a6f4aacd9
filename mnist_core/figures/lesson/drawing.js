// Numbers and colours of the drawings that scripts of the lesson make. Goes before such a script.

function number(value, digits = 2) {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

// The colours of `data` for the page's theme, and its ground.
function themed(data, host) {
  const ground = getComputedStyle(host).getPropertyValue("--st-background-color").trim();
  const dark = isDark(ground);
  const pick = (colour) => (dark ? data.dark[colour] ?? colour : colour);
  const found = Object.fromEntries(Object.entries(data.colours).map(([k, c]) => [k, pick(c)]));
  return { ground, zero: dark ? "#262c36" : "#f0f2f5", dark, ...found };
}

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
