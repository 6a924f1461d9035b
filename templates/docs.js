
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  if (location.protocol.startsWith("http")) {
    for (const origin of all(".origin")) origin.textContent = location.origin;
  }

  const narrow = matchMedia("(max-width: 60rem)");
  const menu = document.getElementById("menu");
  const fold = () => { menu.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  menu.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) menu.open = false;
  });

  const input = document.getElementById("filter");
  const count = document.getElementById("filter-count");
  const links = all(".nav-group li a");
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const link of links) {
      const target = document.getElementById(link.hash.slice(1));
      const text = link.textContent.toLowerCase();
      const hide = !words.every((word) => text.includes(word));
      link.parentElement.hidden = hide;
      if (target) target.hidden = hide;
      if (!hide) shown += 1;
    }
    for (const group of all(".nav-group")) group.hidden = !group.querySelector("li:not([hidden])");
    for (const group of all(".group")) {
      const cards = all(".card", group);
      group.hidden = words.length > 0 && cards.every((card) => card.hidden);
    }
    count.textContent = words.length ? `${shown} of ${links.length} shown` : "";
  };
  input.addEventListener("input", apply);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { input.value = ""; apply(); }
  });
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target?.closest("[hidden]")) return;
    input.value = "";
    apply();
    target.scrollIntoView();
  });
  document.getElementById("filter-box").hidden = false;

  for (const pre of all("pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(pre);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    const frame = document.createElement("div");
    frame.className = "copyable";
    pre.replaceWith(frame);
    frame.append(pre, button);
  }
})();
