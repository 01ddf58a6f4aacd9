// Draws a network while it trains: the image at the left, each block of layers as a column of
// small images, the probabilities at the right. Between two frames the values glide.

const GLIDE = 300; // milliseconds from one frame to the next
const CALM = 1000; // least time between two frames where motion is not wanted
const NARROW = 620; // pixels: below, the blocks lie below one another
const GAP = 3; // between two tiles
const LABEL = 20; // height of a line of text
const SHORT = 740; // pixels of a window in which the network gets less height
const MOST_LINES = 160; // connections drawn between two blocks

const views = new WeakMap();

// --- Messages -------------------------------------------------------------------------------

// A frame's arrays as floats, by name, for each of its panels.
function unpack({ header, data }) {
  const about = JSON.parse(header);
  const bytes = new Int8Array(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
  let start = 0;
  const panels = about.panels.map((panel) => {
    const arrays = {};
    for (const name of ["maps", "kernels", "edges"]) {
      if (!panel[name]) continue;
      const { shape, scale } = panel[name];
      const size = shape.reduce((a, b) => a * b, 1);
      const values = new Float32Array(size);
      for (let i = 0; i < size; i++) values[i] = bytes[start + i] * scale;
      start += size;
      arrays[name] = { shape, values, top: 127 * scale };
    }
    return { name: panel.name, kind: panel.kind, units: panel.units, shown: panel.shown, ...arrays };
  });
  return { step: about.step, probabilities: about.probabilities.map((p) => p ?? 0), panels };
}

function sameForm(a, b) {
  return a && a.panels.length === b.panels.length && a.panels.every((panel, i) =>
    panel.name === b.panels[i].name && panel.maps.values.length === b.panels[i].maps.values.length);
}

// The frame `share` of the way from `from` to `to`.
function between(from, to, share) {
  if (share >= 1 || !sameForm(from, to)) return to;
  const mix = (a, b) => a + (b - a) * share;
  const array = (a, b) => b && a && {
    shape: b.shape, top: mix(a.top, b.top), values: b.values.map((value, i) => mix(a.values[i], value)),
  };
  return {
    step: to.step,
    probabilities: to.probabilities.map((p, i) => mix(from.probabilities[i] ?? 0, p)),
    panels: to.panels.map((panel, i) => ({
      ...panel,
      maps: array(from.panels[i].maps, panel.maps),
      kernels: array(from.panels[i].kernels, panel.kernels),
      edges: array(from.panels[i].edges, panel.edges),
    })),
  };
}

// --- Colours --------------------------------------------------------------------------------

function rgb(colour) {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

// 256 colours through the given ones, evenly spaced.
function ramp(...stops) {
  const colours = stops.map(rgb);
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (colours.length - 1);
    const low = Math.min(Math.floor(at), colours.length - 2);
    return colours[low].map((c, k) => Math.round(c + (colours[low + 1][k] - c) * (at - low)));
  });
}

// `ink` from nothing to much, `signed` from negative over zero to positive; as in the charts.
function palette(host) {
  const style = getComputedStyle(host);
  const of = (name) => style.getPropertyValue(name).trim();
  const ground = of("--st-background-color") || "#fff";
  const dark = rgb(ground).reduce((a, b) => a + b) < 384;
  return {
    ground, dark,
    text: of("--st-text-color"),
    quiet: dark ? "#a9b4c2" : "#56616f",
    faint: dark ? "rgba(152,163,179,0.30)" : "rgba(104,116,131,0.28)",
    font: of("--st-font") || "sans-serif",
    accent: dark ? "#4da3ff" : "#0b6fc2",
    wrong: dark ? "#ff8c3a" : "#d9600a",
    bar: dark ? "#2b3543" : "#e3e9f0",
    digit: ramp("#05070a", "#ffffff"),
    ink: dark ? ramp("#1b222c", "#1f4f86", "#4da3ff", "#e8f4ff") : ramp("#eef2f7", "#9cc4ec", "#0b6fc2", "#062a52"),
    signed: dark ? ramp("#ffb27a", "#e0701f", "#262e39", "#3f8fe8", "#b5dcff")
      : ramp("#8a3600", "#e8862f", "#f1f4f8", "#3d8fdb", "#063e78"),
  };
}

