// Completes streamlit-drawable-canvas from outside; drawable_canvas.py says why.

const KEPT = "mnist-lab-drawing";
const SEND = "Update the app with this drawing";
const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`.dc-toolbar { display: none !important; }
  .dc-background-canvas { position: absolute; top: 0; left: 0; }
  .dc-canvas { outline: none; cursor: var(--pen-cursor, crosshair) !important; }`);
// The component in which a stroke is being drawn.
let drawnOn;
let restored = false;
let asking;
let listening;
// The stroke that a pen's eraser end is drawing, those of which the server may not know yet, and
// how many came before these.
let erasing;
let erased = [];
let known = 0;

// The shadow root that the component draws in, once it is there.
function canvasIn(board) {
  const holds = (element) => element.shadowRoot?.querySelector(".upper-canvas");
  return [...board.querySelectorAll("*")].find(holds)?.shadowRoot;
}

// Presses a button of the component's own toolbar; false when there is nothing that it would do.
function press(canvas, name) {
  const button = canvas?.querySelector(`[aria-label="${name}"]`);
  if (!button || button.disabled) return false;
  button.click();
  return true;
}

function begin(event) {
  const [target] = event.composedPath();
  if (!event.button && target.classList?.contains("upper-canvas")) drawnOn = target.getRootNode();
}

// Comes after the component's own listener, which stands at the document.
function end(event) {
  if (event.touches?.length) return;
  press(drawnOn, SEND);
  drawnOn = undefined;
}

// A pen's eraser end: button 5 of a pointer. Fabric knows only mouse and touch, and draws nothing.
function beginErasing(data, event) {
  const [surface] = event.composedPath();
  if (event.button !== 5 || !surface.classList?.contains("upper-canvas")) return;
  const paper = surface.getRootNode().querySelector(".lower-canvas.dc-canvas");
  erasing = { surface, paper, pen: event.pointerId, stroke: data.eraser, width: data.width, at: [] };
  erase(event);
}

// The eraser end among the buttons that are held down.
const HELD = 32;

// A pen that was lifted unseen comes back without that button, or as another pointer.
function moveErasing(send, event) {
  if (!erasing || event.pointerType !== "pen") return;
  if (event.pointerId === erasing.pen && event.buttons & HELD) erase(event);
  else finishErasing(send);
}

// Wipes the ink on the screen: the component paints it anew once the server sends the drawing.
function erase(event) {
  const { surface, paper, stroke, width, at } = erasing;
  const box = surface.getBoundingClientRect();
  const scale = surface.offsetWidth / box.width;
  const point = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  const context = paper.getContext("2d");
  const ratio = paper.width / surface.offsetWidth;
  context.save();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  Object.assign(context, { strokeStyle: stroke, lineWidth: width, lineCap: "round" });
  context.beginPath();
  context.moveTo(...(at.at(-1) ?? point));
  context.lineTo(...point);
  context.stroke();
  context.restore();
  at.push(point);
}

// The server answers with the number of strokes that it knows; until then they are sent again.
function finishErasing(send) {
  const { stroke, width, at } = erasing;
  const path = at.map((point, place) => [place ? "L" : "M", ...point]);
  erased.push({ type: "Path", path, stroke, strokeWidth: width });
  erasing = undefined;
  send("erased", { before: known, strokes: [...erased] });
}

function endErasing(send, event) {
  if (event.pointerId === erasing?.pen) finishErasing(send);
}

// On some devices a pen touches, too: the component is not to draw what it erases.
function withhold(event) {
  if (erasing && event.composedPath()[0] === erasing.surface) event.stopImmediatePropagation();
}

const buttonOf = (name) => `.st-key-${name.toLowerCase()} button`;

// Undo and Redo: the component's own strokes at once, without the server, which knows the rest.
function click(board, event) {
  if (!board.isConnected) return;
  const name = ["Undo", "Redo"].find((name) => event.target.closest?.(buttonOf(name)));
  if (name && press(canvasIn(board), name)) event.stopImmediatePropagation();
}

// Ctrl+Z, and Ctrl+Y or Ctrl+Shift+Z, unless a field is being typed in.
function shortcut(board, event) {
  if (!board.isConnected || !(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (event.target.closest?.("input:not([type=range]), textarea, [contenteditable=true]")) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  const name = key === "y" || event.shiftKey ? "Redo" : "Undo";
  if (!drawnOn && !press(canvasIn(board), name)) board.querySelector(buttonOf(name))?.click();
}

// A page that is loaded anew gets its drawing back; one opened afresh begins with empty paper.
// What is sent while the page is being set up may be lost, so that it is sent until it has come.
function keep({ drawing, isNew }, restore) {
  try {
    const reloaded = performance.getEntriesByType("navigation")[0]?.type === "reload";
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    clearInterval(asking);
    if (isNew && reloaded && !restored && kept?.objects.length) {
      let left = 10;
      const ask = () => (left-- ? restore("restored", kept) : clearInterval(asking));
      asking = setInterval(ask, 1000);
      ask();
      return;
    }
    sessionStorage.setItem(KEPT, JSON.stringify(drawing));
  } catch {
    // Some browsers forbid it: then a reload begins with empty paper.
  }
  restored = true;
}

async function dress(board, name) {
  while (board.isConnected && !canvasIn(board)) await new Promise(requestAnimationFrame);
  const canvas = canvasIn(board);
  if (!canvas) return;
  if (!canvas.adoptedStyleSheets.includes(STYLE)) canvas.adoptedStyleSheets.push(STYLE);
  const surface = canvas.querySelector(".upper-canvas");
  surface.setAttribute("role", "img");
  surface.setAttribute("aria-label", name);
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const board = parentElement.closest(".st-key-canvas");
  keep(data, setTriggerValue);
  dress(board, data.name);
  if (data.erased > known) {
    erased.splice(0, data.erased - known);
    known = data.erased;
  }
  // What an earlier call returned may be called late or never, so that each call tidies up itself.
  listening?.abort();
  const mine = (listening = new AbortController());
  const listen = (kind, does, capture = false) =>
    window.addEventListener(kind, does, { capture, signal: mine.signal });
  listen("pointerdown", (event) => beginErasing(data, event), true);
  listen("pointermove", (event) => moveErasing(setStateValue, event));
  listen("pointerup", (event) => endErasing(setStateValue, event));
  listen("pointercancel", (event) => endErasing(setStateValue, event));
  listen("touchstart", withhold, true);
  listen("mousedown", begin);
  listen("touchstart", begin);
  listen("mouseup", end);
  listen("touchend", end);
  listen("click", (event) => click(board, event), true);
  listen("keydown", (event) => shortcut(board, event));
  return () => mine.abort();
}
