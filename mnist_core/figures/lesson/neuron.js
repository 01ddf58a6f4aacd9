// A neuron on two pixels of a digit. What the sliders change is drawn within the frame; the server
// is not asked. The browser remembers weights, bias and activation while its tab is open.

const KEPT = "mnist-lab-neuron";
const GRID = 61; // points of the plane in each direction
const EDGE = 0.06; // of the plane beyond 0 and 1
const SIDE = 320; // of the plane's drawing
const NEURON = [500, 200];

const read = () => {
  try { return JSON.parse(sessionStorage.getItem(KEPT)) ?? {} } catch { return {} }
};
const keep = (values) => {
  try { sessionStorage.setItem(KEPT, JSON.stringify(values)) } catch { /* private window */ }
};

const factor = (value, digits) => (value < 0 ? `(${number(value, digits)})` : number(value, digits));

// φ(z), between two points of its curve.
function activate({ low, step, values }, z) {
  const place = Math.max(0, Math.min(values.length - 1, (z - low) / step));
  const at = Math.min(Math.floor(place), values.length - 2);
  return values[at] + (place - at) * (values[at + 1] - values[at]);
}

function figure(host, data) {
  const find = (name) => host.querySelector(`.${name}`);
  const colours = themed(data, host);
  const state = { ...data.first, activation: Object.keys(data.curves)[0], ...read() };
  const sliders = Object.fromEntries(
    [...host.querySelectorAll("input[type=range]")].map((input) => [input.name, input]),
  );
  // A digit brings its own inputs.
  const own = data.pair.map(([row, column]) => data.pixels[row][column]);
  [state.x1, state.x2] = own;

  const sum = (x1, x2) => state.w1 * x1 + state.w2 * x2 + state.b;
  const sign = (value) => (value > 0 ? colours.positive : value < 0 ? colours.negative : colours.quiet);

  function drawPixels() {
    const side = 13;
    const cells = data.pixels.flatMap((line, row) => line.map((ink, column) => {
      const place = data.pair.findIndex(([r, c]) => r === row && c === column);
      const shade = Math.round(255 * (place < 0 ? ink : state[`x${place + 1}`]));
      return `<rect x="${column * side}" y="${row * side}" width="${side + 0.3}"
        height="${side + 0.3}" fill="rgb(${shade},${shade},${shade})"/>`;
    }));
    const frames = data.pair.map(([row, column], place) => `<rect x="${column * side}"
      y="${row * side}" width="${side}" height="${side}" fill="none" stroke-width="2.5"
      stroke="${place ? colours.negative : colours.positive}"/>`);
    return `<g transform="translate(2 54)">${cells.join("")}${frames.join("")}</g>`;
  }

  function drawNeuron(z, a) {
    const body = [318, 100];
    const bend = [410, 100];
    const sources = [[168, 34], [168, 100], [168, 166]];
    const values = [state.x1, state.x2, 1];
    const factors = [state.w1, state.w2, state.b];
    const names = ["x₁", "x₂", ""];
    const labels = ["w₁", "w₂", "b"];
    const line = ([x1, y1], [x2, y2], value, scale) => {
      const width = 1 + 7 * Math.min(Math.abs(value) / scale, 1);
      return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${sign(value)}"
        stroke-width="${width}" stroke-linecap="round" ${value ? "" : 'stroke-dasharray="3 5"'}/>`;
    };
    const disc = ([x, y], r, value, scale) => `<circle cx="${x}" cy="${y}" r="${r}"
      fill="${colours.ground}"/><circle cx="${x}" cy="${y}" r="${r}" fill="${sign(value)}"
      fill-opacity="${0.5 * Math.min(Math.abs(value) / scale, 1)}" stroke="${colours.quiet}"
      stroke-width="2"/>`;
    const told = (tip, parts) => `<g data-tip="${tip}">${parts}</g>`;
    const text = (x, y, words, kind = "") =>
      `<text x="${x}" y="${y}" class="${kind}">${words}</text>`;
    const wires = data.pair.map(([row, column], place) => `<path fill="none" stroke-width="1.5"
      stroke="${place ? colours.negative : colours.positive}" stroke-dasharray="2 3"
      d="M${2 + 13 * (column + (place ? 0 : 1))} ${54 + 13 * (row + 0.5)}
      L${sources[place][0] - 24} ${sources[place][1]}"/>`);
    const terms = sources.map((_, i) => `Weight ${labels[i]} × input ${names[i]}: ${number(factors[i], 1)}`
      + ` · ${number(values[i])} = ${number(factors[i] * values[i])}\n`
      + ["speaks against a one", "adds nothing", "speaks for a one"][1 + Math.sign(factors[i] * values[i])]);
    terms[2] = `Bias b = ${number(factors[2], 1)}\nadded whatever the inputs are`;
    const edges = sources.map((at, i) => told(terms[i], line(at, body, factors[i], data.reach)));
    const inputs = sources.map((at, i) => told(
      i < 2 ? `Input ${names[i]}: the brightness of this pixel` : "Always 1: carries the bias",
      disc(at, 22, i < 2 ? values[i] : 0, 1) + text(at[0], at[1], i < 2 ? number(values[i]) : "1")
      + text(at[0] - 2, at[1] - 31, names[i], "math")));
    const plates = sources.map(([x, y], i) => {
      const [px, py] = [(x + body[0]) / 2 - 6, (y + body[1]) / 2];
      return told(terms[i], `<rect x="${px - 41}" y="${py - 11}" width="82" height="22" rx="5"
        fill="${colours.ground}" fill-opacity="0.92"/>`
        + text(px, py, `${labels[i]} = ${number(factors[i], 1)}`, "math"));
    });
    const { title } = data.curves[state.activation];
    return wires.join("") + edges.join("") + line(body, bend, z, 4)
      + line(bend, [NEURON[0] - 12, bend[1]], a, 1) + inputs.join("") + plates.join("")
      + told("Weighted sum z: both products and the bias, added up", disc(body, 32, z, 4)
        + text(body[0], body[1] - 9, "z", "math") + text(body[0], body[1] + 11, number(z), "strong"))
      + told(`Output a = φ(z), by the activation: ${title}`, disc(bend, 32, a, 1)
        + text(bend[0], bend[1] - 9, "a", "math") + text(bend[0], bend[1] + 11, number(a), "strong"))
      + text(bend[0], bend[1] + 50, title, "quiet");
  }

  const at = (value) => (SIDE * (value + EDGE)) / (1 + 2 * EDGE);
  const up = (value) => SIDE - at(value);

  function paintPlane(curve) {
    const canvas = find("ground");
    canvas.width = canvas.height = GRID;
    const paint = canvas.getContext("2d");
    const image = paint.createImageData(GRID, GRID);
    const outputs = [];
    const middle = activate(curve, 0);
    for (let row = 0; row < GRID; row++) {
      for (let column = 0; column < GRID; column++) {
        const x = (column / (GRID - 1)) * (1 + 2 * EDGE) - EDGE;
        const y = ((GRID - 1 - row) / (GRID - 1)) * (1 + 2 * EDGE) - EDGE;
        outputs.push(activate(curve, sum(x, y)) - middle);
      }
    }
    const limit = Math.max(...outputs.map(Math.abs), 1e-9);
    const ends = [rgb(colours.positive), rgb(colours.negative)];
    outputs.forEach((value, place) => {
      image.data.set(ends[value > 0 ? 0 : 1], 4 * place);
      image.data[4 * place + 3] = (150 * Math.abs(value)) / limit;
    });
    paint.putImageData(image, 0, 0);
  }

  function drawPlane() {
    const { w1, w2, b } = state;
    const shapes = data.points.map(([x, y], i) => (data.blue[i]
      ? `<circle cx="${at(x)}" cy="${up(y)}" r="5.5" fill="${colours.positive}"
          stroke="${colours.ground}" stroke-width="1.5"/>`
      : `<path d="M${at(x)} ${up(y) - 7}l7 7l-7 7l-7 -7z" fill="${colours.negative}"
          stroke="${colours.ground}" stroke-width="1.5"/>`));
    const length = Math.hypot(w1, w2);
    let line = "";
    if (length) {
      const foot = [(-b * w1) / length ** 2, (-b * w2) / length ** 2];
      const along = [(-w2 / length) * 20, (w1 / length) * 20];
      const end = (way) => [at(foot[0] + way * along[0]), up(foot[1] + way * along[1])];
      const [[x1, y1], [x2, y2]] = [end(-1), end(1)];
      const tip = "Decision line, z = 0: ones are to lie on its blue side";
      line = `<line data-tip="${tip}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"
        stroke="${colours.accent}"
        stroke-width="4"/>`;
    }
    const [x, y] = [at(state.x1), up(state.x2)];
    const cross = `<g stroke-linecap="round"><path d="M${x - 8} ${y - 8}l16 16m0 -16l-16 16"
      stroke="${colours.ground}" stroke-width="9"/><path d="M${x - 8} ${y - 8}l16 16m0 -16l-16 16"
      stroke="${colours.accent}" stroke-width="4.5"/></g>`;
    find("over").innerHTML = shapes.join("") + line + cross;
  }

  function draw() {
    const z = sum(state.x1, state.x2);
    const curve = data.curves[state.activation];
    const a = activate(curve, z);
    for (const [name, input] of Object.entries(sliders)) {
      input.value = state[name];
      const digits = name[0] === "x" ? 2 : 1;
      input.parentElement.querySelector("output").textContent = number(state[name], digits);
    }
    for (const button of host.querySelectorAll("[data-activation]")) {
      button.setAttribute("aria-pressed", button.dataset.activation === state.activation);
    }
    find("neuron").innerHTML = drawPixels() + drawNeuron(z, a);
    find("formula").innerHTML =
      `<var>z</var> = ${factor(state.w1, 1)} · ${number(state.x1)} + ${factor(state.w2, 1)} · `
      + `${number(state.x2)} + ${factor(state.b, 1)} = <b class="z">${number(z)}</b>, `
      + `<var>a</var> = <var>φ</var>(${number(z)}) = <b class="a">${number(a)}</b>`;
    paintPlane(curve);
    drawPlane();
    const right = data.points.filter(([x, y], i) => sum(x, y) > 0 === data.blue[i]).length;
    find("count").textContent = `${right} of ${data.points.length}`;
    find("found").hidden = right < data.points.length;
  }

  // Many movements of a slider between two frames are drawn once.
  let due = false;
  function change(values) {
    Object.assign(state, values);
    const { w1, w2, b, activation } = state;
    keep({ w1, w2, b, activation });
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; draw(); });
  }

  host.oninput = ({ target }) => change({ [target.name]: Number(target.value) });
  host.onclick = ({ target }) => {
    const { activation, inputs } = target.closest("button")?.dataset ?? {};
    if (activation) change({ activation });
    if (inputs === "zero") change({ x1: 0, x2: 0 });
    if (inputs === "own") change({ x1: own[0], x2: own[1] });
  };
  const over = find("over");
  const move = (event) => {
    const box = over.getBoundingClientRect();
    const value = (share) =>
      Math.round(100 * Math.max(0, Math.min(1, share * (1 + 2 * EDGE) - EDGE))) / 100;
    change({
      x1: value((event.clientX - box.left) / box.width),
      x2: value(1 - (event.clientY - box.top) / box.height),
    });
  };
  over.onpointerdown = (event) => { over.setPointerCapture(event.pointerId); move(event); };
  over.onpointermove = (event) => over.hasPointerCapture(event.pointerId) && move(event);
  draw();
}

