// Paper to draw on: mouse, pen and finger; eraser, undo and redo; sends the strokes when one ends.
//
// Coordinates are shares of 280, whatever the size on screen. The drawing belongs to the browser
// while the app is open in this window: the server's own counts only under a new number (it was
// cleared) or in a new window. A window that is loaded anew keeps its drawing.

const SIDE = 280;
const INK = "#111111";
const PAPER = "#ffffff";
const boards = new WeakMap();
// The pen, kept while the app is open in this window.
const pen = { width: 20, erase: false };
// The drawing as it was last sent. A page left at once may leave the server without the last stroke.
let sent;

const KEPT = "mnist-lab-drawing";

function keep(strokes) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(strokes));
  } catch {
    // Some browsers forbid it: then a reload begins with empty paper.
  }
}

// What was on the paper before the person loaded the page anew; opened afresh, it is empty.
function kept() {
  const how = performance.getEntriesByType("navigation")[0]?.type;
  try {
    return how === "reload" ? JSON.parse(sessionStorage.getItem(KEPT)) ?? [] : [];
  } catch {
    return [];
  }
}

const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

// mnist_core/drawing/strokes.py draws the same curve: through the middles between the points.
function paintStroke(paint, { width, erase, points }) {
  paint.strokeStyle = paint.fillStyle = erase ? PAPER : INK;
  paint.lineWidth = width;
  paint.beginPath();
  if (points.length === 1) {
    paint.arc(...points[0], width / 2, 0, 2 * Math.PI);
    paint.fill();
    return;
  }
  paint.moveTo(...points[0]);
  for (let i = 1; i < points.length - 1; i++) {
    paint.quadraticCurveTo(...points[i], ...middle(points[i], points[i + 1]));
  }
  paint.lineTo(...points.at(-1));
  paint.stroke();
}

function paintAll(board) {
  const { canvas } = board;
  const scale = canvas.width / SIDE;
  const paint = canvas.getContext("2d");
  paint.setTransform(scale, 0, 0, scale, 0, 0);
  paint.lineCap = paint.lineJoin = "round";
  paint.fillStyle = PAPER;
  paint.fillRect(0, 0, SIDE, SIDE);
  for (const stroke of board.strokes) paintStroke(paint, stroke);
  if (board.current) paintStroke(paint, board.current);
}

function fit(board) {
  const side = Math.round(board.canvas.clientWidth * (window.devicePixelRatio || 1));
  if (!side || side === board.canvas.width) return;
  board.canvas.width = board.canvas.height = side;
  paintAll(board);
}

function place(board, event) {
  const box = board.canvas.getBoundingClientRect();
  const share = (at, start, size) => Math.round((10 * SIDE * (at - start)) / size) / 10;
  return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
}

function add(board, event) {
  const events = event.getCoalescedEvents?.() ?? [];
  for (const one of events.length ? events : [event]) {
    const point = place(board, one);
    const last = board.current.points.at(-1);
    if (!last || Math.hypot(point[0] - last[0], point[1] - last[1]) >= 1) {
      board.current.points.push(point);
    }
  }
}

function send(board) {
  sent = { number: board.number, strokes: board.strokes, undone: board.undone };
  board.send({ number: board.number, strokes: board.strokes });
  keep(board.strokes);
  refresh(board);
}

function end(board, event) {
  if (!board.current || event.pointerId !== board.pointer) return;
  board.strokes = [...board.strokes, board.current];
  board.undone = [];
  board.current = undefined;
  paintAll(board);
  send(board);
}

function draw(board) {
  const { canvas } = board;
  canvas.onpointerdown = (event) => {
    const eraserTip = event.button === 5; // the other end of a pen
    if (board.current || (event.button !== 0 && !eraserTip)) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    board.pointer = event.pointerId;
    board.current = { width: pen.width, erase: pen.erase || eraserTip, points: [] };
    add(board, event);
    paintAll(board);
    try {
      canvas.setPointerCapture(event.pointerId); // the stroke goes on outside the paper
    } catch {
      // The pointer has gone already.
    }
  };
  canvas.onpointermove = (event) => {
    if (!board.current || event.pointerId !== board.pointer) return;
    add(board, event);
    paintAll(board);
  };
  canvas.onpointerup = canvas.onpointercancel = (event) => end(board, event);
  // Some browsers scroll for a finger on the paper unless this says otherwise.
  canvas.ontouchstart = (event) => event.preventDefault();
}

