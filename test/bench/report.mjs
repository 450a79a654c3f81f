// Rounds to figures, tables and sentences.

export const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export const whole = (value) => Math.round(value).toLocaleString("en-US")
export const short = (value) => (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : whole(value))
const times = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(1))

const spread = (middle, values) => ({ middle, low: Math.min(...values), high: Math.max(...values) })

export const figures = ({ rounds }, key) => {
  const values = rounds.map((round) => round[key])
  return spread(median(values), values)
}

/** The ratio of the medians, and the lowest and the highest that a single round has. */
export const ratio = (mine, base, key) =>
  spread(
    figures(mine, key).middle / figures(base, key).middle,
    mine.rounds.map((round, index) => round[key] / base.rounds[index][key])
  )

/** The same of what was added: how much `with` is more than `without`. */
export const addedRatio = (mine, base, key) => {
  const added = (pair, of) => of(pair.with) - of(pair.without)
  const middle = ({ rounds }) => median(rounds.map((round) => round[key]))
  const of = (index) => (contestant) => contestant.rounds[index][key]
  return spread(
    added(mine, middle) / added(base, middle),
    mine.with.rounds.map((_, index) => added(mine, of(index)) / added(base, of(index)))
  )
}

const cell = ({ middle, low, high }, format) => `${format(middle)} (${format(low)}–${format(high)})`
const rows = (cells) => cells.map((row) => `| ${row.join(" | ")} |`).join("\n")

/**
 * A column has a `head`, the `key` of its figures, how to `show` them, and whether their `ratio` is another column; or what it has
 * to `tell` of a contestant.
 */
export const standardColumns = (unit) => [
  { head: `${unit}s/s`, key: "rate", show: whole, ratio: true },
  { head: `CPU µs per ${unit}`, key: "cpu", show: short, ratio: true }
]

/** The first contestant is what the others are compared with. */
export const table = (contestants, columns) => {
  const [base] = contestants
  const ratios = columns.filter((column) => column.ratio)
  const ratioCell = (contestant, { key }) => (contestant === base ? "1" : cell(ratio(contestant, base, key), times))
  const head = ["", ...columns.map((column) => column.head), ...ratios.map((column) => `${column.head}, ratio`)]
  return rows([
    head,
    head.map((_, index) => (index === 0 ? "---" : "--:")),
    ...contestants.map((contestant) => [
      contestant.name,
      ...columns.map(({ key, show, tell }) => tell?.(contestant) ?? cell(figures(contestant, key), show)),
      ...ratios.map((column) => ratioCell(contestant, column))
    ])
  ])
}

/** What the reader has to know of these rounds, or nothing. */
export const notes = (contestants) => {
  const rounds = contestants.flatMap((contestant) => contestant.rounds)
  const count = (flag) => rounds.filter((round) => round[flag]).length
  const [disturbed, late] = [count("disturbed"), count("generatorBusy")]
  const dropped = contestants.reduce((sum, contestant) => sum + contestant.dropped, 0)
  return [
    dropped > 0 ? `${dropped} disturbed measurements were dropped and repeated.` : "",
    disturbed > 0 ? `**Preliminary:** ${disturbed} of these ${rounds.length} measurements were disturbed.` : "",
    late > 0 ? `In ${late} measurements the load generator had no time left: there, only the CPU time counts.` : ""
  ]
    .filter((note) => note !== "")
    .join(" ")
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

/** A target is a ratio that is `atLeast` or `atMost` something. Its `why` is told where it is missed. */
export const isMet = ({ measured, atLeast = -Infinity, atMost = Infinity }) =>
  measured.middle >= atLeast && measured.middle <= atMost

const limit = ({ atLeast, atMost }) => atLeast ?? atMost
const bound = (target) => `${target.atLeast === undefined ? "≤" : "≥"} ${times(limit(target))}`

/** How sure it is whether the target is met. */
const doubt = (target) => {
  const { middle, low, high } = target.measured
  if (Math.abs(middle / limit(target) - 1) <= 0.05) return " (a tie)"
  return low <= limit(target) && high >= limit(target) ? " (too noisy to tell)" : ""
}

export const targetTable = (targets) =>
  rows([
    ["What, against what", "Ratio of their", "Target", "Measured", ""],
    ["---", "---", "--:", "--:", "---"],
    ...targets.map((target) => [
      target.what,
      `${target.of} (${target.atLeast === undefined ? "less" : "more"} is better)`,
      bound(target),
      cell(target.measured, times),
      `${isMet(target) ? "met" : "**missed**"}${doubt(target)}`
    ])
  ])

/** Why those are missed that are missed; several may have the same reason. */
export const reasons = (targets) => {
  const missed = targets.filter((target) => !isMet(target) && target.why !== undefined)
  return [...new Set(missed.map(({ why }) => why))]
    .map((why) => {
      const whats = missed.filter((target) => target.why === why).map(({ what }) => what)
      return `- ${[...new Set(whats)].join("; ")}: ${why.replaceAll(/\s+/g, " ").trim()}`
    })
    .join("\n")
}

/** For a terminal: "missed: 0.93 (0.90–0.97), for ≥ 1.10: …". */
export const outcome = (target) => {
  const measured = `${cell(target.measured, times)}, for ${bound(target)}${doubt(target)}`
  return `${isMet(target) ? "met" : "missed"}: ${measured}: ${target.what}, ${target.of}`
}
