// What the controls do.
function options(id, pairs) {
  byId(id).append(...pairs.map(([value, text]) => make("option", { value }, text)));
}

const seenCodes = [...new Set(FILES.flatMap((file) => file.findings().map((one) => one.code)))];
seenCodes.sort((a, b) => collator.compare(DATA.codes[a][0], DATA.codes[b][0]));
for (const stage of new Set(RULES.map((rules) => rules.stage))) {
  const group = make("optgroup", { label: stage, id: `stage-${stage}` });
  byId("rules").append(group);
  options(group.id, RULES.filter((rules) => rules.stage === stage).map((rules) => [rules.name, rules.name]));
}
options("code", seenCodes.map((code) => [code, DATA.codes[code][0]]));
options("kind", [...new Set(FILES.map((file) => file.kind))].filter(Boolean).map((kind) => [kind, kind]));

function choose(filter, value) {
  if (filter === "rules") state.rules = RULES_NUMBER.get(value) ?? -1;
  else if (filter === "folder") state.folder = value;
  else state[filter] = value;
  update();
}

for (const id of ["rules", "code", "kind", "order"]) {
  byId(id).addEventListener("change", (event) => choose(id, event.target.value));
}

let typing;
byId("search").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => { state.query = event.target.value; update(); }, 120);
});
byId("tools").addEventListener("submit", (event) => event.preventDefault());
byId("tools").addEventListener("reset", () => {
  Object.assign(state, { query: "", verdicts: new Set(), rules: -1, code: "", kind: "", folder: null, order: "worst" });
  clearTimeout(typing);
  setTimeout(update);
});

for (const button of document.querySelectorAll("[data-verdict]")) {
  button.addEventListener("click", () => {
    const verdict = Number(button.dataset.verdict);
    if (!state.verdicts.delete(verdict)) state.verdicts.add(verdict);
    update();
  });
}
for (const button of document.querySelectorAll("[data-filter]")) {
  button.addEventListener("click", () => {
    const { filter, value } = button.dataset;
    const off = chosen(filter) === value;
    choose(filter, off ? (filter === "folder" ? null : "") : value);
  });
}

function turn(page) {
  update(page);
  byId("files").scrollIntoView();
  byId("files").focus({ preventScroll: true });
}
byId("previous").addEventListener("click", () => turn(state.page - 1));
byId("next").addEventListener("click", () => turn(state.page + 1));
byId("page").addEventListener("change", (event) => turn(Number(event.target.value)));

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || byId("sheet").open || event.target.matches("input, select")) return;
  event.preventDefault();
  byId("search").focus();
});

// On paper there are no pages to turn: what is listed, up to a bound, is printed.
addEventListener("beforeprint", () => {
  showPage(0, PRINTED);
  showStatus(0, PRINTED);
});
addEventListener("afterprint", () => update(state.page));

const theme = byId("theme");
const dark = () => document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const nameTheme = () => { theme.textContent = dark() ? "Light" : "Dark"; };
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  nameTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
nameTheme();

for (const id of ["theme", "tools"]) byId(id).hidden = false;
update();