function slider(name, label, low, high, step) {
  return `<label><span>${label}</span><output></output>
    <input type="range" name="${name}" min="${low}" max="${high}" step="${step}"></label>`;
}

function build(host, data) {
  const { reach } = data;
  const choices = Object.entries(data.curves).map(([name, { title }]) =>
    `<button type="button" data-activation="${name}">${title}</button>`);
  host.innerHTML = `
    <div class="left">
      <svg class="neuron" viewBox="0 0 ${NEURON.join(" ")}" role="img" aria-label="${data.alt}"></svg>
      <p class="formula" aria-live="polite"></p>
      <div class="sliders">
        ${slider("w1", "Weight <var>w</var>₁", -reach, reach, 0.1)}
        ${slider("w2", "Weight <var>w</var>₂", -reach, reach, 0.1)}
        ${slider("b", "Bias <var>b</var>", -reach, reach, 0.1)}
        ${slider("x1", "Input <var>x</var>₁", 0, 1, 0.01)}
        ${slider("x2", "Input <var>x</var>₂", 0, 1, 0.01)}
        <div class="buttons"><button type="button" data-inputs="zero">Both to 0</button>
          <button type="button" data-inputs="own">The digit’s</button></div>
      </div>
      <div class="choice" role="group" aria-label="Activation"><span>Activation</span>${choices.join("")}</div>
    </div>
    <div class="right">
      <div class="plane"><canvas class="ground"></canvas>
        <svg class="over" viewBox="0 0 ${SIDE} ${SIDE}" aria-hidden="true"></svg></div>
      <p class="axis">→ <var>x</var>₁, the middle pixel; ↑ <var>x</var>₂, the pixel at its lower left</p>
      <p><b class="count"></b> digits lie on their own side of the decision line: ones
        <span class="dot blue">●</span>, zeros <span class="dot orange">◆</span><span class="found"
        hidden>. <b>You have found a solution.</b></span></p>
    </div>`;
  const colours = themed(data, host);
  host.querySelector(".blue").style.color = colours.positive;
  host.querySelector(".orange").style.color = colours.negative;
}

export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".figure");
  build(host, data);
  explain(host);
  figure(host, data);
}