// --- Small images ---------------------------------------------------------------------------

// One sheet with all units' images side by side; of single numbers, a pixel each.
function sheet(array, colours, signed, canvas) {
  const [count, height = 1, width = 1] = array.shape;
  canvas.width = count * width;
  canvas.height = height;
  const paint = canvas.getContext("2d");
  const image = paint.createImageData(canvas.width, height);
  const ramp = signed ? colours.signed : colours.ink;
  const top = array.top || 1;
  for (let unit = 0; unit < count; unit++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const value = array.values[(unit * height + y) * width + x] / top;
        const level = signed ? 127.5 + 127.5 * value : 255 * value;
        const colour = ramp[Math.max(0, Math.min(255, Math.round(level)))];
        const at = 4 * (y * canvas.width + unit * width + x);
        image.data[at] = colour[0];
        image.data[at + 1] = colour[1];
        image.data[at + 2] = colour[2];
        image.data[at + 3] = 255;
      }
    }
  }
  paint.putImageData(image, 0, 0);
  return { canvas, width, height };
}

function hasNegative(array) {
  return array.values.some((value) => value < -0.02 * array.top);
}

// --- Where everything goes ------------------------------------------------------------------

// Tiles of one panel in a box: how many columns and rows, and a tile's side.
function grid(count, width, height, most = 64) {
  let best = { side: 0, columns: 1, rows: count };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const side = Math.min((width - GAP * (columns - 1)) / columns, (height - GAP * (rows - 1)) / rows, most);
    if (side > best.side + 0.5) best = { side: Math.floor(side), columns, rows };
  }
  return best;
}

function tiles(panel, box, most) {
  const count = panel.shown.length;
  const { side, columns, rows } = grid(count, box.width, box.height, most);
  const width = columns * side + GAP * (columns - 1);
  const height = rows * side + GAP * (rows - 1);
  const left = box.left + (box.width - width) / 2;
  const top = box.top + (box.height - height) / 2;
  const places = Array.from({ length: count }, (_, i) => ({
    x: left + (i % columns) * (side + GAP), y: top + Math.floor(i / columns) * (side + GAP), side,
  }));
  return { places, left, right: left + width, top, bottom: top + height };
}

// How much of the width a panel wants: more for many units, and for units that are images.
function weight(panel) {
  const pixels = (panel.maps.shape[1] ?? 1) > 8 || panel.kernels?.shape[1] > 14 ? 1 : 0.62;
  return (0.55 + 0.45 * Math.min(1, panel.shown.length / 16)) * (panel.maps.shape.length === 3 || panel.kernels ? pixels : 0.62);
}

function layOut(frame, width, classes) {
  const hidden = frame.panels.slice(0, -1);
  const rows = Math.min(classes, 10);
  if (width < NARROW) {
    const side = Math.min(104, width * 0.27);
    const output = { left: side + 30, right: width, top: 4, row: 17, rows };
    const place = { input: { x: 0, y: (17 * rows + 8 - side) / 2, side }, output, panels: [], narrow: true };
    let y = 17 * rows + 22;
    for (const panel of hidden) {
      const columns = Math.min(panel.shown.length, panel.shown.length > 20 ? 16 : 8);
      const tile = Math.min(44, (width - GAP * (columns - 1)) / columns);
      const height = Math.ceil(panel.shown.length / columns) * (tile + GAP);
      place.panels.push({ label: { x: 0, y: y + 12, align: "left" },
        ...tiles(panel, { left: 0, top: y + LABEL, width, height }, tile) });
      y += LABEL + height + 12;
    }
    return { ...place, height: y };
  }
  const height = Math.round(Math.min(290, Math.max(innerHeight < SHORT ? 206 : 228, width * 0.2)));
  const gap = hidden.length > 6 ? 20 : 34;
  const side = Math.min(112, height - 2 * LABEL - 20);
  const right = 176;
  const room = width - side - right - gap * (hidden.length + 1);
  const sum = hidden.reduce((all, panel) => all + weight(panel), 0) || 1;
  const body = height - LABEL - 4;
  const share = Math.min(room / sum, body * 2.1);
  let x = side + gap + (room - share * sum) / 2;
  const row = Math.min(24, body / rows);
  const place = {
    input: { x: 0, y: LABEL + (body - side) / 2, side },
    output: { left: width - right, right: width, top: LABEL + (body - row * rows) / 2, row, rows },
    panels: [], height,
  };
  for (const panel of hidden) {
    const own = share * weight(panel);
    const box = { left: x, top: LABEL + 4, width: own, height: body };
    place.panels.push({ label: { x: x + own / 2, y: 13, align: "center", width: own + gap - 6 }, ...tiles(panel, box, 80) });
    x += own + gap;
  }
  return place;
}