function move(board, from, to) {
  if (board.current || !board[from].length) return;
  board[to] = [...board[to], board[from].at(-1)];
  board[from] = board[from].slice(0, -1);
  paintAll(board);
  send(board);
}

// Takes back the last stroke; on empty paper, that it was cleared.
function undo(board) {
  if (board.current || board.strokes.length || !board.cleared?.length) {
    return move(board, "strokes", "undone");
  }
  board.strokes = board.cleared;
  board.cleared = [];
  paintAll(board);
  send(board);
}

const redo = (board) => move(board, "undone", "strokes");

// Ctrl+Z and Ctrl+Y (or Ctrl+Shift+Z), unless a field is being typed in.
function shortcut(board, event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (event.target.closest?.("input:not([type=range]), textarea, [contenteditable=true]")) return;
  const key = event.key.toLowerCase();
  const again = key === "y" || (key === "z" && event.shiftKey);
  if (key !== "z" && !again) return;
  event.preventDefault();
  if (again) redo(board);
  else undo(board);
}

function refresh(board) {
  const button = (name) => board.root.querySelector(`[data-tool="${name}"]`);
  button("pen").setAttribute("aria-pressed", String(!pen.erase));
  button("eraser").setAttribute("aria-pressed", String(pen.erase));
  button("undo").disabled = !board.strokes.length && !board.cleared?.length;
  button("redo").disabled = !board.undone.length;
  const width = board.root.querySelector("input");
  width.value = pen.width;
  width.setAttribute("aria-valuetext", `${pen.width} of ${SIDE} pixels`);
  board.root.querySelector(".paper-dot").style.setProperty("--dot", `${pen.width}px`);
  board.canvas.classList.toggle("erasing", pen.erase);
}

function connect(board) {
  const { root } = board;
  const actions = {
    pen: () => { pen.erase = false; refresh(board); },
    eraser: () => { pen.erase = true; refresh(board); },
    undo: () => undo(board),
    redo: () => redo(board),
  };
  for (const button of root.querySelectorAll("button")) button.onclick = actions[button.dataset.tool];
  root.querySelector("input").oninput = (event) => {
    pen.width = Number(event.target.value);
    refresh(board);
  };
  draw(board);
  board.sizes = new ResizeObserver(() => fit(board));
  board.sizes.observe(board.canvas);
}

// Streamlit calls this for new data; the drawing and what is being drawn go on.
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".paper-board");
  let board = boards.get(root);
  if (!board) {
    board = { root, canvas: root.querySelector("canvas"), strokes: [], undone: [] };
    boards.set(root, board);
    connect(board);
  }
  board.send = (drawing) => setStateValue("drawing", drawing);
  if (board.number !== data.number) {
    // After a reload the server begins anew, with number 0 and empty paper.
    if (!sent && !data.number && !data.strokes.length) {
      sent = { number: 0, strokes: kept(), undone: [] };
    }
    const ours = sent?.number === data.number;
    board.cleared = ours || data.strokes.length ? [] : board.strokes;
    Object.assign(board, ours ? sent : { ...data, undone: [] });
    board.current = undefined;
    keep(board.strokes);
    if (ours && JSON.stringify(sent.strokes) !== JSON.stringify(data.strokes)) send(board);
  }
  fit(board);
  paintAll(board);
  refresh(board);
  // What an earlier call returned may be called late or never, so that each call tidies up itself.
  window.removeEventListener("keydown", board.onkeydown);
  const onkeydown = (event) => shortcut(board, event);
  board.onkeydown = onkeydown;
  window.addEventListener("keydown", onkeydown);
  return () => window.removeEventListener("keydown", onkeydown);
}
