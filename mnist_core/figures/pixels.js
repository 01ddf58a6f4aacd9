// Draws groups of small images, each group on one canvas with crisp pixels, tells the value under
// the mouse and reports the pixel that was pressed (or chosen with the arrow keys and Enter).
// connections.js, which follows it, shows where a value comes from.

const GAP = 4; // between two images, in screen pixels
const LEAST_SIDE = 22; // of an image on screen
const CAPTION = 18; // height of the text under an image
const SHRINK = [1, 0.85, 0.7, 0.55, 0.4]; // how much smaller a strip's images may get to fit
const TOO_LONG = 0.7; // how much smaller they are where the strip has to be scrolled all the same
const NARROW = 600; // on a page narrower than this nothing stands beside a scrolled strip
const SHARED_GAP = 40; // between groups that share the width, for the lines between them
const PAGE_TYPE = 17; // pixels: the page's type; a projector's is at least LARGE_TYPE
const LARGE_TYPE = 21;
const views = new WeakMap();

// A plain loop: with Uint8Array.from the maps of one layer take ten times as long.
function numbers(base64) {
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

// Colours that were asked for before: to read one from a canvas takes milliseconds.
const known = new Map();

function rgb(colour) {
  if (!known.has(colour)) known.set(colour, readColour(colour));
  return known.get(colour);
}

function readColour(colour) {
  const paint = document.createElement("canvas").getContext("2d");
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  return Array.from(paint.getImageData(0, 0, 1, 1).data.slice(0, 3));
}

const rgbOf = (numbers) => `rgb(${numbers.join(", ")})`;

function make(tag, className, parent) {
  const element = document.createElement(tag);
  element.className = className;
  parent.append(element);
  return element;
}

function themeOf(data, element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  const ground = rgb(colour("--st-background-color"));
  const dark = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2] < 128;
  const ends = dark ? data.dark : data.light;
  return {
    zero: dark ? [38, 44, 54] : [240, 242, 245],
    positive: rgb(ends.positive),
    negative: rgb(ends.negative),
    accent: ends.positive,
    text: colour("--st-text-color"),
    font: colour("--st-font"),
    mark: dark ? "#ffffff" : "#111111",
    halo: dark ? "#000000" : "#ffffff",
  };
}

// The colour of a value; 4 numbers, the last is opacity.
function paintValue(group, value, theme, out, at) {
  if (!Number.isFinite(value)) return; // stays transparent
  if (group.palette === "ink") {
    const level = 255 * Math.min(Math.max(value / group.limit, 0), 1);
    out.set([level, level, level, 255], at);
    return;
  }
  const end = value < 0 ? theme.negative : theme.positive;
  const share = Math.min(Math.abs(value) / group.limit, 1);
  const start = theme.zero;
  for (let c = 0; c < 3; c++) out[at + c] = start[c] + share * (end[c] - start[c]);
  out[at + 3] = 255;
}

// All images of a group at one screen pixel a value, over one another in a column.
function paintAll(group, theme) {
  const sheet = new OffscreenCanvas(group.width, group.height * group.count);
  const paint = sheet.getContext("2d");
  const picture = paint.createImageData(sheet.width, sheet.height);
  const size = group.width * group.height;
  for (let i = 0; i < group.pixels.length; i++) {
    paintValue(group, group.pixels[i], theme, picture.data, 4 * i);
    if (!group.behind) continue;
    const ink = 255 * group.behind[i % size];
    const share = Math.min(Math.abs(group.pixels[i]) / group.limit, 1);
    const end = group.pixels[i] < 0 ? theme.negative : theme.positive;
    for (let c = 0; c < 3; c++) {
      picture.data[4 * i + c] = ink * (1 - 0.85 * share) + 0.85 * share * end[c];
    }
    picture.data[4 * i + 3] = 255;
  }
  paint.putImageData(picture, 0, 0);
  return sheet;
}

