// Which files are shown, in which order, on which page.
const PER_PAGE = 48;
const PRINTED = 500;
const state = { query: "", verdicts: new Set(), rules: -1, code: "", kind: "", folder: null, order: "worst", page: 0 };
let listed = [];

function matches(file, words) {
  if (state.kind !== "" && file.kind !== state.kind) return false;
  if (state.folder !== null && file.folder !== state.folder) return false;
  if (state.code !== "" && !file.findings(state.rules).some((one) => one.code === state.code)) return false;
  return words.every((word) => file.haystack.includes(word));
}

const collator = new Intl.Collator("en", { numeric: true });
const ORDERS = {
  worst: (a, b) => a.verdictFor(state.rules) - b.verdictFor(state.rules) || a.number - b.number,
  far: (a, b) => b.offness - a.offness || a.number - b.number,
  name: (a, b) => collator.compare(a.name, b.name) || a.number - b.number,
  input: (a, b) => a.number - b.number,
};

function select() {
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = FILES.filter((file) => matches(file, words));
  const counts = [0, 0, 0, 0];
  for (const file of found) counts[file.verdictFor(state.rules)] += 1;
  listed = found.filter((file) => !state.verdicts.size || state.verdicts.has(file.verdictFor(state.rules)));
  listed.sort(ORDERS[state.order]);
  return counts;
}

function showPage(from, to) {
  byId("grid").replaceChildren(...listed.slice(from, to).map((file) => card(file, state.rules,
    (one) => openSheet(one, () => listed))));
}

function showPager() {
  const pages = Math.ceil(listed.length / PER_PAGE);
  byId("pages").hidden = pages < 2;
  byId("previous").disabled = state.page === 0;
  byId("next").disabled = state.page >= pages - 1;
  const numbers = Array.from({ length: pages }, (_, page) => make("option", { value: page }, `Page ${page + 1} of ${pages}`));
  byId("page").replaceChildren(...numbers);
  byId("page").value = String(state.page);
}

function showStatus(from, end) {
  const to = Math.min(end, listed.length);
  const all = listed.length === FILES.length ? "" : ` of ${digits(FILES.length, 0)}`;
  const range = to - from < listed.length ? `${digits(from + 1, 0)}–${digits(to, 0)} of ` : "";
  const noun = (all ? FILES.length : listed.length) === 1 ? "file" : "files";
  byId("status").textContent = listed.length ? `${range}${digits(listed.length, 0)}${all} ${noun}`
    : "No file matches: clear a filter";
}

// Shows what the state says. Choosing differently starts at the first page.
function update(page = 0) {
  const counts = select();
  state.page = Math.min(page, Math.max(0, Math.ceil(listed.length / PER_PAGE) - 1));
  const [from, to] = [state.page * PER_PAGE, (state.page + 1) * PER_PAGE];
  showPage(from, to);
  showPager();
  showStatus(from, to);
  for (const button of document.querySelectorAll("[data-verdict]")) {
    const verdict = Number(button.dataset.verdict);
    button.querySelector(".count").textContent = digits(counts[verdict], 0);
    button.setAttribute("aria-pressed", String(state.verdicts.has(verdict)));
  }
  for (const button of document.querySelectorAll("[data-filter]")) {
    button.setAttribute("aria-pressed", String(chosen(button.dataset.filter) === button.dataset.value));
  }
  byId("rules").value = chosen("rules") ?? "";
  byId("code").value = state.code;
  byId("kind").value = state.kind;
  byId("order").value = state.order;
  byId("chips").replaceChildren(...chips());
}

function chosen(filter) {
  if (filter === "rules") return state.rules === -1 ? null : RULES[state.rules].name;
  return filter === "code" ? state.code : state.folder;
}

// The folder has no field of its own among the tools, so that it is shown as a chip which takes it back.
function chips() {
  if (state.folder === null) return [];
  return [make("button", { type: "button", class: "chip", onclick: () => { state.folder = null; update(); } },
    make("bdi", {}, state.folder.slice(DATA.root.length) || "this folder"), " ×")];
}
