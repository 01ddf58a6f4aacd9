// Shows the one of several panels whose part is chosen in a drawing (diagram.js).

const followed = new WeakMap();

export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".panels");
  followed.get(host)?.();
  const unfollow = follow(data.choice, (part = data.first) => {
    host.innerHTML = data.panels[part] ?? "";
  });
  explain(host);
  followed.set(host, unfollow);
  return unfollow;
}
