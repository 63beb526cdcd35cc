// A file in the grid.

function waveform(bars) {
  const parts = bars.map((bar, number) => {
    const height = Math.max(1.5, Math.sqrt(bar / 100) * 96);
    return shape("rect", { x: number * 3 + 0.5, y: 50 - height / 2, width: 2, height, rx: 1 });
  });
  return shape("svg", { viewBox: `0 0 ${bars.length * 3} 100`, preserveAspectRatio: "none", class: "wave",
    "aria-hidden": "true" }, ...parts);
}

function preview(file, loading) {
  const made = file.preview;
  if (typeof made === "string") {
    return make("img", { src: `data:image/webp;base64,${made}`, alt: "", loading, decoding: "async" });
  }
  if (Array.isArray(made)) return waveform(made);
  return make("span", { class: "blank", "aria-hidden": "true" }, file.format || "?");
}

function badge(verdict) {
  return make("span", { class: `badge ${TONE[verdict]}` }, make("span", { class: "sign", "aria-hidden": "true" }),
    VERDICT_WORD[verdict]);
}

// The facts that break a limit, gravest first, each with its scale; other findings and remarks as a line of words.
// That a rule set takes other kinds says least, since very many do.
function complaints(file, rules) {
  const findings = file.findings(rules);
  findings.sort((a, b) => a.severity - b.severity || (a.fact === "kind") - (b.fact === "kind"));
  const groups = grouped(file, rules);
  const seen = new Set();
  const parts = [];
  for (const finding of findings) {
    const remark = finding.severity === NOTE;
    const key = !remark && groups.has(finding.fact) ? finding.fact : finding.code;
    if (seen.has(key)) continue;
    seen.add(key);
    if (remark) {
      parts.push(make("li", {}, make("p", { class: "words" }, finding.message)));
      continue;
    }
    const drawn = groups.has(finding.fact) && file.fact(finding.fact) !== null;
    parts.push(make("li", {}, make("p", { class: `title ${TONE[finding.severity]}` }, finding.title),
      drawn ? scale(file, finding.fact, groups.get(finding.fact), { only: true, short: true }) : make("p", { class: "words" }, finding.message)));
  }
  return parts;
}

function card(file, rules, open) {
  const all = complaints(file, rules);
  const most = 2;
  const more = all.length - most;
  const button = make("button", { type: "button", class: "name", id: `file-${file.number}`, onclick: () => open(file) },
    make("bdi", {}, file.name));
  const where = file.place === "" ? null : make("p", { class: "folder", title: file.path }, make("bdi", {}, file.place));
  return make("li", { class: "card" },
    make("div", { class: "preview" }, preview(file, "lazy"), badge(file.verdictFor(rules))),
    make("div", { class: "body" }, make("h3", {}, button), where,
      make("p", { class: "facts" }, file.summary().join(" · ")),
      all.length ? make("ul", { class: "complaints" }, ...all.slice(0, most)) : null,
      more > 0 ? make("p", { class: "more" }, `and ${more} more`) : null));
}
