/* TechMail Portal: small additions to pages that work without them. No inline handlers, no eval.
   Each part is one function that looks for its own data attributes. */
(() => {
  "use strict";

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const announce = (text) => { document.getElementById("announce").textContent = text; };

  /* Menus made of <details data-menu>: one at a time, closed by Escape and by a click elsewhere. */
  function menus() {
    const open = () => all("details[data-menu][open]");
    document.addEventListener("click", (event) => {
      open().filter((menu) => !menu.contains(event.target)).forEach((menu) => { menu.open = false; });
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      open().forEach((menu) => {
        const inside = menu.contains(document.activeElement);
        menu.open = false;
        if (inside) menu.querySelector("summary").focus();
      });
    });
  }

  /* Links of an error summary lead into the field, not only to it. */
  function errorSummary() {
    document.addEventListener("click", (event) => {
      const link = event.target.closest(".error-summary a");
      const field = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (!field) return;
      event.preventDefault();
      const group = field.closest(".field") || field;
      group.scrollIntoView({ block: "start" });
      field.focus({ preventScroll: true });
    });
  }

  /* <button data-copy="text" hidden>: shown where the clipboard is at hand. */
  function copying(within) {
    if (!navigator.clipboard) return;
    all("button[data-copy]", within).forEach((button) => { button.hidden = false; });
  }

  async function onCopy(event) {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const word = button.querySelector("span");
    const before = word.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      word.textContent = "Copied";
      announce("Copied");
    } catch {
      word.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { word.textContent = before; }, 2000);
  }

  /* Fields with data-shown-when="name=value|value" follow the field of that name. */
  function shownWhen(within) {
    all("[data-shown-when]", within).forEach((block) => {
      const [name, values] = block.dataset.shownWhen.split("=");
      const wanted = values.split("|");
      const form = block.closest("form");
      if (!form) return;
      const update = () => {
        const chosen = new FormData(form).getAll(name).map((value) => value || "off");
        block.hidden = !chosen.some((value) => wanted.includes(value));
      };
      form.addEventListener("change", update);
      update();
    });
  }

  /* How much of a long answer is left, said once typing pauses. */
  function counting(within) {
    all("textarea[maxlength]", within).forEach((area) => {
      if (area.dataset.counted) return;
      area.dataset.counted = "yes";
      const line = document.createElement("p");
      line.className = "count";
      area.after(line);
      const update = () => {
        const left = area.maxLength - area.value.length;
        line.textContent = `${left.toLocaleString("en-US")} characters left`;
        line.hidden = left > area.maxLength / 2;
      };
      area.addEventListener("input", update);
      update();
    });
  }

  /* Rows: of a formset (counted in TOTAL_FORMS, removed by a mark) or of a list of boxes of one name. */
  function rows(group) {
    const list = group.querySelector("[data-rows-list]");
    const template = group.querySelector("template");
    const add = group.querySelector("[data-row-add]");
    const total = group.querySelector(`input[name="${group.dataset.rows}-TOTAL_FORMS"]`);
    const shown = () => all("[data-row]", list).filter((row) => !row.hidden);
    const firstField = (row) => row && row.querySelector("input:not([type=hidden]), select, textarea");
    let last = total ? Number(total.value) : shown().length;

    const settle = () => {
      const now = shown();
      now.forEach((row, index) => {
        all("[data-row-number]", row).forEach((place) => { place.textContent = index + 1; });
        all("[data-row-remove]", row).forEach((button) => { button.hidden = !total && now.length < 2; });
      });
      if (add) add.hidden = now.length >= Number(group.dataset.max);
    };
    const addRow = () => {
      const html = template.innerHTML.replaceAll("__prefix__", last).replaceAll("__number__", shown().length + 1);
      list.insertAdjacentHTML("beforeend", html);
      last += 1;
      if (total) total.value = last;
      const row = list.lastElementChild;
      enhance(row);
      if (window.htmx) window.htmx.process(row);
      return row;
    };
    const removeRow = (row) => {
      const mark = row.querySelector("[data-row-delete]");
      if (mark) {
        mark.value = "on";
        row.hidden = true;
      } else {
        row.remove();
      }
    };
    group.addEventListener("click", (event) => {
      const remove = event.target.closest("[data-row-remove]");
      if (add && add.contains(event.target)) {
        event.preventDefault();
        firstField(addRow()).focus();
        announce("Added");
      } else if (remove) {
        const row = remove.closest("[data-row]");
        if (total && !row.querySelector("[data-row-delete]")) return; // Without a mark the server takes it out.
        event.preventDefault();
        removeRow(row);
        (firstField(shown().at(-1)) || add).focus();
        announce("Removed");
      } else {
        return;
      }
      settle();
    });
    all("[data-row-delete][value=on]", list).forEach((mark) => { mark.closest("[data-row]").hidden = true; });
    settle();
  }

  /* Keys of a list: only while the focus is inside it (WCAG 2.1.4), never while typing.
     j and k move, Enter opens, a takes, / goes to the search, ? explains. */
  function keys(region) {
    const items = () => all("[data-row-item]", region);
    const current = () => items().find((row) => row.contains(document.activeElement))
      || items().find((row) => row.classList.contains("is-active"));
    const go = (row) => {
      if (!row) return;
      items().forEach((other) => other.classList.toggle("is-active", other === row));
      row.querySelector("[data-open]").focus();
    };
    const step = (by) => {
      const rowsNow = items();
      const at = rowsNow.indexOf(current());
      go(rowsNow[at === -1 ? 0 : Math.min(rowsNow.length - 1, Math.max(0, at + by))]);
    };
    const actions = {
      j: () => step(1),
      k: () => step(-1),
      a: () => current()?.querySelector("[data-take]")?.click(),
      "/": () => all("[data-search]").find((input) => input.offsetParent)?.focus(),
      "?": () => document.getElementById(region.dataset.keysHelp)?.showModal(),
    };
    region.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea, [contenteditable]");
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
    region.addEventListener("focusin", () => {
      const row = items().find((item) => item.contains(document.activeElement));
      items().forEach((other) => other.classList.toggle("is-active", other === row));
    });
  }

  function dialogs() {
    document.addEventListener("click", (event) => {
      const opener = event.target.closest("[data-opens]");
      if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    });
    all("[data-opens]").forEach((button) => { button.hidden = false; });
  }

  /* One click sends a form once; a page that comes back from the history is usable again. */
  function sendOnce() {
    document.addEventListener("submit", (event) => {
      const form = event.target;
      if (form.method !== "post" || event.defaultPrevented) return;
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "yes";
      setTimeout(() => { delete form.dataset.sent; }, 5000);
    });
    window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));
  }

  /* htmx: a session that ended, and a check that could not be reached, are said in words. */
  function htmxAnswers() {
    const say = (event, text) => {
      const slot = event.detail.target;
      if (slot && slot.matches(".live")) {
        slot.replaceChildren(Object.assign(document.createElement("p"), { className: "field-help", textContent: text }));
      } else {
        announce(text);
      }
    };
    document.addEventListener("htmx:beforeSwap", (event) => {
      const login = document.body.dataset.loginUrl;
      const came = event.detail.xhr.responseURL;
      if (!login || !came || new URL(came).pathname !== login || window.location.pathname === login) return;
      event.detail.shouldSwap = false;
      say(event, "Your session ended. What you typed is still here: sign in in another tab, then go on.");
    });
    for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
      document.addEventListener(name, (event) => say(event, "The check could not be made now. It is made again when you go on."));
    }
    document.addEventListener("htmx:afterSettle", (event) => enhance(event.detail.elt));
  }

  function enhance(within) {
    copying(within);
    shownWhen(within);
    counting(within);
    all("[data-rows]", within).filter((group) => !group.dataset.ready).forEach((group) => {
      group.dataset.ready = "yes";
      rows(group);
    });
    all("[data-keys]", within).filter((region) => !region.dataset.ready).forEach((region) => {
      region.dataset.ready = "yes";
      keys(region);
    });
    all("form[data-submit-on-change]", within).forEach((form) => {
      form.addEventListener("change", () => form.requestSubmit());
    });
  }

  menus();
  errorSummary();
  dialogs();
  sendOnce();
  htmxAnswers();
  document.addEventListener("click", onCopy);
  enhance(document);
})();
