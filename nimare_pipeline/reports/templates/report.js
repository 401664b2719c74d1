"use strict";
(() => {
  const value = (row, column) => row.cells[column].dataset.sort;
  const compare = (a, b) => {
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, undefined, {numeric: true}) : x - y;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const x = value(a, column), y = value(b, column), order = compare(x, y);
        return down && x !== "" && y !== "" ? -order : order;
      });
      table.tBodies[0].append(...rows);
    }));
  }
  const measure = new ResizeObserver((entries) => entries.forEach(({target}) => {
    target.classList.toggle("wide", target.scrollWidth > target.clientWidth + 1);
  }));
  document.querySelectorAll(".scroll").forEach((box) => measure.observe(box));
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.innerText.trim());
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
  for (const image of document.querySelectorAll("figure img")) {
    image.addEventListener("click", () => image.parentElement.classList.toggle("zoomed"));
  }
  const links = new Map([...document.querySelectorAll("nav a[href^='#']")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.classList.remove("here"));
      links.get(entry.target.id)?.classList.add("here");
    }
  }, {rootMargin: "-10% 0px -75% 0px"});
  document.querySelectorAll("section[id], article[id]").forEach((part) => links.has(part.id) && seen.observe(part));
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
})();
