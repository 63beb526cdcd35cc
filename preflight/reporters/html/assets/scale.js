// A measured value against the ranges that rule sets accept, all on one axis, to show how far off it is.

// Limits of one fact that several rule sets share are one row.
function grouped(file, rules) {
  const facts = new Map();
  RULES.forEach((_, number) => {
    if (rules !== -1 && rules !== number) return;
    const severity = new Map();
    for (const finding of file.findings(number)) {
      severity.set(finding.fact, Math.min(finding.severity, severity.get(finding.fact) ?? 3));
    }
    for (const limit of file.limits(number)) {
      const key = JSON.stringify([limit.low, limit.high, limit.any, limit.wideLow, limit.wideHigh, limit.wideAny, limit.accepts]);
      if (!facts.has(limit.fact)) facts.set(limit.fact, new Map());
      const rows = facts.get(limit.fact);
      if (!rows.has(key)) rows.set(key, { limit, names: [], severity: severity.get(limit.fact) ?? PASS });
      const row = rows.get(key);
      row.names.push(RULES[number].name);
      row.severity = Math.min(row.severity, severity.get(limit.fact) ?? PASS);
    }
  });
  return facts;
}

// The axis is logarithmic where bounds and value lie far apart. It leaves room for the words beside the outer bounds.
const ROOM = 0.28;

function axis(value, limits) {
  const points = limits.flatMap((limit) => [limit.low, limit.high, limit.wideLow, limit.wideHigh]);
  if (typeof value === "number") points.push(value);
  const known = points.filter((point) => point !== undefined);
  let least = Math.min(...known);
  let most = Math.max(...known);
  const lows = limits.map((limit) => limit.low).filter((low) => low !== undefined);
  const highs = limits.map((limit) => limit.high).filter((high) => high !== undefined);
  if (!lows.length) least = Math.min(least, most / 12);
  if (!highs.length) most = Math.max(most, least * 12);
  const curved = least > 0 && most / least > 4;
  const bend = (point) => (curved ? Math.log(Math.max(point, least / 100)) : point);
  let from = bend(least);
  let to = bend(most);
  const slack = (to - from || Math.abs(to) || 1) * 0.05;
  for (let round = 0; round < 12; round += 1) {
    const span = to - from || slack;
    from = Math.min(bend(least) - slack, ...lows.map((low) => bend(low) - ROOM * span));
    to = Math.max(bend(most) + slack, ...highs.map((high) => bend(high) + ROOM * span));
  }
  return (point) => Math.min(99, Math.max(1, (100 * (bend(point) - from)) / (to - from)));
}

const TONE = ["fail", "unknown", "warning", "pass"];

function track(file, fact, row, at) {
  const { limit } = row;
  const value = file.fact(fact);
  const tone = TONE[row.severity];
  const left = limit.low === undefined ? 0 : at(limit.low);
  const right = limit.high === undefined ? 100 : at(limit.high);
  const wideLeft = limit.wideLow === undefined ? left : at(limit.wideLow);
  const wideRight = limit.wideHigh === undefined ? right : at(limit.wideHigh);
  const parts = [place(make("span", { class: "wide" }), wideLeft, wideRight - wideLeft),
    place(make("span", { class: "band" }), left, right - left)];
  if (limit.low !== undefined) parts.push(place(make("span", { class: "bound low" }, amount(fact, limit.low)), left));
  if (limit.high !== undefined) parts.push(place(make("span", { class: "bound high" }, amount(fact, limit.high)), right));
  if (typeof value === "number") parts.push(place(make("span", { class: `point ${tone}` }), at(value)));
  const text = `${label(limit.fact)} ${amount(fact, value)}; ${row.names.join(", ")}: ${limit.accepts}`;
  const node = make("div", { class: "track", role: "img", "aria-label": `${text} (${tone})` }, ...parts);
  const off = row.severity < PASS ? distance(fact, value, limit.low, limit.high) : "";
  return { node, off };
}

function choices(file, fact, row) {
  const value = file.fact(fact);
  const { any, wideAny, listed = [] } = row.limit;  // listed: ratios as the rule set writes them
  const all = [...any, ...(wideAny || []).filter((one) => !any.includes(one))];
  const words = all.map((one, number) => make("span",
    { class: `choice${one === value ? " taken" : ""}${any.includes(one) ? "" : " tolerated"}` }, listed[number] ?? amount(fact, one)));
  return make("div", { class: "choices" }, ...words);
}

// With more rule sets than this, the limits that a file keeps are collapsed.
const MAX_DETAILED_RULES = 12;
// Rows of a fact on a card, and names in front of a row there.
const MOST_ROWS = 3;
const MOST_NAMES = 4;

function who(names, short) {
  if (!short || names.length <= MOST_NAMES) return names.join(", ");
  return `${names.slice(0, MOST_NAMES - 1).join(", ")} and ${names.length - MOST_NAMES + 1} more`;
}

function rule(file, fact, row, at, short) {
  const isRange = row.limit.low !== undefined || row.limit.high !== undefined;
  const drawn = isRange ? track(file, fact, row, at) : { node: row.limit.any ? choices(file, fact, row) : null, off: "" };
  const names = RULES.length > 1 ? make("span", { class: "who" }, who(row.names, short)) : null;
  const off = drawn.off ? make("span", { class: `off ${TONE[row.severity]}` }, drawn.off) : null;
  return make("div", { class: "rule" }, names || off ? make("p", {}, names, off) : null,
    drawn.node || make("p", {}, row.limit.accepts));
}

// One fact with a row for every different limit on it; `only` leaves out the rows that are kept, `short` most others.
function scale(file, fact, rows, { only = false, short = false } = {}) {
  const all = [...rows.values()].filter((row) => !only || row.severity < PASS);
  if (short) all.sort((a, b) => a.severity - b.severity || b.names.length - a.names.length);
  const shown = short ? all.slice(0, MOST_ROWS) : all;
  const ranges = shown.filter((row) => row.limit.low !== undefined || row.limit.high !== undefined);
  const value = file.fact(fact);
  const worst = Math.min(...shown.map((row) => row.severity));
  const at = ranges.length ? axis(value, ranges.map((row) => row.limit)) : null;
  const left = all.slice(shown.length).reduce((sum, row) => sum + row.names.length, 0);
  return make("div", { class: "scale" },
    make("p", { class: "fact" }, make("span", {}, label(fact)), make("b", { class: TONE[worst] }, amount(fact, value))),
    ...shown.map((row) => rule(file, fact, row, at, short)),
    left ? make("p", { class: "more" }, left === 1 ? "and 1 more rule set" : `and ${left} more rule sets`) : null);
}
