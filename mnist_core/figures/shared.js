// Put before the scripts of figures that share a value under a name, without the server: which part
// is chosen in one of them, or the time of a player's clock. Each name is used for one thing only.

const shared = (window.mnistLabShared ??= new Map());

function sharedAs(name) {
  if (!shared.has(name)) shared.set(name, { value: undefined, followers: new Set() });
  return shared.get(name);
}

// Calls `show` with the value (undefined: nobody has set it), now and whenever it is set.
// Returns a function that ends this.
function follow(name, show) {
  const found = sharedAs(name);
  found.followers.add(show);
  show(found.value);
  return () => found.followers.delete(show);
}

function setShared(name, value) {
  const found = sharedAs(name);
  found.value = value;
  for (const show of found.followers) show(value);
}
