// Rounds to figures, tables and sentences.

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const whole = (value) => Math.round(value).toLocaleString("en-US")
const short = (value) => (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : whole(value))
const times = (value) => value.toFixed(2)

const figures = ({ rounds }, key) => {
  const values = rounds.map((round) => round[key])
  return { middle: median(values), low: Math.min(...values), high: Math.max(...values) }
}

/** The ratio of the medians, and the lowest and the highest of rounds that followed one another. */
const ratio = (mine, base, key) => {
  const ratios = mine.rounds.map((round, index) => round[key] / base.rounds[index][key])
  const middle = figures(mine, key).middle / figures(base, key).middle
  return { middle, low: Math.min(...ratios), high: Math.max(...ratios) }
}

const cell = ({ middle, low, high }, format) => `${format(middle)} (${format(low)}–${format(high)})`

/** The first contestant is what the others are compared with. */
export const table = (contestants, unit) => {
  const [base] = contestants
  const ratioCell = (contestant, key) => (contestant === base ? "1" : cell(ratio(contestant, base, key), times))
  const rows = contestants.map((contestant) => [
    contestant.name,
    cell(figures(contestant, "rate"), whole),
    cell(figures(contestant, "cpu"), short),
    ratioCell(contestant, "rate"),
    ratioCell(contestant, "cpu")
  ])
  const head = ["", `${unit}s/s`, `CPU µs per ${unit}`, `${unit}s/s, ratio`, "CPU, ratio"]
  return [head, ["---", "--:", "--:", "--:", "--:"], ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}

/** What the reader has to know of these rounds, or nothing. */
export const notes = (contestants) => {
  const rounds = contestants.flatMap((contestant) => contestant.rounds)
  const count = (flag) => rounds.filter((round) => round[flag]).length
  const [disturbed, late] = [count("disturbed"), count("generatorBusy")]
  return [
    disturbed > 0 ? `Preliminary: ${disturbed} of these ${rounds.length} rounds were disturbed.` : "",
    late > 0 ? `In ${late} rounds the load generator had no time left: there, only the CPU time counts.` : ""
  ].join(" ")
}

const say = ({ middle, low, high }, what) => {
  if (Math.abs(middle - 1) <= 0.05) return `${times(middle)} times the ${what}, a tie,`
  return `${times(middle)} times the ${what}${low <= 1 && high >= 1 ? " (too noisy to tell)" : ""}`
}

/** "0.93 times the requests per second at 1.08 times the CPU time". */
export const verdict = (mine, base, unit) => {
  const cpu = say(ratio(mine, base, "cpu"), "CPU time").replace(/,$/, "")
  return `${say(ratio(mine, base, "rate"), `${unit}s per second`)} at ${cpu}`
}

/** "4.6 µs of CPU time more". */
export const extra = (mine, base) => {
  const more = figures(mine, "cpu").middle - figures(base, "cpu").middle
  return `${short(Math.abs(more))} µs of CPU time ${more < 0 ? "less" : "more"}`
}
