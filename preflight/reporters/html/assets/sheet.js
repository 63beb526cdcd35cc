// Everything that is known of one file.
// With more rule sets than this their findings are collapsed: the scales above show most of it.
const SEVERAL = 3;

function remedyBox({ sentence, losses, command }) {
  const said = [make("p", {}, `To fix it: ${sentence}.`), losses && make("p", {}, `Loses: ${losses}.`)];
  if (command === null) return make("div", { class: "hint" }, ...said);
  const code = make("code", { tabindex: "0" }, command);
  const copy = make("button", { type: "button", class: "quiet", onclick: () => {
    getSelection().selectAllChildren(code);
    navigator.clipboard?.writeText(command).then(() => { copy.textContent = "Copied"; }, () => {});
  } }, "Copy");
  return make("div", { class: "hint" }, ...said, make("p", {}, "Command that fixes it:", copy), make("pre", {}, code));
}

// Notes, which are the same for every rule set, once.
function remarks(file) {
  const notes = new Map(file.findings().filter((one) => one.severity === NOTE).map((one) => [one.message, one]));
  return [...notes.values()].map((one) => make("li", {}, one.message, " ", make("code", {}, one.code)));
}

function verdictLine(file, number) {
  const rules = RULES[number];
  const findings = file.findings(number).filter((one) => one.severity !== NOTE);
  const lines = findings.map((finding) => make("li", {},
    make("span", { class: `sign ${TONE[finding.severity]}`, "aria-hidden": "true" }),
    make("div", {}, make("p", {}, finding.message, " ", make("code", {}, finding.code)),
      finding.hint ? make("p", { class: "hint" }, finding.hint) : null)));
  const remedy = file.remedy(number);
  const head = [make("b", {}, rules.name), badge(file.verdictFor(number)),
    rules.basis === "published" ? null : make("i", {}, `${rules.basis} limits`)];
  if (!lines.length) return make("div", { class: "says" }, make("p", {}, ...head));
  return make("details", { class: "says", open: RULES.length <= SEVERAL },
    make("summary", {}, ...head, make("span", { class: "number" }, lines.length === 1 ? "1 finding" : `${lines.length} findings`)),
    make("ul", {}, ...lines), remedy && remedyBox(remedy));
}

// A line for each rule set; of very many, those that accept the file without a finding share one.
function results(file, order, many) {
  const isClean = (number) => many && !file.findings(number).some((one) => one.severity !== NOTE);
  const names = order.filter(isClean).map((number) => RULES[number].name);
  const clean = make("p", {}, badge(PASS), make("span", {}, names.join(", ")));
  return [...order.filter((number) => !isClean(number)).map((number) => verdictLine(file, number)),
    names.length ? make("div", { class: "says" }, clean) : ""];
}

function facts(file) {
  const rows = [["kind", file.kind || "not recognised"], ["format", file.format || "not recognised"]];
  for (const name of DATA.facts) {
    if (file.fact(name) !== null) rows.push([label(name), amount(name, file.fact(name))]);
  }
  if (file.notes.length) rows.push(["notes", file.notes.join(", ").replaceAll("_", " ")]);
  return make("dl", {}, ...rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

// The limits that a file keeps, collapsed: very many rule sets have very many.
function kept(file, groups) {
  const inside = groups.map(([fact, rows]) => [fact, new Map([...rows].filter(([, row]) => row.severity === PASS))]);
  const scales = inside.filter(([, rows]) => rows.size).map(([fact, rows]) => scale(file, fact, rows));
  return scales.length ? make("details", { class: "kept" }, make("summary", {}, "Limits that it is inside of"),
    make("div", { class: "scales" }, ...scales)) : "";
}

function fill(sheet, file, neighbours) {
  const many = RULES.length > MAX_DETAILED_RULES;
  const groups = [...grouped(file, -1)];
  const isBroken = ([, rows]) => [...rows.values()].some((row) => row.severity < PASS);
  const scales = groups.filter((group) => !many || isBroken(group)).map(([fact, rows]) => scale(file, fact, rows, { only: many }));
  const notes = remarks(file);
  const order = RULES.map((_, number) => number).sort((a, b) => file.verdictFor(a) - file.verdictFor(b) || a - b);
  sheet.replaceChildren(
    make("div", { class: "bar-top" },
      make("button", { type: "button", class: "quiet", disabled: !neighbours.previous, onclick: neighbours.back }, "Previous"),
      make("button", { type: "button", class: "quiet", disabled: !neighbours.next, onclick: neighbours.forth }, "Next"),
      make("button", { type: "button", class: "quiet close", onclick: () => sheet.close() }, "Close")),
    make("div", { class: "head" }, make("div", { class: "preview" }, preview(file)),
      make("div", {}, badge(file.verdict), make("h2", { id: "sheet-title", tabindex: "-1" }, make("bdi", {}, file.name)),
        make("p", { class: "folder" }, make("bdi", {}, file.path)), make("p", { class: "facts" }, file.summary().join(" · ")))),
    scales.length ? make("h3", {}, "Measured against the limits") : "",
    make("div", { class: "scales" }, ...scales), many ? kept(file, groups) : "",
    notes.length ? make("h3", {}, "Remarks") : "", notes.length ? make("ul", { class: "remarks" }, ...notes) : "",
    make("h3", {}, "Results by rule set"), ...results(file, order, many),
    make("h3", {}, "All facts"), facts(file));
  sheet.scrollTop = 0;
}

// Opens the sheet of a file; the neighbours in the list are one key away.
function openSheet(file, listed) {
  const sheet = byId("sheet");
  const show = (one) => {
    const place = listed().indexOf(one);
    const [previous, next] = [listed()[place - 1], listed()[place + 1]];
    sheet.file = one;
    sheet.step = (by) => { const other = by < 0 ? previous : next; if (other) show(other); };
    fill(sheet, one, { previous, next, back: () => sheet.step(-1), forth: () => sheet.step(1) });
    if (!sheet.open) sheet.showModal();
    byId("sheet-title").focus();
  };
  show(file);
}

byId("sheet").addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowLeft") event.currentTarget.step(-1);
  if (event.key === "ArrowRight") event.currentTarget.step(1);
});
byId("sheet").addEventListener("click", (event) => {
  if (event.target === event.currentTarget) event.currentTarget.close();
});
byId("sheet").addEventListener("close", (event) => {
  byId(`file-${event.currentTarget.file.number}`)?.focus();
});