// --- Drawing --------------------------------------------------------------------------------

const NAMES = {
  conv: "convolution", dense: "dense", max_pool: "max pooling", average_pool: "average pooling",
  global_average_pool: "global average", output: "output",
};

function rounded(paint, x, y, width, height, radius) {
  paint.beginPath();
  paint.roundRect(x, y, width, height, radius);
}

function picture(paint, sheet, index, x, y, side, radius) {
  paint.save();
  rounded(paint, x, y, side, side, radius);
  paint.clip();
  paint.imageSmoothingEnabled = false;
  // A thin frame of a unit's neighbour would show where the side is no multiple of its pixels.
  paint.drawImage(sheet.canvas, index * sheet.width, 0, sheet.width, sheet.height, x, y, side, side);
  paint.restore();
}

function clear(view) {
  const { canvas, width, place } = view;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(place.height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.height = `${place.height}px`;
  }
  const paint = canvas.getContext("2d");
  paint.setTransform(ratio, 0, 0, ratio, 0, 0);
  paint.clearRect(0, 0, width, place.height);
  return paint;
}

function draw(view, frame) {
  const paint = clear(view);
  const { place, colours, mode } = view;
  flow(paint, view);
  frame.panels.forEach((panel, index) => panel.edges && lines(paint, view, frame, index));
  input(paint, view);
  place.panels.forEach((box, index) => {
    const panel = frame.panels[index];
    const signed = mode === "gradients" || hasNegative(panel.maps);
    const maps = sheet(panel.maps, colours, signed, view.sheets[index]);
    const kernels = panel.kernels && sheet(panel.kernels, colours, true, view.moreSheets[index]);
    const first = mode === "weights" && kernels ? kernels : maps;
    const inset = kernels && (first === kernels ? maps : kernels);
    for (const [unit, { x, y, side }] of box.places.entries()) {
      picture(paint, first, unit, x, y, side, Math.min(5, side / 6));
      const share = panel.maps.shape.length === 1 ? 0.52 : 0.34; // a neuron's output is one colour
      if (inset && side >= 26) corner(paint, colours, inset, unit, x, y, side, share);
    }
    caption(paint, view, panel, box.label);
  });
  output(paint, view, frame);
}

// What belongs to a unit besides what its tile shows: its kernel on its feature map, or the reverse.
function corner(paint, colours, sheet, unit, x, y, side, share) {
  const small = Math.round(side * share);
  const [left, top] = [x + 2, y + side - small - 2];
  paint.fillStyle = colours.ground;
  rounded(paint, left - 1.5, top - 1.5, small + 3, small + 3, 4);
  paint.fill();
  picture(paint, sheet, unit, left, top, small, 3);
}

function caption(paint, view, panel, { x, y, align, width }) {
  const shown = panel.shown.length < panel.units ? `${panel.shown.length} of ${panel.units}` : `${panel.units}`;
  paint.textAlign = align;
  paint.textBaseline = "alphabetic";
  const name = NAMES[panel.kind] ?? panel.name;
  paint.font = `600 13px ${view.colours.font}`;
  const long = paint.measureText(`${name}  ${shown}`).width <= (width ?? 400);
  const first = long ? name : name.replace("convolution", "conv").replace(/ pooling| average/, "");
  const space = paint.measureText(`${first} `).width;
  paint.font = `13px ${view.colours.font}`;
  const rest = paint.measureText(shown).width;
  const left = align === "left" ? x : x - (space + rest) / 2;
  paint.textAlign = "left";
  paint.fillStyle = view.colours.quiet;
  paint.fillText(shown, left + space, y);
  paint.font = `600 13px ${view.colours.font}`;
  paint.fillStyle = view.colours.text;
  paint.fillText(first, left, y);
}