// How large a pixel is on screen, and how many images stand in a row.
function arrange(group, width, data, shrink) {
  const caption = group.captions.length ? CAPTION : 0;
  const least = Math.max(1, Math.ceil(LEAST_SIDE / Math.max(group.width, group.height)));
  const fit = (scale) => {
    const side = group.width * scale + GAP;
    let columns = Math.max(1, Math.min(group.count, Math.floor((width + GAP) / side)));
    if (data.strip) columns = Math.ceil(Math.sqrt(group.count));
    const rows = Math.ceil(group.count / columns);
    const high = rows * (group.height * scale + GAP + caption) - GAP;
    return { scale, columns, rows, caption, width: columns * side - GAP, height: high };
  };
  for (let scale = group.largest; scale > least; scale--) {
    const layout = fit(scale);
    if (layout.height <= data.height * shrink && (data.strip || layout.width <= width)) return layout;
  }
  let layout = fit(least);
  if (!data.strip && layout.width > width) layout = fit(width / group.width);
  return layout;
}

// On a projector images grow with the page's type.
function enlargement() {
  const type = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return type >= LARGE_TYPE ? type / PAGE_TYPE : 1;
}

function cornerOf(layout, group, image) {
  return [
    (image % layout.columns) * (group.width * layout.scale + GAP),
    Math.floor(image / layout.columns) * (group.height * layout.scale + GAP + layout.caption),
  ];
}

function frame(paint, x, y, width, height, theme) {
  for (const [colour, line] of [[theme.halo, 4], [theme.mark, 2]]) {
    paint.strokeStyle = colour;
    paint.lineWidth = line;
    paint.strokeRect(x, y, width, height);
  }
}

function drawGroup(part, theme) {
  const { group, layout, canvas } = part;
  const larger = enlargement();
  const ratio = larger * (window.devicePixelRatio || 1);
  canvas.width = Math.round(layout.width * ratio);
  canvas.height = Math.round(layout.height * ratio);
  canvas.style.width = `${layout.width * larger}px`;
  canvas.style.height = `${layout.height * larger}px`;
  const paint = canvas.getContext("2d");
  paint.scale(ratio, ratio);
  paint.imageSmoothingEnabled = false;
  const sheet = paintAll(group, theme);
  const { width, height } = group;
  const [across, down] = [width * layout.scale, height * layout.scale];
  for (let image = 0; image < group.count; image++) {
    const [x, y] = cornerOf(layout, group, image);
    paint.drawImage(sheet, 0, image * height, width, height, x, y, across, down);
    if (group.captions[image]) {
      paint.fillStyle = theme.text;
      paint.font = `13px ${theme.font}`;
      paint.textAlign = "center";
      paint.fillText(group.captions[image], x + across / 2, y + down + 14, across + GAP);
    }
  }
  const s = layout.scale;
  for (const box of group.boxes) {
    const [x, y] = cornerOf(layout, group, box.image);
    frame(paint, x + box.left * s, y + box.top * s, (box.right - box.left) * s,
      (box.bottom - box.top) * s, theme);
  }
  if (part.cursor) {
    const [x, y] = cornerOf(layout, group, part.cursor.image);
    if (group.count > 1) frame(paint, x + 1, y + 1, across - 2, down - 2, theme);
    frame(paint, x + part.cursor.column * s, y + part.cursor.row * s, s, s, theme);
  }
}

function pixelAt(part, event) {
  const { group, layout, canvas } = part;
  const place = canvas.getBoundingClientRect();
  const zoom = layout.width / place.width;
  const [x, y] = [(event.clientX - place.left) * zoom, (event.clientY - place.top) * zoom];
  const across = group.width * layout.scale + GAP;
  const down = group.height * layout.scale + GAP + layout.caption;
  const column = Math.floor((x % across) / layout.scale);
  const row = Math.floor((y % down) / layout.scale);
  const image = Math.floor(y / down) * layout.columns + Math.floor(x / across);
  if (x < 0 || y < 0 || x >= layout.width || image >= group.count) return null;
  if (column >= group.width || row >= group.height) return null;
  const value = group.pixels[(image * group.height + row) * group.width + column];
  return Number.isNaN(value) && group.tile ? null : { image, row, column, value };
}

const short = (value) =>
  Number.isFinite(value) ? String(Number(value.toPrecision(4))).replace("-", "−") : "not a number";

function words(group, { image, row, column, value }) {
  const name = group.names[image] ?? `${group.noun} ${image}`;
  if (group.noun === "tile") return `${name} ${row * group.width + column}: ${short(value)}`;
  if (group.width * group.height === 1) return `${name}: ${short(value)}`;
  return `${name}\nrow ${row}, column ${column}: ${short(value)}`;
}

