// The reports: compact arrays out of the page, opened one by one when they are looked at.
const DATA = JSON.parse(byId("data").textContent);
const [FAIL, UNKNOWN, WARNING, PASS] = [0, 1, 2, 3];
const NOTE = DATA.severities.indexOf("note");
const VERDICT_WORD = ["Fail", "Unknown", "Warning", "Pass"];
const RULES = DATA.rules;
const COLUMN = new Map(DATA.facts.map((name, number) => [name, number]));
const RULES_NUMBER = new Map(RULES.map((rules, number) => [rules.name, number]));

// A text that many rows have is a number there.
const text = (word) => typeof word === "number" ? DATA.words[word] : word;

class File {
  constructor(row, number) {
    this.row = row;
    this.number = number;
    this.folder = DATA.folders[row[0]];
    this.name = row[1];
    this.verdict = row[2];
    this.kind = row[3];
    this.format = row[4];
  }

  get place() {
    return this.folder.slice(DATA.root.length);
  }

  get path() {
    return this.folder === "" || this.folder.endsWith("/") ? this.folder + this.name : `${this.folder}/${this.name}`;
  }

  get preview() {
    return DATA.previews[this.number];
  }

  get notes() {
    return this.row[6].map((word) => DATA.words[word]);
  }

  fact(name) {
    if (name === "format") return this.format;
    if (name === "kind") return this.kind;
    const column = COLUMN.get(name);
    return column === undefined ? null : this.row[5][column];
  }

  verdictFor(rules) {
    if (rules === -1) return this.verdict;
    return this.row[7][rules] === 0 ? PASS : this.row[7][rules][0];
  }

  // The findings of one rule set, or of all of them.
  findings(rules = -1) {
    const found = [];
    this.row[7].forEach((result, number) => {
      if (result === 0 || (rules !== -1 && rules !== number)) return;
      for (const [code, severity, fact, message, hint] of result.slice(2)) {
        found.push({ rules: number, code, severity, fact, message: text(message),
          hint: text(hint), title: DATA.codes[code][0] });
      }
    });
    return found;
  }

  // What fixes the file for a rule set, what that loses, and the command; null where there is no plan.
  remedy(rules) {
    const found = this.row[7][rules] && this.row[7][rules][1];
    return found ? { sentence: text(found[0]), losses: text(found[1]), command: found[2] } : null;
  }

  limits(rules) {
    const kind = RULES[rules].kinds[this.kind];
    return kind === undefined ? [] : kind[this.format] || kind[""];
  }

  get haystack() {
    if (this.words === undefined) {
      const codes = this.findings().map((finding) => `${finding.code} ${finding.title}`);
      this.words = [this.path, this.format, this.kind, ...codes].join(" ").toLowerCase();
    }
    return this.words;
  }

  // How far off its worst value is, as a ratio; what is no number counts as far.
  get offness() {
    if (this.off === undefined) {
      this.off = 0;
      for (const finding of this.findings().filter((one) => one.severity === FAIL)) {
        const value = this.fact(finding.fact);
        const limit = this.limits(finding.rules).find((one) => one.fact === finding.fact);
        let ratio = 1.0001;
        if (limit !== undefined && typeof value === "number" && value > 0) {
          if (limit.high !== undefined) ratio = Math.max(ratio, value / limit.high);
          if (limit.low !== undefined) ratio = Math.max(ratio, limit.low / value);
        }
        this.off = Math.max(this.off, ratio);
      }
    }
    return this.off;
  }

  summary() {
    const facts = [this.format || "not recognised"];
    if (this.fact("width") !== null) facts.push(`${this.fact("width")}×${this.fact("height")}`);
    if (this.fact("duration") !== null) facts.push(`${digits(this.fact("duration"), 2)} s`);
    if (this.fact("fps") !== null) facts.push(`${digits(this.fact("fps"), 2)} fps`);
    if (this.fact("size") !== null) facts.push(bytes(this.fact("size")));
    return facts;
  }
}

const FILES = DATA.rows.map((row, number) => new File(row, number));