function input(paint, view) {
  const { place: { input: { x, y, side } }, colours } = view;
  picture(paint, view.image, 0, x, y, side, 7);
  paint.strokeStyle = colours.faint;
  paint.lineWidth = 1;
  rounded(paint, x + 0.5, y + 0.5, side - 1, side - 1, 7);
  paint.stroke();
}

// Soft bands from column to column: the way the image takes.
function flow(paint, view) {
  const { place, colours } = view;
  if (place.narrow) return;
  const { input, output } = place;
  const columns = [
    { right: input.x + input.side, top: input.y, bottom: input.y + input.side },
    ...place.panels,
    { left: output.left, top: output.top, bottom: output.top + output.row * output.rows },
  ];
  paint.fillStyle = colours.faint;
  for (let i = 1; i < columns.length; i++) {
    const [a, b] = [columns[i - 1], columns[i]];
    const [x0, x1] = [a.right + 4, b.left - 5];
    const middle = (x0 + x1) / 2;
    paint.globalAlpha = 0.3;
    paint.beginPath();
    paint.moveTo(x0, a.top + 3);
    paint.bezierCurveTo(middle, a.top + 3, middle, b.top + 3, x1, b.top + 3);
    paint.lineTo(x1, b.bottom - 3);
    paint.bezierCurveTo(middle, b.bottom - 3, middle, a.bottom - 3, x0, a.bottom - 3);
    paint.fill();
    paint.globalAlpha = 1;
  }
}

// The strongest connections between two blocks whose units are all shown: weight times input,
// the weight itself, or its gradient.
function lines(paint, view, frame, index) {
  const { place, colours, mode } = view;
  if (place.narrow || index === 0) return;
  const { values, shape: [count, to] } = frame.panels[index].edges;
  const before = frame.panels[index - 1].maps.values;
  const strength = (i, j) => values[i * to + j] * (mode === "activations" ? before[i] : 1);
  const all = [];
  for (let i = 0; i < count; i++) for (let j = 0; j < to; j++) all.push([i, j, strength(i, j)]);
  all.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
  const top = Math.abs(all[0]?.[2]) || 1;
  const end = (j) => index < place.panels.length
    ? { x: place.panels[index].left - 3, y: place.panels[index].places[j].y + place.panels[index].places[j].side / 2 }
    : { x: place.output.left - 3, y: place.output.top + (j + 0.5) * place.output.row };
  for (const [i, j, value] of all.slice(0, MOST_LINES).reverse()) {
    const share = Math.abs(value) / top;
    if (share < 0.03 || (index === place.panels.length && j >= place.output.rows)) continue;
    const box = place.panels[index - 1];
    const { x, y, side } = box.places[i];
    // Units of one row leave the block one above the other.
    const from = { x: box.right + 3, y: y + side * (0.15 + 0.7 * (x - box.left) / (box.right - box.left)) };
    const target = end(j);
    const middle = (from.x + target.x) / 2;
    paint.strokeStyle = value > 0 ? colours.accent : colours.wrong;
    paint.globalAlpha = 0.12 + 0.7 * share;
    paint.lineWidth = 0.5 + 2.2 * share;
    paint.beginPath();
    paint.moveTo(from.x, from.y);
    paint.bezierCurveTo(middle, from.y, middle, target.y, target.x, target.y);
    paint.stroke();
  }
  paint.globalAlpha = 1;
}

