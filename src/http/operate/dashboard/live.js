// Keeps the page up to date: the service sends each section again when it has changed, as HTML of its own making.
{
  const SILENCE_MS = 4000;
  const AGAIN_MS = 2000;
  const connection = document.getElementById("connection");
  let heard = 0;

  const say = (text, live) => {
    connection.textContent = text;
    connection.classList.toggle("live", live);
  };

  // Makes an element what another one is. Elements that stay are kept, and with them the focus, scroll positions and selections.
  const morph = (old, wanted) => {
    if (old.nodeType !== wanted.nodeType || old.nodeName !== wanted.nodeName) {
      old.replaceWith(wanted);
    } else if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== wanted.data) old.data = wanted.data;
    } else {
      for (const { name } of [...old.attributes]) {
        if (!wanted.hasAttribute(name)) old.removeAttribute(name);
      }
      for (const { name, value } of wanted.attributes) {
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
      }
      morphChildren(old, wanted);
    }
  };

  const morphChildren = (old, wanted) => {
    const children = [...wanted.childNodes];
    while (old.childNodes.length > children.length) old.lastChild.remove();
    children.forEach((child, nth) => {
      if (nth < old.childNodes.length) morph(old.childNodes[nth], child);
      else old.append(child);
    });
  };

  const replace = (place, html) => {
    heard = Date.now();
    const wanted = place.cloneNode(false);
    wanted.innerHTML = html;
    morphChildren(place, wanted);
    if (place.id === "headline") {
      document.title = `${place.querySelector(".word").textContent}: synapse-core`;
    }
  };

  // A browser asks again by itself where the connection broke, and not where it was refused (the service is stopping, or has enough
  // watchers).
  const watch = () => {
    const source = new EventSource("dashboard/events");
    source.onopen = () => {
      heard = Date.now();
      say("live", true);
    };
    source.onerror = () => {
      say("not live, asking again", false);
      if (source.readyState === EventSource.CLOSED) setTimeout(watch, AGAIN_MS);
    };
    for (const place of document.querySelectorAll("[data-live]")) {
      source.addEventListener(place.id, (event) => replace(place, event.data));
    }
  };

  // A network that swallows everything breaks no connection.
  setInterval(() => {
    if (heard && Date.now() - heard > SILENCE_MS) say("nothing heard for some seconds", false);
    else if (heard) say("live", true);
  }, 1000);

  for (const part of document.querySelectorAll(".needs-script")) part.hidden = false;
  watch();
}
