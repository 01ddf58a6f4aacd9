// Draws a Plotly figure in place. st.plotly_chart makes a new chart for each new figure, which
// blinks and forgets the zoom; here one chart lives as long as its element and is only updated.

// Streamlit's own script tells where the app is served from, whatever the page's path.
const script = document.querySelector('script[src*="static/js/"]');
const base = script ? new URL("../../", script.src) : new URL("./", document.baseURI);

const PAGE_TYPE = 17; // pixels: the page's type, as .streamlit/config.toml sets it
const LARGE_TYPE = 21; // a projector's is at least this large
const MOST_GROWTH = 220; // pixels that a figure gains in a high window
const NARROW = 900; // a window in which figures lie below one another
const NARROW_CHART = 480; // pixels of a chart whose heading and legend need a row each
const LEGEND_ROW = 30;

const charts = new WeakMap();
const calls = new WeakMap();
let plotly;

function loadPlotly(path) {
  plotly ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const tag = document.createElement("script");
    tag.src = new URL(path, base);
    tag.onload = () => resolve(window.Plotly);
    tag.onerror = () => {
      plotly = undefined;
      tag.remove();
      reject(new Error("The chart library did not arrive. Reload the page."));
    };
    document.head.append(tag);
  });
  return plotly;
}

// Series colours come for a light page and have twins for a dark one; text and ground are
// those of the page's theme.
function themed(data, element) {
  const style = getComputedStyle(element);
  const theme = (name) => style.getPropertyValue(name).trim();
  const text = theme("--st-text-color");
  let json = data.figure;
  if (isDark(theme("--st-background-color"))) {
    for (const [light, dark] of Object.entries(data.dark)) json = json.replaceAll(light, dark);
  }
  const figure = JSON.parse(json);
  const layout = figure.layout;
  layout.font = { ...layout.font, color: text, family: theme("--st-font") };
  layout.hoverlabel = {
    ...layout.hoverlabel,
    bgcolor: theme("--st-background-color"),
    bordercolor: theme("--st-border-color"),
    font: { ...layout.hoverlabel?.font, color: text, family: theme("--st-font") },
  };
  // On a touch screen a finger that moves over the chart scrolls the page.
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
  // Without zoom there is nothing to press.
  const config = { ...data.config, displayModeBar: layout.dragmode === false ? false : "hover" };
  return { ...figure, config };
}

// On a projector the page's type is larger than the figure was made for: the whole chart follows.
function enlarge(element, host, height) {
  const scale = pageScale();
  Object.assign(element.style, {
    transform: scale > 1 ? `scale(${scale})` : "", transformOrigin: "0 0", width: `${100 / scale}%`,
  });
  host.style.height = scale > 1 ? `${height * scale}px` : "";
}

// What a figure gains in a window that is higher than it was made for.
function growth(data) {
  if (!data.growsAbove || innerWidth <= NARROW) return 0;
  return Math.max(0, Math.min(MOST_GROWTH, innerHeight / pageScale() - data.growsAbove));
}

// Plotly's buttons, seen on hover, at the plot's edge: above it lie the heading and the legend.
function placeButtons(element, layout) {
  const buttons = element.querySelector(".modebar-container");
  if (buttons) buttons.style.top = `${topMargin(layout)}px`;
}

function topMargin(layout) {
  return layout.margin?.t ?? layout.template?.layout?.margin?.t ?? 60;
}

// In a narrow chart the legend has no room beside the heading: it gets a row of its own below.
function fitNarrow(layout, data, width) {
  if (width > NARROW_CHART || layout.legend?.yref !== "container") return;
  layout.margin = { ...layout.margin, t: topMargin(layout) + LEGEND_ROW };
  if (data.growsAbove) layout.height += LEGEND_ROW;
  layout.legend = { ...layout.legend, x: 0, y: 1 - LEGEND_ROW / layout.height, itemwidth: 30 };
  layout.xaxis = { ...layout.xaxis, tickangle: 0, nticks: 5 };
}

// How much larger the page's type is than the figures' own: more than 1 on a projector.
function pageScale() {
  const type = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return type >= LARGE_TYPE ? type / PAGE_TYPE : 1;
}

