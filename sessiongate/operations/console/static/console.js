// The console without a person's hand: pauses, backs off, and takes keys. All else works without it.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const live = () => $("live");
  let paused = false, until = 0, wait = 2000, updated = new Date(), before = new Map(), at = -1, g = false;
  const typing = (e) => e.target.matches("input:not([type=checkbox]), select, textarea");
  const rows = () => [...document.querySelectorAll("#live tbody tr:not(.gone)")];
  const picked = () => document.querySelector("#live input[type=checkbox]:checked");
  const keysOff = () => localStorage.getItem("keys") === "off";

  // Copy: the style sheet shows these where there is a clipboard.
  document.documentElement.classList.toggle("copies", Boolean(navigator.clipboard));
  document.addEventListener("click", async (e) => {
    const copy = e.target.closest("[data-copy]");
    if (copy) await navigator.clipboard.writeText(copy.dataset.copy);
    if (copy) $("said").textContent = `Copied: ${copy.getAttribute("aria-label").slice(5)}.`;
  });

  const off = $("keys-off");
  if (off) { off.checked = keysOff(); off.onchange = () => localStorage.setItem("keys", off.checked ? "off" : "on"); }
  const pause = $("pause");
  if (pause) {
    pause.hidden = false;
    pause.onclick = () => pause.setAttribute("aria-pressed", String(paused = !paused));
  }

  // Live: not while hidden, paused, or rows are selected; later and later while the server is away.
  document.body.addEventListener("htmx:beforeRequest", (e) => {
    if (e.target.id !== "live") return;
    if (document.hidden || paused || picked() || Date.now() < until) e.preventDefault();
  });
  const late = () => {
    wait = Math.min(wait * 2, 30000); until = Date.now() + wait;
    $("late").textContent = `Not updated since ${updated.toLocaleTimeString()}`;
  };
  for (const name of ["responseError", "sendError", "timeout"]) document.body.addEventListener(`htmx:${name}`, late);
  document.body.addEventListener("htmx:afterRequest", (e) => {
    if (!e.detail.successful) return;
    updated = new Date(); wait = 2000; until = 0;
    if ($("late")) $("late").textContent = "";
  });

  // Rows that have left stay for one cycle, struck through.
  document.body.addEventListener("htmx:beforeSwap", () => {
    before = new Map(rows().map((row, i) => [row.id, [i, row]]));
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    const body = document.querySelector("#live tbody");
    for (const [id, [i, row]] of before) {
      if (!id || $(id) || !body) continue;
      const gone = document.createElement("tr");
      gone.className = "gone";
      for (const cell of row.cells) gone.append(document.createElement("td"));
      [...gone.cells].forEach((cell, n) => { cell.textContent = row.cells[n].textContent.trim(); });
      body.insertBefore(gone, body.rows[i] || null);
      setTimeout(() => gone.remove(), 2000);
    }
    before.clear();
  });

  const on = (key) => { const row = rows()[at]; return row && row.querySelector(key); };
  const move = (by) => {
    at = Math.max(0, Math.min(rows().length - 1, at + by));
    rows().forEach((row, i) => row.classList.toggle("at", i === at));
    if (on("a")) on("a").focus();
  };
  const press = (found) => { if (found) found.click(); };
  document.addEventListener("keydown", (e) => {
    if (typing(e) || e.ctrlKey || e.altKey || e.metaKey || keysOff()) return;
    if (g) { g = false; return press(document.querySelector(`[data-letter="${CSS.escape(e.key)}"]`)); }
    if (e.key === "g") g = true;
    else if (e.key === "/" && $("f-user")) { e.preventDefault(); $("f-user").focus(); }
    else if (e.key === "j") move(1);
    else if (e.key === "k") move(-1);
    else if (e.key === "x") press(on("input[type=checkbox]"));
    else if (e.key === "e") press(on("a[id^=end-]") || $("end"));
    else if (e.key === "?") location.assign("/console/keys");
  });
})();