function connect(view, part) {
  const { canvas } = part;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const tip = view.tip;
  canvas.onpointermove = (event) => {
    const pixel = pixelAt(part, event);
    pointAt(view, pixel && { part, pixel });
    if (!pixel) return;
    tip.textContent = words(part.group, pixel);
    const more = reasons(view, part, pixel);
    if (more) tip.append(more);
    const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 16 + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${below ? event.clientY + 16 : event.clientY - 12 - tip.offsetHeight}px`;
  };
  canvas.onpointerleave = () => pointAt(view, null);
  canvas.onclick = (event) => {
    const pixel = pixelAt(part, event);
    if (pixel) choose(view, part, pixel);
  };
  canvas.onkeydown = (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const cursor = part.cursor ?? { image: 0, row: 0, column: 0 };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(view, part, cursor);
    }
    if (!(event.key in moves)) return;
    event.preventDefault();
    part.cursor = moved(part, cursor, ...moves[event.key]);
    drawGroup(part, view.theme);
    linkUp(view);
  };
}

// What the mouse is over, or null.
function pointAt(view, over) {
  view.tip.hidden = !over;
  view.over = over;
  linkUp(view);
}

// One pixel on; over an image's edge, into the image that lies there, if there is one.
function moved({ group, layout }, { image, row, column }, down, across) {
  const { width, height, count } = group;
  const inside = (at, size) => at >= 0 && at < size;
  const [newRow, newColumn] = [row + down, column + across];
  if (inside(newRow, height) && inside(newColumn, width)) {
    return { image, row: newRow, column: newColumn };
  }
  const next = image + across + down * layout.columns;
  if (!inside(next, count)) return { image, row, column };
  const wrapped = (at, size) => (at + size) % size;
  return { image: next, row: wrapped(newRow, height), column: wrapped(newColumn, width) };
}

function choose(view, part, { image, row, column }) {
  part.cursor = { image, row, column }; // at once; an answer of the server follows
  drawGroup(part, view.theme);
  linkUp(view);
  // By the unit, too: the order of the images may be another one by now.
  const link = view.data.connection;
  const unit = link?.target === part.group.key ? link.units[image] : undefined;
  view.send({ group: part.group.key, image, row, column, unit: unit ?? null });
}

function fillCaption(view, figure, group) {
  const caption = figure.querySelector("figcaption");
  caption.replaceChildren();
  if (!group.title && !group.note) return;
  const title = make(group.opens ? "button" : "span", "title", caption);
  title.textContent = group.title;
  if (group.opens) title.onclick = () => view.send({ group: group.key, image: -1, row: 0, column: 0 });
  if (group.note) make("span", "note", caption).textContent = group.note;
}

function showBars(figure, group) {
  let grid = figure.querySelector(".bars");
  grid ??= make("div", "bars", figure);
  grid.replaceChildren();
  const best = group.shares.indexOf(Math.max(...group.shares));
  group.shares.forEach((share, index) => {
    const mark = index === best ? "best" : "other";
    make("span", mark, grid).textContent = group.names[index];
    const bar = make("div", "bar", make("div", `track ${mark}`, grid));
    bar.style.width = `${Math.max(100 * share, 0.5)}%`;
    make("span", mark, grid).textContent = `${(100 * share).toFixed(1)}%`;
  });
}

function show(view) {
  const { data, root } = view;
  if (!root.clientWidth) return; // in a hidden tab; the observer calls again when it is shown
  // Images of the same sizes on a page as wide fit as they did before.
  const sizes = data.groups.map((group) => [group.kind, group.count, group.height, group.width]);
  const { strip, height, shares } = data;
  const form = JSON.stringify([root.clientWidth, enlargement(), strip, height, shares, sizes]);
  if (view.form === form) return showAll(view, view.shrink);
  view.shrink = fitting(view);
  view.form = form;
}

// Show all groups, in a strip as large as one row has room for; returns how much smaller that is.
function fitting(view) {
  const { data, root } = view;
  root.classList.remove("long");
  for (const shrink of data.strip ? SHRINK : [1]) {
    showAll(view, shrink);
    if (!data.strip || root.scrollWidth <= root.clientWidth) return shrink;
  }
  showAll(view, TOO_LONG);
  root.classList.toggle("long", root.clientWidth > NARROW);
  root.querySelector(".opened")?.scrollIntoView({ block: "nearest", inline: "center" });
  sayMore(view);
  return TOO_LONG;
}

function showAll(view, shrink) {
  const { data, root } = view;
  view.width = root.clientWidth;
  view.theme = themeOf(data, root);
  view.parts = {};
  view.over = null;
  const { accent, mark, halo } = view.theme;
  const ends = { plus: rgbOf(view.theme.positive), minus: rgbOf(view.theme.negative) };
  for (const [name, colour] of Object.entries({ accent, mark, halo, ...ends })) {
    for (const element of [root, view.tip]) element.style.setProperty(`--${name}`, colour);
  }
  root.classList.toggle("strip", data.strip);
  root.classList.toggle("pair", data.shares.length > 0);
  root.setAttribute("aria-label", data.alt);
  const figures = root.querySelectorAll("figure");
  figures.forEach((figure, index) => index >= data.groups.length && figure.remove());
  data.groups.forEach((group, index) => {
    let figure = figures[index];
    if (figure && figure.dataset.kind !== group.kind) {
      const fresh = document.createElement("figure");
      figure.replaceWith(fresh);
      figure = fresh;
    }
    figure ??= make("figure", "", root);
    figure.dataset.kind = group.kind;
    figure.dataset.group = group.key;
    figure.classList.toggle("opened", group.opened);
    if (!figure.querySelector("figcaption")) make("figcaption", "", figure);
    fillCaption(view, figure, group);
    if (group.kind === "label") return;
    if (group.kind === "bars") return showBars(figure, group);
    const canvas = figure.querySelector("canvas") ?? make("canvas", "", figure);
    const room = roomFor(view, index);
    const cursor = chosenIn(data) ?? group.selected;
    const part = { group, canvas, cursor, layout: arrange(group, room, data, shrink) };
    canvas.classList.toggle("opens", group.opens);
    canvas.setAttribute("aria-label", [group.title, group.note].filter(Boolean).join(", "));
    view.parts[group.key] = part;
    connect(view, part);
    drawGroup(part, view.theme);
  });
  linkUp(view);
  sayMore(view);
}

// The image that has been chosen in the browser, of which the server does not know.
function chosenIn({ choice }) {
  const image = choice ? sharedAs(choice).value : undefined;
  return image === undefined ? undefined : { image: Number(image), row: 0, column: 0 };
}

// How wide a group's images may be: with shares they stand side by side where the page is wide.
function roomFor({ width, data }, index) {
  const share = data.shares.length && width > NARROW
    ? data.shares[index] / data.shares.reduce((sum, one) => sum + one, 0) : 1;
  return (width * share - (share < 1 ? SHARED_GAP : 0)) / enlargement();
}

// Below a strip that goes on to the right: that it does.
function sayMore({ root, more }) {
  more.hidden = root.scrollWidth - root.clientWidth - root.scrollLeft < 8;
}

// Streamlit calls this for new data and for a change of theme.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".view");
  let view = views.get(root);
  if (!view) {
    view = { root, tip: make("div", "tip", parentElement), more: make("p", "more", parentElement) };
    view.tip.hidden = view.more.hidden = true;
    view.more.textContent = "More layers to the right →";
    root.onscroll = () => sayMore(view);
    view.sizes = new ResizeObserver(() => root.clientWidth !== view.width && show(view));
    view.sizes.observe(root);
    views.set(root, view);
  }
  for (const group of data.groups) {
    if (group.kind !== "images") continue;
    group.pixels = numbers(group.values);
    group.behind = group.backdrop && numbers(group.backdrop);
    group.tile = group.noun === "tile";
  }
  const link = data.connection;
  if (link) link.numbers = link.weights && weightsOf(link.weights, link.step);
  view.data = data;
  view.send = data.choice
    ? ({ image }) => setShared(data.choice, String(image))
    : (click) => setTriggerValue("clicked", click);
  view.tip.hidden = true;
  show(view);
  return () => { view.tip.hidden = true; };
}
