// Put before the scripts of figures that share what is chosen, under a name: a part that is pressed
// in one of them is shown by the others, without the server.

const choices = (window.mnistLabChoices ??= new Map());

function choiceNamed(name) {
  if (!choices.has(name)) choices.set(name, { chosen: undefined, followers: new Set() });
  return choices.get(name);
}

// Calls `show` with what is chosen (undefined: nothing yet), now and whenever that changes.
// Returns a function that ends this.
function followChoice(name, show) {
  const choice = choiceNamed(name);
  choice.followers.add(show);
  show(choice.chosen);
  return () => choice.followers.delete(show);
}

function setChoice(name, part) {
  const choice = choiceNamed(name);
  choice.chosen = part;
  for (const show of choice.followers) show(part);
}
