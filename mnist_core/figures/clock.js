// Put before the scripts of figures that move. A player (player.js) moves the clock of its name;
// figures follow it. A clock without a player stands at the end: the figure is complete.

const clocks = (window.mnistLabClocks ??= new Map());

function clockNamed(name) {
  if (!clocks.has(name)) clocks.set(name, { time: Infinity, followers: new Set() });
  return clocks.get(name);
}

// Calls `draw` with the clock's time, in steps, now and whenever it moves.
// Returns a function that ends this.
function follow(name, draw) {
  const clock = clockNamed(name);
  clock.followers.add(draw);
  draw(clock.time);
  return () => clock.followers.delete(draw);
}

// Asks the player of a clock to go to a time, and to pause there.
function askClock(name, time) {
  clockNamed(name).goTo?.(time);
}

function setClock(name, time) {
  const clock = clockNamed(name);
  clock.time = time;
  for (const draw of clock.followers) draw(time);
}
