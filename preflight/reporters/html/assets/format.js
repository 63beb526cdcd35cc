// Values as people write them: the same units as in preflight's messages.
const label = (fact) => DATA.labels[fact] ?? fact;

const digits = (value, most) => value.toLocaleString("en", { maximumFractionDigits: most });

function bytes(value) {
  for (const [unit, factor] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (value >= factor) return `${digits(value / factor, value / factor < 10 ? 2 : 1)} ${unit}`;
  }
  return `${digits(value, 0)} bytes`;
}

function amount(fact, value) {
  if (value === null || value === undefined) return "unknown";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (fact === "size") return bytes(value);
  const unit = DATA.units[fact];
  return digits(value, value < 1 ? 4 : 3) + (unit ? ` ${unit}` : "");
}

function roughly(value) {
  return value >= 100 ? digits(value, 0) : digits(Number(value.toPrecision(2)), 2);
}

// How far a value is from the bound that it breaks: "2.2× the maximum", "12 % over", "1 px short".
function distance(fact, value, low, high) {
  if (typeof value !== "number") return "";
  if (high !== undefined && value >= high) {
    const over = high > 0 ? value / high : Infinity;
    if (over >= 2) return Number.isFinite(over) ? `${roughly(over)}× the maximum` : "over";
    if (value === high) return "exactly the bound, which is excluded";
    return over - 1 < 0.01 ? `${amount(fact, value - high)} over` : `${roughly((over - 1) * 100)} % over`;
  }
  if (low !== undefined && value <= low) {
    const under = low > 0 ? value / low : 0;
    if (value === low) return "exactly the bound, which is excluded";
    if (under <= 0.5) return `${roughly(under * 100)} % of the minimum`;
    return 1 - under < 0.01 ? `${amount(fact, low - value)} short` : `${roughly((1 - under) * 100)} % short`;
  }
  return "";
}