function output(paint, view, frame) {
  const { place: { output: { right, top, row, rows } }, colours, data } = view;
  let { left } = view.place.output;
  const probabilities = frame.probabilities;
  const best = probabilities.indexOf(Math.max(...probabilities));
  // Of many classes those that are most likely.
  const order = probabilities.map((_, i) => i);
  const shown = probabilities.length <= rows ? order
    : order.sort((a, b) => probabilities[b] - probabilities[a]).slice(0, rows);
  const names = data.classes;
  const { kernels } = frame.panels.at(-1);
  const tile = kernels && row >= 15 && !view.place.narrow ? Math.floor(row - 4) : 0;
  const weights = tile && sheet(kernels, colours, true, view.moreSheets.at(-1));
  if (tile) left += tile + 6;
  const wide = Math.max(...shown.map((c) => names[c].length)) > 2 ? 54 : 18;
  const bar = { left: left + wide, width: right - left - wide - 44 };
  paint.textBaseline = "middle";
  shown.forEach((c, i) => {
    const y = top + i * row;
    const p = probabilities[c];
    const right_one = data.label === null ? c === best : c === data.label;
    const tone = right_one ? colours.accent : colours.wrong;
    paint.font = `${c === best || c === data.label ? 700 : 400} 14px ${colours.font}`;
    paint.textAlign = "left";
    if (tile) picture(paint, weights, c, left - tile - 5, y + 2, tile, 3);
    paint.fillStyle = c === data.label ? colours.accent : colours.text;
    paint.fillText(names[c].slice(0, 7), left + 2, y + row / 2 + 1);
    paint.fillStyle = colours.bar;
    rounded(paint, bar.left, y + row * 0.2, bar.width, row * 0.6, 3);
    paint.fill();
    paint.fillStyle = tone;
    paint.globalAlpha = c === best || right_one ? 1 : 0.75;
    rounded(paint, bar.left, y + row * 0.2, bar.width * p, row * 0.6, Math.min(3, bar.width * p / 2));
    paint.fill();
    paint.globalAlpha = 1;
    if (p >= 0.005) {
      paint.textAlign = "right";
      paint.font = `${c === best ? 600 : 400} 13px ${colours.font}`;
      paint.fillStyle = c === best ? colours.text : colours.quiet;
      paint.fillText(`${Math.round(100 * p)}%`, right, y + row / 2 + 1);
    }
  });
}

// --- A view's life --------------------------------------------------------------------------

function open(host) {
  const find = (selector) => host.querySelector(selector);
  const view = {
    host, canvas: find("canvas"), tip: find(".tip"), about: find(".about"), empty: find(".empty"),
    mode: "activations", sheets: [], moreSheets: [], image: null, shownAt: 0,
    calm: matchMedia("(prefers-reduced-motion: reduce)"),
  };
  for (const button of host.querySelectorAll("[data-mode]")) {
    button.addEventListener("click", () => {
      view.mode = button.dataset.mode;
      press(view);
      view.send("gradients", view.mode === "gradients");
      redraw(view);
    });
  }
  for (const button of host.querySelectorAll("[data-choose]")) {
    button.addEventListener("click", () => view.trigger("choose", button.dataset.choose));
  }
  view.canvas.addEventListener("pointermove", (event) => point(view, event));
  view.canvas.addEventListener("pointerleave", () => (view.tip.hidden = true));
  view.sizes = new ResizeObserver(() => redraw(view));
  view.sizes.observe(view.canvas.parentElement);
  views.set(host, view);
  return view;
}

function press(view) {
  for (const button of view.host.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === view.mode));
  }
}

// On a phone the curves lie below all that is set: pressing Start brings them into view.
function bringIntoView(view, started) {
  if (!started || started === view.started) return;
  view.started = started;
  if (innerWidth > 900 || sessionStorage.mnistLabStarted === started) return;
  sessionStorage.mnistLabStarted = started;
  const bar = document.querySelector(".st-key-run_bar");
  bar?.scrollIntoView({ behavior: view.calm.matches ? "auto" : "smooth", block: "start" });
}

function redraw(view) {
  const width = Math.floor(view.canvas.parentElement.clientWidth);
  const frame = view.frame;
  if (!frame || !width) return;
  view.width = width;
  view.place = layOut(frame, width, view.data.classes.length);
  while (view.sheets.length < frame.panels.length) {
    view.sheets.push(document.createElement("canvas"));
    view.moreSheets.push(document.createElement("canvas"));
  }
  draw(view, view.now ?? frame);
}

function glide(view, from, to) {
  cancelAnimationFrame(view.motion);
  const began = performance.now();
  const step = (time) => {
    // A frame may begin before the glide that it shows.
    const share = Math.max(0, Math.min(1, (time - began) / GLIDE));
    view.now = between(from, to, 1 - (1 - share) ** 2);
    redraw(view);
    if (share < 1 && view.canvas.isConnected) view.motion = requestAnimationFrame(step);
  };
  view.motion = requestAnimationFrame(step);
}

