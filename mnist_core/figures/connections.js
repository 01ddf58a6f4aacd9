// Which values of one group a value of another is computed from: outlines, lines and products.
// Runs with pixels.js, which calls `linkUp` when something is drawn or pointed at, and `reasons`
// for what stands below a value's name.

const STRONGEST = 6; // inputs of a dense neuron that get a line and a product written out
const LARGEST_PATCH = 5; // windows larger than this are outlined, their products not written out
const SVG = "http://www.w3.org/2000/svg";

// Weights as whole numbers of two bytes, in units of `step`.
function weightsOf(base64, step) {
  const letters = atob(base64);
  const found = new Float32Array(letters.length / 2);
  for (let i = 0; i < found.length; i++) {
    const bits = letters.charCodeAt(2 * i) | (letters.charCodeAt(2 * i + 1) << 8);
    found[i] = step * (bits & 0x8000 ? bits - 0x10000 : bits);
  }
  return found;
}

const valueAt = (group, { image, row, column }) =>
  group.pixels[(image * group.height + row) * group.width + column];

// The place in the source group of a dense layer's input with this number.
function placeOf(link, group, index) {
  if (!link.maps) {
    if (group.count > 1) return { image: index, row: 0, column: 0 }; // a few, each a square
    return { image: 0, row: Math.floor(index / group.width), column: index % group.width };
  }
  const at = Math.floor(index / group.count);
  return { image: index % group.count, row: Math.floor(at / group.width), column: at % group.width };
}

// The window of rows and columns that a value looks at: [top, left, bottom, right], cut at the edge.
function windowOf(link, group, { row, column }) {
  const [top, left] = [row * link.stride - link.top, column * link.stride - link.left];
  const [bottom, right] = [top + link.size, left + link.size];
  return [Math.max(top, 0), Math.max(left, 0),
    Math.min(bottom, group.height), Math.min(right, group.width)];
}

// All inputs of the value at `pixel`, each with its place, and weight and product where known.
function inputsOf(link, source, target, pixel) {
  const unit = link.units[pixel.image] ?? pixel.row * target.width + pixel.column;
  const found = [];
  const add = (place, weight) => {
    const x = valueAt(source, place);
    if (Number.isNaN(x)) return;
    found.push({ ...place, x, weight, product: weight === undefined ? undefined : weight * x });
  };
  if (link.kind === "pixel") {
    add({ ...pixel, image: source.count > 1 ? unit : 0 });
  } else if (link.kind === "dense") {
    const count = link.numbers ? link.numbers.length / link.outputs : 0;
    for (let i = 0; i < count; i++) {
      add(placeOf(link, source, i), link.numbers[i * link.outputs + unit]);
    }
  } else {
    const [top, left, bottom, right] = windowOf(link, source, pixel);
    const [first, last] = link.each_map ? [unit, unit + 1] : [0, source.count];
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const at = (row - pixel.row * link.stride + link.top) * link.size
          + column - pixel.column * link.stride + link.left;
        for (let image = first; image < last; image++) {
          add({ image, row, column },
            link.numbers?.[(at * source.count + image) * link.outputs + unit]);
        }
      }
    }
  }
  return found;
}

// The image of the source whose products count most together.
function strongestImage(inputs) {
  const totals = new Map();
  for (const { image, product } of inputs) {
    totals.set(image, (totals.get(image) ?? 0) + (product ?? 0));
  }
  return [...totals].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))[0]?.[0];
}

const strongest = (inputs) =>
  [...inputs].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, STRONGEST);

// Parts and pixel of the connection that is shown now: what is pointed at, else what is marked.
function shownLink(view) {
  const link = view.data.connection;
  const [source, target] = link ? [view.parts[link.source], view.parts[link.target]] : [];
  if (!source || !target) return null;
  const pixel = view.over?.part === target ? view.over.pixel : target.cursor;
  return pixel ? { link, source, target, pixel } : null;
}

// Draw the connection over the view, in place of the one before.
function linkUp(view) {
  view.root.querySelector("svg.links")?.remove();
  const shown = shownLink(view);
  if (!shown) return;
  const { link, source, target, pixel } = shown;
  const lines = document.createElementNS(SVG, "svg");
  lines.setAttribute("class", "links");
  lines.setAttribute("aria-hidden", "true");
  const inputs = inputsOf(link, source.group, target.group, pixel);
  const end = rectangle(view, target, pixel.image, pixel.row, pixel.column, 1, 1);
  if (link.kind === "dense") denseLines(view, lines, source, inputs, end);
  else windowLines(view, lines, shown, inputs, end);
  outline(lines, end, "end");
  view.root.append(lines);
}

