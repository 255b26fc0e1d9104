// recon: liveness and keys. Everything else works without this file.
"use strict";

(() => {
  const STALE_MS = 10000; // without an event for this long the page says that it is stale
  const LOOK_MS = 1000; // between two updates of ages
  const GENTLE_MS = 1500; // least time between two requests for this screen
  const root = document.documentElement;
  const body = document.body;
  root.classList.add("script");
  // What answers a refused form is a screen: reloading, sharing and looking again are of its own address.
  if (body.dataset.address) history.replaceState(null, "", body.dataset.address);

  // 1 time: the server's, as of its last word ------------------------------------------------------------------------
  let ahead = 0;
  const serverNow = () => Date.now() + ahead;
  const setClock = () => {
    const at = document.querySelector("#strip time.vh") || document.querySelector("#strip time");
    if (at) ahead = Date.parse(at.dateTime) - Date.now();
  };
  const age = (ms) => {
    const s = Math.floor(ms / 1000);
    if (s < 1) return "<1 s";
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "m"]]) if (s >= size) return `${Math.floor(s / size)} ${unit}`;
    return `${s} s`;
  };
  const tick = () => {
    for (const each of document.querySelectorAll("time[data-age]")) {
      const text = age(serverNow() - Date.parse(each.dateTime));
      if (each.textContent !== text) each.textContent = text;
    }
  };

  // 2 live: the strip comes with each event, the screen is asked for when what it shows has changed --------------------
  let heard = Date.now();
  let version = null;
  let asking = false;
  let askedAt = 0;
  let again = false;

  const setStale = (why) => {
    const strip = document.getElementById("strip");
    const main = document.getElementById("main");
    if (!strip || strip.dataset.lost) return;
    strip.dataset.lost = "yes";
    const at = strip.querySelector("time");
    const box = document.createElement("div");
    box.className = "truth is-stale";
    box.setAttribute("role", "alert");
    const word = document.createElement("span");
    word.className = "st st-stale";
    word.textContent = "stale";
    const text = document.createElement("span");
    // How old the figures are is counted on, so that nobody takes the last word for the present.
    text.append(`${why} Figures are `);
    const old = document.createElement("time");
    old.dataset.age = "";
    old.dateTime = at ? at.dateTime : new Date(serverNow()).toISOString();
    text.append(old, " old.");
    box.append(word, text);
    if (at) { at.classList.add("vh"); box.append(at); }
    strip.replaceChildren(box);
    tick();
    main.classList.add("is-stale-data");
  };

  const setCurrent = (look) => {
    heard = Date.now();
    const strip = document.getElementById("strip");
    const open = strip.querySelector("details[open]");
    if (!open || strip.dataset.lost) strip.innerHTML = look.strip;
    delete strip.dataset.lost;
    document.getElementById("main").classList.toggle("is-stale-data", look.kind === "stale");
    for (const each of document.querySelectorAll('[data-count="Breaks"]')) each.textContent = String(look.cases);
    setClock();
    const now = look.versions[body.dataset.changesWith] || "";
    if (version !== null && now !== version) refresh();
    version = now;
  };

  const plain = (element) => {
    const copy = element.cloneNode(true);
    for (const each of copy.querySelectorAll("time[data-age]")) each.textContent = "";
    copy.classList.remove("flash");
    copy.removeAttribute("aria-selected");
    if (copy.getAttribute("tabindex") === "-1") copy.removeAttribute("tabindex");
    return copy.outerHTML;
  };

  // Rows of long lists are no stops of the Tab key, so they are made fit for the focus when they get it.
  const focusRow = (row, how) => {
    if (!row.hasAttribute("tabindex")) row.tabIndex = -1;
    row.focus(how);
  };

  const flash = (element) => {
    element.classList.add("flash");
    setTimeout(() => element.classList.remove("flash"), 1600);
  };

  const exchange = (next) => {
    let added = 0;
    for (const rows of next.querySelectorAll("[data-rows]")) {
      const here = document.querySelector(`[data-rows="${CSS.escape(rows.dataset.rows)}"]`);
      if (!here) { added += rows.querySelectorAll("[data-row]").length; continue; }
      const told = new Set();
      for (const row of rows.querySelectorAll("[data-row]")) {
        told.add(row.dataset.row);
        const old = here.querySelector(`[data-row="${CSS.escape(row.dataset.row)}"]`);
        if (!old) { added += 1; continue; }
        if (plain(old) === plain(row) || old.contains(document.activeElement) && document.activeElement !== old) continue;
        const fresh = document.importNode(row, true);
        if (old.getAttribute("aria-selected") === "true") {
          fresh.setAttribute("aria-selected", "true");
          const box = fresh.querySelector('input[form="bulk"]');
          if (box) box.checked = true;
        }
        const focused = document.activeElement === old;
        old.replaceWith(fresh);
        if (focused) focusRow(fresh, { preventScroll: true });
        flash(fresh);
      }
      for (const old of here.querySelectorAll("[data-row]")) if (!told.has(old.dataset.row)) old.classList.add("gone");
    }
    for (const part of next.querySelectorAll("[data-part]")) {
      const old = document.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
      if (!old || old.contains(document.activeElement) || plain(old) === plain(part)) continue;
      old.replaceWith(document.importNode(part, true));
    }
    document.title = next.title;
    const news = document.getElementById("news");
    if (news) {
      news.hidden = added === 0;
      document.getElementById("news-text").textContent = `${added} new.`;
    }
    tick();
  };

  async function refresh() {
    if (asking) { again = true; return; }
    asking = true;
    await new Promise((done) => setTimeout(done, Math.max(0, askedAt + GENTLE_MS - Date.now())));
    askedAt = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { "X-Recon-Live": "yes" }, redirect: "error" });
      if (answer.ok) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
      else if (answer.status === 401) setStale("Your session is over: log in again.");
    } catch { /* the stream says so too */ }
    asking = false;
    if (again) { again = false; refresh(); }
  }

  if (body.dataset.live) {
    let stream = null;
    const listen = () => {
      stream = new EventSource(body.dataset.live);
      stream.addEventListener("look", (event) => setCurrent(JSON.parse(event.data)));
      // A refused stream is closed for good by the browser: ask again, gently.
      stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5000); };
    };
    listen();
    setInterval(() => {
      if (Date.now() - heard > STALE_MS) setStale("Nothing was heard from recon.");
      tick();
    }, LOOK_MS);
  }
  setClock();

  // 3 keys: from the list on the page ---------------------------------------------------------------------------------
  const keys = [...document.querySelectorAll("#keys tr[data-keys]")].map((each) => ({ ...each.dataset }));
  const visible = (element) => element && element.checkVisibility();
  const byTarget = (name) => [...document.querySelectorAll(`[data-key-target="${name}"]`)].find(visible);
  const rows = () => [...document.querySelectorAll("[data-row]")].filter(visible);
  const current = () => document.activeElement && document.activeElement.closest("[data-row]");
  let first = "";
  let from = null;

  const select = (row, whole) => {
    const all = rows();
    const to = all.indexOf(row);
    const start = whole && from !== null ? all.indexOf(from) : to;
    const on = whole || row.getAttribute("aria-selected") !== "true";
    for (const each of all.slice(Math.min(start, to), Math.max(start, to) + 1)) {
      each.setAttribute("aria-selected", String(on));
      const box = each.querySelector('input[type="checkbox"]');
      if (box) { box.checked = on; }
    }
    from = row;
    tellSelected();
  };

  // Several cases are decided in one form; it is there while some are selected.
  const tellSelected = () => {
    const bulk = document.getElementById("bulk");
    if (!bulk) return;
    const many = document.querySelectorAll('input[form="bulk"]:checked').length;
    bulk.classList.toggle("on", many > 0);
    document.getElementById("bulk-count").textContent = `${many} selected`;
  };
  document.addEventListener("change", (event) => {
    const box = event.target.closest('input[form="bulk"]');
    if (!box) return;
    box.closest("[data-row]").setAttribute("aria-selected", String(box.checked));
    tellSelected();
  });

  const openForm = (name) => {
    const row = current();
    const bulk = document.querySelector('[data-row][aria-selected="true"]') && document.querySelector(`[data-bulk="${CSS.escape(name)}"]`);
    const form = bulk || document.querySelector(`[data-form="${CSS.escape(name)}"]`);
    if (!form) {
      // On a list the key opens the case of the row, at its form.
      const link = row && row.querySelector("a[href^='/cases/']");
      if (link) location.href = `${link.getAttribute("href").split("#")[0]}#${name}`;
      return;
    }
    if (form.tagName === "DETAILS") form.open = true;
    const field = [...form.querySelectorAll("input:not([type=hidden]), select, textarea")].find((each) => visible(each) && !each.value && !each.readOnly && each.type !== "checkbox" || each.type === "checkbox" && !each.checked);
    (field || form.querySelector("button, input:not([type=hidden]), select, textarea"))?.focus();
    form.scrollIntoView({ block: "nearest" });
  };

  const leave = () => {
    const open = document.querySelector("dialog[open]");
    if (open) { open.close(); return; }
    for (const each of document.querySelectorAll("details.pop[open], details[data-form][open], details[data-bulk][open]")) each.open = false;
    for (const each of document.querySelectorAll('[data-row][aria-selected="true"]')) select(each, false);
    if (document.activeElement) document.activeElement.blur();
  };

  const isChanged = (field) => (field.type === "checkbox" ? field.checked !== field.defaultChecked
    : field.options ? [...field.options].some((each) => each.selected !== each.defaultSelected) && field.selectedIndex > 0
      : "defaultValue" in field && field.type !== "hidden" && field.value !== field.defaultValue);

  const undo = () => {
    const typed = [...document.querySelectorAll('main form[method="post"]')].filter((form) => [...form.elements].some(isChanged));
    const selected = document.querySelector('[data-row][aria-selected="true"]');
    if (!typed.length && !selected) { byTarget("undo")?.click(); return; }
    for (const form of typed) form.reset();
    leave();
  };

  const act = {
    open: (target) => { location.href = target; },
    click: (target) => { byTarget(target)?.click(); },
    focus: (target) => { byTarget(target)?.focus(); },
    step: (target) => {
      const all = rows();
      if (!all.length) return;
      const at = all.indexOf(current());
      focusRow(all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + Number(target)))]);
    },
    row: (target, event) => {
      const row = current();
      if (!row) return;
      if (target === "select") select(row, event.shiftKey);
      else row.querySelector("a[href]")?.click();
    },
    form: openForm,
    view: (target) => { document.querySelectorAll(".views a")[Number(target) - 1]?.click(); },
    copy: () => { navigator.clipboard?.writeText(location.href); },
    undo,
    leave,
  };

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest && event.target.closest("input, textarea, select");
    // A tick of a list is no text: keys go on working.
    const typing = field && field.getAttribute("form") !== "bulk";
    if (event.key === "Escape") { leave(); return; }
    if (event.key === "Enter" && event.ctrlKey && field && field.form) { field.form.requestSubmit(field.closest("[data-bulk]")?.querySelector("button")); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    // A button or a link that has the focus keeps its own Enter.
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    const name = event.key.length === 1 && event.shiftKey && event.key.toLowerCase() === "x" ? "x" : event.key;
    const pressed = first ? `${first} ${name}` : name;
    first = "";
    const digit = /^[1-6]$/.test(name);
    const key = keys.find((each) => each.keys === pressed)
      || (digit && { kind: "view", target: name })
      || keys.find((each) => each.keys === name);
    if (key && act[key.kind]) { event.preventDefault(); act[key.kind](key.target, event); return; }
    if (keys.some((each) => each.keys.startsWith(`${name} `))) first = name;
  });

  // 4 buttons ------------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.open) document.getElementById(button.dataset.open).showModal();
    if (button.dataset.close) document.getElementById(button.dataset.close).close();
    if (button.dataset.copy) {
      const text = document.getElementById(button.dataset.copy).textContent;
      (navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject()).then(
        () => { button.textContent = "Copied"; },
        () => { getSelection().selectAllChildren(document.getElementById(button.dataset.copy)); },
      );
    }
    if (button.id === "theme") {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      document.cookie = `recon_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
    }
  });

  // 5 saved views: an address is a view; its name is kept in this browser alone ---------------------------------------
  const SAVED = "recon_views";
  const MOST_SAVED = 50;
  const saved = () => {
    try {
      const found = JSON.parse(localStorage.getItem(SAVED) || "[]");
      // Whatever else may have written there: an address is one of this page.
      return Array.isArray(found) ? found.filter((each) => typeof each?.name === "string" && /^\/(?![\/\\])/.test(each.address)) : [];
    } catch { return []; }
  };
  const keep = (views) => {
    try { localStorage.setItem(SAVED, JSON.stringify(views.slice(0, MOST_SAVED))); } catch { /* a browser that keeps nothing */ }
    showSaved();
  };
  const showSaved = () => {
    const list = document.getElementById("saved-list");
    if (!list) return;
    const views = saved();
    document.getElementById("saved-none").hidden = views.length > 0;
    list.replaceChildren(...views.map((view) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = view.address;
      link.textContent = view.name;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "plain";
      remove.textContent = "Remove";
      remove.setAttribute("aria-label", `Remove the view ${view.name}`);
      remove.addEventListener("click", () => keep(saved().filter((each) => each.name !== view.name)));
      item.append(link, " ", remove);
      return item;
    }));
  };
  const saveView = () => {
    const field = document.getElementById("saved-name");
    const name = field.value.trim();
    if (!name) { field.focus(); return; }
    keep([...saved().filter((each) => each.name !== name), { name, address: location.pathname + location.search }]);
    field.value = "";
  };
  document.getElementById("saved-add")?.addEventListener("click", saveView);
  document.getElementById("saved-name")?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); saveView(); }
  });
  showSaved();
  addEventListener("hashchange", () => openForm(location.hash.slice(1)));
  if (location.hash.length > 1) openForm(location.hash.slice(1));
})();
