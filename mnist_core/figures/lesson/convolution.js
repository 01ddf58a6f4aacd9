// A kernel slides over an image and fills the feature map. The player's clock says where it is: a
// step a place, row by row; after the last one it stands at the strongest answer. The numbers are
// the server's; the products of the nine pixels under the kernel are multiplied here.

const CELL = 8; // of the drawing, for a pixel of the image
const TOP = 40;
const GAP = 46;

// A picture of numbers: ink from black to white, or blue and orange from the ground.
function picture(rows, colours, ink) {
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = [rows.length, rows[0].length];
  const paint = canvas.getContext("2d");
  const image = paint.createImageData(canvas.width, canvas.height);
  const limit = Math.max(...rows.flat().map(Math.abs), 1e-9);
  const [zero, ...ends] = [colours.zero, colours.positive, colours.negative].map(rgb);
  rows.flat().forEach((value, place) => {
    const share = Math.abs(value) / limit;
    const end = ends[value >= 0 ? 0 : 1];
    const colour = ink
      ? Array(3).fill(Math.round(255 * value))
      : zero.map((from, i) => Math.round(from + share * (end[i] - from)));
    image.data.set([...colour, 255], 4 * place);
  });
  paint.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

function figure(host, data) {
  const colours = themed(data, host);
  const { padded, border, side, map, pooled, kernel, stride, best } = data;
  const size = kernel.length;
  const [height, width] = [map.length, map[0].length];
  const left = { image: 0, map: padded[0].length * CELL + GAP };
  left.pooled = left.map + width * CELL + GAP;
  const total = pooled ? left.pooled + pooled[0].length * CELL : left.map + width * CELL;
  const tall = TOP + padded.length * CELL + 4;

  const title = (x, words, note) => `<text x="${x}" y="12" class="strong">${words}</text>
    <text x="${x}" y="30" class="quiet">${note}</text>`;
  const tile = (name, rows, ink) => `<image data-picture="${name}" x="${left[name]}" y="${TOP}"
    width="${rows[0].length * CELL}" height="${rows.length * CELL}" preserveAspectRatio="none"
    href="${picture(rows, colours, ink)}"/>`;
  const cover = (name) => `<rect class="${name}" fill="${colours.ground}" fill-opacity="0.82"/>`;
  host.querySelector("svg").setAttribute("viewBox", `-3 0 ${total + 6} ${tall}`);
  host.querySelector("svg").style.maxWidth = `${total + 6}px`;
  host.querySelector("svg").innerHTML = title(0, data.name, data.notes.image)
    + title(left.map, "Feature map", data.notes.map)
    + (pooled ? title(left.pooled, data.notes.pooling, data.notes.pooled) : "")
    + tile("image", padded, true) + tile("map", map) + (pooled ? tile("pooled", pooled) : "")
    + cover("rest") + cover("below") + (pooled ? cover("poolrest") + cover("poolbelow") : "")
    + `<path class="rays" stroke="${colours.accent}" stroke-width="1.2" fill="none"/>`
    + ["halo", "box"].map((name) => `<rect class="under ${name}"/><rect class="cell ${name}"/>`
      + (pooled ? `<rect class="pool ${name}"/>` : "")).join("");
  const part = (name) => host.querySelector(`.${name}`);
  const put = (names, x, y, w, h) => host.querySelectorAll(names).forEach((rect) => {
    for (const [key, value] of Object.entries({ x, y, width: Math.max(w, 0), height: Math.max(h, 0) })) {
      rect.setAttribute(key, value);
    }
  });
  for (const halo of host.querySelectorAll(".halo")) {
    Object.assign(halo.style, { fill: "none", stroke: colours.ground, strokeWidth: 5 });
  }
  for (const box of host.querySelectorAll(".box")) {
    Object.assign(box.style, { fill: "none", stroke: colours.accent, strokeWidth: 2.5 });
  }

  // Of a picture filled row by row, what is still missing.
  function hide(rest, below, x, columns, rows, row, column) {
    put(`.${rest}`, x + (column + 1) * CELL, TOP + row * CELL, (columns - column - 1) * CELL, CELL);
    put(`.${below}`, x - 0.5, TOP + (row + 1) * CELL, columns * CELL + 1, (rows - row - 1) * CELL + 1);
  }

  const shade = (value, limit) => {
    const [r, g, b] = rgb(value >= 0 ? colours.positive : colours.negative);
    return `rgba(${r},${g},${b},${0.4 * Math.min(Math.abs(value) / limit, 1)})`;
  };
  const tips = {
    "under the kernel": "The pixels that the kernel lies on now",
    kernel: "The weights, the same at every place",
    products: "Each pixel times its weight; their sum is one pixel of the map",
  };
  const table = (caption, rows) => {
    const limit = Math.max(...rows.flat().map(Math.abs), 1e-9);
    const cells = rows.flat().map((v) => `<span style="background:${shade(v, limit)}">${number(v)}</span>`);
    return `<figure data-tip="${tips[caption]}"><figcaption>${caption}</figcaption><div class="grid">${cells.join("")}</div></figure>`;
  };

  function show(time = Infinity) {
    const last = height * width;
    const done = time >= last;
    const place = done ? best[0] * width + best[1] : Math.floor(time + 1e-6);
    const [row, column] = [Math.floor(place / width), place % width];
    const [top, leftmost] = [row * stride, column * stride];
    put(".under", leftmost * CELL, TOP + top * CELL, size * CELL, size * CELL);
    put(".cell", left.map + column * CELL, TOP + row * CELL, CELL, CELL);
    hide("rest", "below", left.map, width, height, ...(done ? [height, width] : [row, column]));
    if (pooled) {
      const { length: rows, 0: { length: columns } } = pooled;
      const [r, c] = [Math.min(row >> 1, rows - 1), Math.min(column >> 1, columns - 1)];
      put(".pool", left.pooled + c * CELL, TOP + r * CELL, CELL, CELL);
      // A window is known when its last row has been passed.
      const known = row % 2 ? c - (column % 2 ? 0 : 1) : -1;
      hide("poolrest", "poolbelow", left.pooled, columns, rows,
        ...(done ? [rows, columns] : [row >> 1, known]));
    }
    const from = (leftmost + size) * CELL;
    const to = left.map + column * CELL;
    part("rays").setAttribute("d", `M${from} ${TOP + top * CELL}L${to} ${TOP + row * CELL}`
      + `M${from} ${TOP + (top + size) * CELL}L${to} ${TOP + (row + 1) * CELL}`);
    const patch = padded.slice(top, top + size).map((line) => line.slice(leftmost, leftmost + size));
    const products = patch.map((line, r) => line.map((value, c) => value * kernel[r][c]));
    part("sum").innerHTML = table("under the kernel", patch) + "<span>×</span>"
      + table("kernel", kernel) + "<span>=</span>" + table("products", products)
      + `<span>Σ = <b>${number(map[row][column], 3)}</b></span>`;
  }

  const pointIn = (event) => {
    const box = host.querySelector("svg").getBoundingClientRect();
    const scale = (total + 6) / box.width;
    return [(event.clientX - box.left) * scale - 3, (event.clientY - box.top) * scale - TOP];
  };
  host.querySelector("svg").onclick = (event) => {
    const tile = event.target.closest("[data-picture]") ?? event.target;
    const [x, y] = pointIn(event);
    if (!tile || y < 0) return;
    const bounded = (value, count) => Math.max(0, Math.min(count - 1, value));
    const at = x >= left.map
      ? [Math.floor(y / CELL), Math.floor((x - left.map) / CELL)]
      : [Math.round((y / CELL - 1.5) / stride), Math.round((x / CELL - 1.5) / stride)];
    if (x >= left.map && at[1] >= width) return;
    sharedAs(data.clock).goTo?.(bounded(at[0], height) * width + bounded(at[1], width));
  };
  // People count rows and columns from 1.
  const pixel = (r, c) => {
    const inside = [r, c].every((place) => place >= border && place < border + side);
    return inside
      ? `pixel in row ${r - border + 1}, column ${c - border + 1} = ${number(padded[r][c])}`
      : "padding, 0";
  };
  const told = {
    image: (r, c) => `${data.name}: ${pixel(r, c)}`,
    map: (r, c) => `Feature map, row ${r + 1}, column ${c + 1} = ${number(map[r][c])}\n`
      + "the sum of nine products; click for them",
    pooled: (r, c) => `${data.notes.pooling}: ${number(pooled[r][c])}\nof a window of the map`,
  };
  // The value under the mouse, before `explain` looks for it.
  host.querySelector("svg").onpointermove = (event) => {
    const [x, y] = pointIn(event);
    for (const [name, rows] of Object.entries({ image: padded, map, pooled })) {
      const [r, c] = [Math.floor(y / CELL), Math.floor((x - left[name]) / CELL)];
      if (rows?.[r]?.[c] !== undefined) event.target.dataset.tip = told[name](r, c);
    }
  };
  return follow(data.clock, show);
}

const followed = new WeakMap();

export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".convolution");
  host.querySelector("svg").setAttribute("aria-label", data.alt);
  explain(host);
  followed.get(host)?.();
  const end = figure(host, data);
  followed.set(host, end);
  return end;
}