function windowLines(view, lines, { link, source, pixel }, inputs, end) {
  const best = strongestImage(inputs);
  const [top, left, bottom, right] = link.kind === "pixel"
    ? [pixel.row, pixel.column, pixel.row + 1, pixel.column + 1]
    : windowOf(link, source.group, pixel);
  for (const image of new Set(inputs.map((input) => input.image))) {
    const box = rectangle(view, source, image, top, left, bottom - top, right - left);
    outline(lines, box, image === best ? "best" : "other");
    if (image !== best) continue;
    const [start, stop] = [box.x + box.width, end.x];
    const [from, to] = [[box.y, end.y], [box.y + box.height, end.y + end.height]];
    const corners = [[start, from[0]], [stop, from[1]], [stop, to[1]], [start, to[0]]];
    shape(lines, "polygon", "beam", { points: corners.join(" ") });
    for (const [left, right] of [from, to]) line(lines, start, left, stop, right, "edge");
  }
}

function denseLines(view, lines, source, inputs, end) {
  const most = strongest(inputs);
  const largest = Math.abs(most[0]?.product) || 1;
  for (const { image, row, column, product } of most) {
    const box = rectangle(view, source, image, row, column, 1, 1);
    outline(lines, box, "best");
    const drawn = line(lines, box.x + box.width / 2, box.y + box.height / 2,
      end.x, end.y + end.height / 2, product < 0 ? "minus" : "plus");
    drawn.style.strokeWidth = 1 + 3 * Math.abs(product / largest);
  }
}

// Where pixels of an image lie, in the view's own coordinates.
function rectangle(view, part, image, row, column, rows, columns) {
  const [outer, inner] = [view.root.getBoundingClientRect(), part.canvas.getBoundingClientRect()];
  const zoom = inner.width / part.layout.width;
  const [x, y] = cornerOf(part.layout, part.group, image);
  const scale = part.layout.scale;
  return {
    x: inner.left - outer.left + view.root.scrollLeft + (x + column * scale) * zoom,
    y: inner.top - outer.top + (y + row * scale) * zoom,
    width: columns * scale * zoom,
    height: rows * scale * zoom,
  };
}

function shape(parent, tag, className, numbers) {
  const drawn = document.createElementNS(SVG, tag);
  drawn.setAttribute("class", className);
  for (const [name, value] of Object.entries(numbers)) drawn.setAttribute(name, value);
  parent.append(drawn);
  return drawn;
}

const outline = (parent, box, className) => shape(parent, "rect", className, box);
const line = (parent, x1, y1, x2, y2, className) =>
  shape(parent, "line", className, { x1, y1, x2, y2 });

// What stands below the name and value of the pixel that is pointed at: where it comes from, or,
// for one of the inputs, what it adds.
function reasons(view, part, pixel) {
  const link = view.data.connection;
  if (!link) return null;
  const [source, target] = [view.parts[link.source], view.parts[link.target]];
  if (part === target && source) {
    const inputs = inputsOf(link, source.group, target.group, pixel);
    if (inputs[0]?.product === undefined) return null;
    return link.kind === "dense"
      ? productList(link, source, inputs) : patchTable(link, source, inputs);
  }
  if (part !== source || !target?.cursor) return null;
  const mine = inputsOf(link, source.group, target.group, target.cursor)
    .find((input) => ["image", "row", "column"].every((name) => input[name] === pixel[name]));
  return mine?.product === undefined ? null : text("p", `${product(mine)} of the marked value’s sum`);
}

const product = ({ x, weight, product: made }) =>
  `${tidy(x)} × ${tidy(weight)} = ${tidy(made)}`;

const tidy = (value) => String(Number(value.toFixed(3))).replace("-", "−");

function text(tag, words, className = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = words;
  return element;
}

function inputName(link, group, { image, row, column }) {
  if (!link.maps) return `input ${group.count > 1 ? image : row * group.width + column}`;
  return `${group.count > 1 ? `map ${image}, ` : ""}row ${row}, column ${column}`;
}

function productList(link, source, inputs) {
  const list = document.createElement("div");
  list.append(text("p", `The largest of ${inputs.length} products, input × weight:`));
  for (const input of strongest(inputs)) {
    list.append(text("p", `${inputName(link, source.group, input)}: ${product(input)}`));
  }
  return list;
}

// Patch × kernel = products of the channel that counts most.
function patchTable(link, source, inputs) {
  const best = strongestImage(inputs);
  const mine = inputs.filter((input) => input.image === best);
  const box = document.createElement("div");
  const many = source.group.count > 1;
  const all = `${inputs.length} products, input × weight`;
  box.append(text("p", many ? `The channel that counts most of ${source.group.count} (${all}):` : `${all}:`));
  if (link.size > LARGEST_PATCH) return box;
  const row = document.createElement("div");
  row.className = "product";
  const columns = new Set(mine.map((input) => input.column)).size;
  const largest = Math.max(...mine.map((input) => Math.abs(input.product))) || 1;
  for (const [sign, name] of [["", "x"], ["×", "weight"], ["=", "product"]]) {
    row.append(text("span", sign));
    const grid = document.createElement("div");
    grid.style.gridTemplateColumns = `repeat(${columns}, auto)`;
    for (const input of mine) {
      const cell = text("span", tidy(input[name]));
      if (name === "product") {
        cell.className = input.product < 0 ? "minus" : "plus";
        cell.style.setProperty("--share", `${(55 * Math.abs(input.product)) / largest}%`);
      }
      grid.append(cell);
    }
    row.append(grid);
  }
  box.append(row);
  return box;
}
