// Play, pause and step for figures that move: one bar for all that follow its clock.
// The server is not asked. Where less motion is wanted nothing moves until asked, and then in
// whole steps; on paper the figures are complete.

const LEAST_STEP = 700; // milliseconds a step, where motion is reduced
const LONG = 24; // letters of a step's name that needs a line of its own
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const paper = matchMedia("print");
const players = new WeakMap();
const calls = new WeakMap();

function open(host) {
  const find = (part) => host.querySelector(`.${part}`);
  const player = { host, time: 0, playing: false };
  const [play, back, on, range, words] = ["play", "back", "on", "range", "words"].map(find);

  function show(time) {
    player.time = time;
    const step = Math.floor(time + 1e-6);
    const name = player.data.names[Math.min(step, player.data.names.length - 1)] ?? `${step}`;
    range.value = step;
    range.setAttribute("aria-valuetext", name);
    if (words.textContent !== name) words.textContent = name;
    back.disabled = time <= 0;
    on.disabled = time >= player.data.length;
    setShared(player.data.clock, time);
  }

  function setPlaying(playing) {
    player.playing = playing;
    host.classList.toggle("playing", playing);
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.title = playing ? "Pause" : "Play";
    if (playing) {
      player.last = undefined;
      requestAnimationFrame(tick);
    }
  }

  function tick(now) {
    if (!player.playing || player.closed) return;
    const { length, seconds } = player.data;
    let passed = now - (player.last ?? now);
    if (reduced.matches) {
      const pause = Math.max((1000 * seconds) / length, LEAST_STEP);
      if (player.last !== undefined && passed < pause) return requestAnimationFrame(tick);
      passed = player.last === undefined ? 0 : 1;
      player.last = now;
      show(Math.min(Math.floor(player.time) + passed, length));
    } else {
      player.last = now;
      // A tab that was in the background goes on where it was.
      show(Math.min(player.time + (Math.min(passed, 100) * length) / (1000 * seconds), length));
    }
    if (player.time >= length) setPlaying(false);
    else requestAnimationFrame(tick);
  }

  function start() {
    if (player.time >= player.data.length) show(0);
    setPlaying(true);
  }

  function goTo(time) {
    setPlaying(false);
    show(Math.max(0, Math.min(time, player.data.length)));
  }

  play.onclick = () => (player.playing ? setPlaying(false) : start());
  back.onclick = () => goTo(Math.ceil(player.time) - 1);
  on.onclick = () => goTo(Math.floor(player.time) + 1);
  range.oninput = () => goTo(Number(range.value));
  // Between two steps the slider stands at the first of them, and would not change.
  range.onkeydown = (event) => {
    const end = { Home: 0, End: player.data.length }[event.key];
    if (end === undefined) return;
    event.preventDefault();
    goTo(end);
  };

  player.print = () => {
    if (paper.matches) {
      player.before = player.time;
      setPlaying(false);
      show(player.data.length);
    } else if (player.before !== undefined) {
      show(player.before);
      player.before = undefined;
    }
  };
  paper.addEventListener("change", player.print);
  // What begins by itself begins when it is seen.
  player.seen = new IntersectionObserver((entries) => {
    if (!player.waits || !entries.some((entry) => entry.isIntersecting)) return;
    player.waits = false;
    if (!reduced.matches && !paper.matches) start();
  });
  player.seen.observe(host);

  // A figure with other numbers plays from its start; with the same ones it stays where it is.
  player.update = (data) => {
    const changed = player.data?.run !== data.run;
    player.data = data;
    range.max = data.length;
    sharedAs(data.clock).goTo = goTo;
    host.classList.toggle("small", data.small);
    range.setAttribute("aria-label", data.label);
    host.classList.toggle("wide", data.names.some((name) => name.length > LONG));
    if (!changed) return show(Math.min(player.time, data.length));
    const plays = data.plays && !reduced.matches && !paper.matches;
    setPlaying(false);
    show(plays ? 0 : data.start ?? data.length);
    player.waits = plays;
    player.seen.unobserve(host);
    player.seen.observe(host);
  };
  player.close = () => {
    player.closed = true;
    player.seen.disconnect();
    paper.removeEventListener("change", player.print);
    Object.assign(sharedAs(player.data.clock), { value: undefined, goTo: undefined });
  };
  players.set(host, player);
  return player;
}

// As in live.js: only what the newest call returned may close the player.
export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".player");
  const call = {};
  calls.set(host, call);
  (players.get(host) ?? open(host)).update(data);
  return () => {
    if (calls.get(host) !== call) return;
    players.get(host)?.close();
    players.delete(host);
  };
}