function take(view, data) {
  const fresh = !view.data || view.data.image !== data.image;
  if (!data.frame && view.data && view.data.run !== data.run) forget(view);
  view.data = data;
  view.colours = palette(view.host);
  view.empty.textContent = data.note;
  view.empty.hidden = !data.note || Boolean(view.frame);
  if (fresh) {
    const pixels = Uint8Array.from(atob(data.image), (c) => c.charCodeAt(0));
    const values = Float32Array.from(pixels, (value) => value / 255);
    const canvas = document.createElement("canvas");
    view.image = sheet({ shape: [1, 28, 28], values, top: 1 }, { ink: view.colours.digit }, false, canvas);
  }
  for (const button of view.host.querySelectorAll("[data-choose]")) {
    const choice = button.dataset.choose;
    button.setAttribute("aria-pressed", String(choice === data.source));
    if (choice === "drawing") button.hidden = !data.drawn;
    if (choice === "misread" || choice === "inside") button.hidden = !data.misread;
    if (choice === "inside") button.removeAttribute("aria-pressed");
  }
  press(view);
  if (!data.frame) {
    if (!view.frame) return;
    return redraw(view);
  }
  const mark = data.frame.header + data.frame.data.slice(0, 4000);
  if (mark === view.mark && !fresh) return redraw(view);
  if (view.calm.matches && !fresh && performance.now() - view.shownAt < CALM) return;
  view.mark = mark;
  view.shownAt = performance.now();
  const before = view.now ?? view.frame;
  view.frame = unpack(data.frame);
  describe(view);
  if (view.calm.matches || !sameForm(before, view.frame)) {
    view.now = view.frame;
    redraw(view);
  } else {
    glide(view, before, view.frame);
  }
}

// Another run is shown, of which there is nothing to see yet.
function forget(view) {
  cancelAnimationFrame(view.motion);
  view.frame = view.now = view.mark = view.place = null;
  view.canvas.getContext("2d").clearRect(0, 0, view.canvas.width, view.canvas.height);
  view.about.textContent = "";
  delete view.host.dataset.step;
}

function describe(view) {
  const { data, frame } = view;
  const best = frame.probabilities.indexOf(Math.max(...frame.probabilities));
  const sure = Math.round(100 * frame.probabilities[best]);
  const read = `read as ${data.classes[best]} (${sure}%)`;
  view.about.textContent = `${data.title} · ${read} · step ${frame.step.toLocaleString("en")}`;
  view.canvas.setAttribute("aria-label", `The network at step ${frame.step}: ${data.title}, ${read}.`);
  view.host.dataset.step = frame.step;
}

// What lies under the mouse, in numbers.
function point(view, event) {
  const { place, tip, mode } = view;
  const frame = view.now ?? view.frame;
  if (!place || !frame) return;
  const { offsetX: x, offsetY: y } = event;
  for (const [index, box] of place.panels.entries()) {
    const unit = box.places.findIndex((p) => x >= p.x && x <= p.x + p.side && y >= p.y && y <= p.y + p.side);
    if (unit < 0) continue;
    const panel = frame.panels[index];
    const range = (array) => {
      const size = array.values.length / array.shape[0];
      const own = array.values.slice(unit * size, (unit + 1) * size);
      const number = (value) => value.toPrecision(2);
      return size === 1 ? number(own[0]) : `${number(Math.min(...own))} to ${number(Math.max(...own))}`;
    };
    const of = mode === "gradients" ? "gradient by its " : "";
    const parts = [`${panel.name}, ${panel.maps.shape.length === 3 ? "map" : "neuron"} ${panel.shown[unit] + 1} of ${panel.units}`,
      `${of}output ${range(panel.maps)}`];
    if (panel.kernels) parts.push(`${of}weights ${range(panel.kernels)}`);
    tip.textContent = parts.join(" · ");
    tip.hidden = false;
    const room = view.width - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, Math.min(room, x - tip.offsetWidth / 2))}px`;
    tip.style.top = `${y + 18}px`;
    return;
  }
  tip.hidden = true;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const host = parentElement.querySelector(".live");
  const view = views.get(host) ?? open(host);
  view.send = setStateValue;
  view.trigger = setTriggerValue;
  bringIntoView(view, data.started);
  take(view, data);
}