async function draw(chart, Plotly) {
  if (chart.busy || !chart.next || chart.element._dragging) return;
  const { data, host } = chart.next;
  if (!chart.element.clientWidth) return; // in a hidden tab; the observer calls again when it is shown
  chart.busy = true;
  chart.next = undefined;
  try {
    const figure = themed(data, host);
    figure.layout.height += growth(data);
    fitNarrow(figure.layout, data, host.clientWidth / pageScale());
    enlarge(chart.element, host, figure.layout.height);
    figure.layout.width = chart.element.clientWidth;
    // Most figures of a page stay as they are when one changes; to draw one takes 15 ms.
    const layout = JSON.stringify(figure.layout);
    const { figure: before, clock } = chart.drawn?.data ?? {};
    if (before !== data.figure || clock !== data.clock || layout !== chart.layout) {
      chart.before = chart.full;
      chart.full = figure;
      const shown = data.clock ? standing(chart, timeOf(data.clock)) : figure.data;
      await Plotly.react(chart.element, shown, figure.layout, figure.config);
      placeButtons(chart.element, figure.layout);
      chart.layout = layout;
      attend(chart, data.clock, Plotly);
    }
    chart.drawn = { data, host };
  } finally {
    chart.busy = false;
  }
  if (chart.next) await draw(chart, Plotly);
}

// Without a player a clock stands at the end: the figure is complete.
const timeOf = (clock) => sharedAs(clock).value ?? Infinity;

// Lets the figure follow its player. What moves is told by `meta` (live.py) and by its frames.
function attend(chart, clock, Plotly) {
  chart.unfollow?.();
  chart.unfollow = clock ? follow(clock, () => move(chart, timeOf(clock), Plotly)) : undefined;
}

// One frame at a time; of those that come meanwhile the last counts.
function move(chart, time, Plotly) {
  chart.due = time;
  if (chart.moving) return;
  chart.moving = true;
  requestAnimationFrame(async () => {
    while (chart.due !== undefined && !chart.busy && !chart.closed) {
      const { data, traces } = frameAt(chart, chart.due);
      chart.due = undefined;
      if (traces.length) await Plotly.animate(chart.element, { data, traces }, AT_ONCE);
    }
    chart.moving = false;
  });
}

const AT_ONCE = {
  mode: "immediate", frame: { duration: 0, redraw: false }, transition: { duration: 0 },
};

// All traces as they are at a time.
function standing(chart, time) {
  const { data, traces } = frameAt(chart, time);
  const moved = new Map(traces.map((index, place) => [index, data[place]]));
  return chart.full.data.map((trace, index) => ({ ...trace, ...moved.get(index) }));
}

function frameAt(chart, time) {
  const { full, before } = chart;
  const moved = new Map();
  const rows = full.data.map((trace) => trace.meta?.row ?? -1);
  if (time >= Math.max(...rows) + 1) chart.before = undefined; // what comes next begins anew
  full.data.forEach((trace, index) => {
    const { grows, ball, since, row } = trace.meta ?? {};
    if (grows) moved.set(index, upTo(trace, time * grows));
    if (ball) moved.set(index, upTo(trace, time, true));
    if (since !== undefined) moved.set(index, time >= since ? trace : { x: [null], y: [null] });
    if (row !== undefined) moved.set(index, between(before?.data[index], trace, time - row));
  });
  const frames = full.frames ?? [];
  const frame = frames[Math.min(Math.round(time), frames.length - 1)];
  frame?.traces.forEach((index, place) => moved.set(index, frame.data[place]));
  return { traces: [...moved.keys()], data: [...moved.values()].map(({ x, y }) => ({ x, y })) };
}

// The points up to a time, the last of them on its way; or that one alone.
function upTo(trace, time, alone = false) {
  const x = numbers(trace.x);
  const y = numbers(trace.y);
  const last = Math.min(time, x.length - 1);
  const whole = Math.floor(last);
  const part = last - whole;
  const on = (values) => values[whole] + part * ((values[whole + 1] ?? values[whole]) - values[whole]);
  if (alone) return { x: [on(x)], y: [on(y)] };
  const points = (values) => [...values.slice(0, whole + 1), ...(part ? [on(values)] : [])];
  return { x: points(x), y: points(y) };
}

// On the way from one shape to another with as many points; from the ground, where there is none.
function between(old, trace, share) {
  const y = numbers(trace.y);
  const from = old && numbers(old.y).length === y.length ? numbers(old.y) : y.map(() => y[0]);
  const part = Math.max(0, Math.min(1, share));
  return { x: numbers(trace.x), y: y.map((value, i) => from[i] + part * (value - from[i])) };
}

const TYPES = { f8: Float64Array, f4: Float32Array, i1: Int8Array, u1: Uint8Array,
  i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array };

// Plotly's Python package writes arrays of numbers in base64.
function numbers(values) {
  if (!values?.bdata) return Array.from(values ?? []);
  const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
  return Array.from(new TYPES[values.dtype](bytes.buffer));
}

function open(host, Plotly) {
  const element = document.createElement("div");
  element.style.width = "100%";
  host.replaceChildren(element);
  const chart = { element };
  // A redraw in the middle of a drag would end it, so that updates wait for the mouse.
  chart.released = () => setTimeout(() => draw(chart, Plotly));
  window.addEventListener("pointerup", chart.released);
  chart.sizes = new ResizeObserver(() => {
    if (chart.drawn && element.clientWidth === element._fullLayout?.width) return;
    chart.next ??= chart.drawn;
    draw(chart, Plotly);
  });
  chart.sizes.observe(element);
  charts.set(host, chart);
  return chart;
}

// Reports the point that was pressed, and shows the image that belongs to a point under the mouse:
// `customdata` is its place on a sheet of 28×28 images.
function listen(chart) {
  const { element } = chart;
  if (!element.on || chart.listening) return;
  chart.listening = true;
  const plain = (value) => (["number", "string"].includes(typeof value) ? value : null);
  element.on("plotly_click", ({ points: [point] }) => {
    const { x, y, curveNumber: curve, customdata } = point;
    chart.report?.("clicked", { x: plain(x), y: plain(y), curve, customdata: plain(customdata) });
  });
  element.on("plotly_hover", ({ points: [point], event }) => {
    const { images } = chart.drawn.data;
    const place = Number(point.customdata);
    if (!images || !Number.isInteger(place)) return;
    chart.tip ??= document.body.appendChild(document.createElement("div"));
    const [side, row] = [84, Math.floor(place / images.columns)];
    Object.assign(chart.tip.style, {
      position: "fixed", zIndex: 1000, pointerEvents: "none", imageRendering: "pixelated",
      width: `${side}px`, height: `${side}px`, border: "1px solid #8b8f9e",
      left: `${Math.max(event.clientX - side - 14, 4)}px`, top: `${event.clientY - side - 14}px`,
      backgroundImage: `url(${images.sheet})`, backgroundSize: `${side * images.columns}px auto`,
      backgroundPosition: `${-side * (place % images.columns)}px ${-side * row}px`,
      display: "block",
    });
  });
  element.on("plotly_unhover", () => chart.tip && (chart.tip.style.display = "none"));
}

function close(host, call, Plotly) {
  const chart = charts.get(host);
  if (!chart || calls.get(host) !== call) return;
  charts.delete(host);
  chart.closed = true;
  chart.unfollow?.();
  chart.sizes.disconnect();
  chart.tip?.remove();
  window.removeEventListener("pointerup", chart.released);
  Plotly.purge(chart.element);
}

// Streamlit calls this for each new figure and each change of theme. It calls the function
// returned when the element goes away, but also when a newer call overtakes this one: only
// what the newest call returned may close the chart.
export default async function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".live-figure") ?? parentElement;
  const call = {};
  calls.set(host, call);
  host.setAttribute("role", "figure");
  host.setAttribute("aria-label", data.alt);
  const Plotly = await loadPlotly(data.plotly);
  if (calls.get(host) === call) {
    const chart = charts.get(host) ?? open(host, Plotly);
    chart.next = { data, host };
    chart.report = data.clickable ? setTriggerValue : undefined;
    await draw(chart, Plotly);
    listen(chart);
  }
  return () => close(host, call, Plotly);
}
