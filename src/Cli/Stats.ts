/**
 * `audit stats`: how many records there are of what.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Stream } from "effect"
import { type Bar, barChart, grouped } from "../internal/barChart.js"
import { wireLevels } from "../internal/level.js"
import * as Tally from "../internal/tally.js"
import { visible } from "../internal/visible.js"
import { CliError } from "./CliError.js"
import * as Files from "./Files.js"
import * as Filter from "./Filter.js"
import * as Progress from "./Progress.js"
import * as Source from "./Source.js"
import { columns, print, printJson } from "./Standard.js"

export const command = Command.make(
  "stats",
  {
    files: Files.args,
    filter: Filter.options,
    top: Options.integer("top").pipe(
      Options.withDefault(20),
      Options.withDescription("How many types and users to name, 20 unless said otherwise; the others are summed up")
    ),
    json: Options.boolean("json").pipe(Options.withDescription("Print the counts as JSON"))
  },
  ({ files, filter, top, json }) =>
    Effect.gen(function* () {
      if (top < 1) return yield* new CliError({ description: "--top is a number above 0" })
      const counts = yield* count(files, filter)
      yield* json ? printJson(toJson(counts, top)) : print(render(counts, top, yield* columns))
    })
).pipe(Command.withDescription("Counts the records of a log by level, type, user and hour"))

/** More than any honest log has; a hostile one must not fill the memory. */
const maxNames = 10_000
/** Of eleven years. */
const maxHours = 100_000

const count = (files: ReadonlyArray<string>, filter: Filter.Filter) =>
  Effect.gen(function* () {
    const source = yield* Source.open(files, filter)
    const draw = yield* Progress.make
    const levels = Tally.make(wireLevels.length)
    const types = Tally.make(maxNames)
    const users = Tally.make(maxNames)
    const hours = Tally.make(maxHours)
    let records = 0
    let others = 0
    let withoutUser = 0
    yield* Stream.runForEach(source.entries, (entries) => {
      for (const entry of entries) {
        if (entry._tag === "Other") {
          others++
          continue
        }
        const { level, date, event } = entry.record
        const { user } = event.details
        records++
        levels.add(level)
        types.add(event.type)
        hours.add(date.slice(0, "2024-01-31T12".length))
        if (typeof user === "string") users.add(user)
        else withoutUser++
      }
      return draw({ ...source.progress(), records })
    })
    return { records, others, levels, types, users, hours, withoutUser }
  }).pipe(Effect.scoped)

type Counts = Effect.Effect.Success<ReturnType<typeof count>>

/** The most frequent names, and what all the others come to. */
const topOf = (tally: Tally.Tally, top: number) => {
  const entries = tally.entries()
  const others = entries.slice(top).reduce((total, [, count]) => total + count, tally.others())
  return { named: entries.slice(0, top), others }
}

const byTime = (hours: Tally.Tally) => hours.entries().toSorted(([a], [b]) => (a < b ? -1 : 1))

const levelsOf = ({ levels }: Counts) => {
  const counts = new Map(levels.entries())
  return wireLevels.map((level) => [level, counts.get(level) ?? 0] as const)
}

// Output

const toJson = (counts: Counts, top: number) => {
  const types = topOf(counts.types, top)
  const users = topOf(counts.users, top)
  return {
    records: counts.records,
    notRecords: counts.others,
    levels: Object.fromEntries(levelsOf(counts)),
    types: types.named.map(([type, count]) => ({ type, count })),
    otherTypes: types.others,
    users: users.named.map(([user, count]) => ({ user, count })),
    otherUsers: users.others,
    withoutUser: counts.withoutUser,
    hours: byTime(counts.hours).map(([hour, count]) => ({ hour, count })),
    otherHours: counts.hours.others()
  }
}

const render = (counts: Counts, top: number, width: number): string => {
  const types = topOf(counts.types, top)
  const users = topOf(counts.users, top)
  const { unit, spans } = spansOf(byTime(counts.hours))
  const sections: ReadonlyArray<readonly [string, ReadonlyArray<Bar>]> = [
    ["By level", levelsOf(counts).map(toBar)],
    ["By type", [...types.named.map(toBar), ...rest("(other types)", types.others)]],
    [
      "By user",
      [...users.named.map(toBar), ...rest("(other users)", users.others), ...rest("(no user)", counts.withoutUser)]
    ],
    [`By ${unit}, UTC`, [...spans.map(toBar), ...rest("(other hours)", counts.hours.others())]]
  ]
  const none = counts.others === 1 ? "1 line that is none" : `${grouped(counts.others)} lines that are none`
  const head = `${grouped(counts.records)} records${counts.others === 0 ? "" : `, ${none}`}\n`
  if (counts.records === 0) return head
  const charts = sections.map(([title, bars]) => `\n${title}\n${barChart(bars, width - 1).join("\n")}\n`)
  return head + charts.join("")
}

const toBar = ([name, count]: readonly [string, number]): Bar => ({ label: visible(name), count })

const rest = (label: string, count: number): ReadonlyArray<Bar> => (count === 0 ? [] : [{ label, count }])

/** More rows than a screen has tell nothing. */
const maxRows = 48

const units = [
  { unit: "hour", length: "2024-01-31T12".length },
  { unit: "day", length: "2024-01-31".length },
  { unit: "month", length: "2024-01".length },
  { unit: "year", length: "2024".length }
]

/** By the shortest unit that does not take too many rows. */
const spansOf = (hours: ReadonlyArray<readonly [string, number]>) => {
  for (const { unit, length } of units) {
    const counts = new Map<string, number>()
    for (const [hour, count] of hours) {
      const span = hour.slice(0, length).replace("T", " ")
      counts.set(span, (counts.get(span) ?? 0) + count)
    }
    if (counts.size <= maxRows || unit === "year") return { unit, spans: [...counts].slice(-maxRows) }
  }
  return { unit: "hour", spans: [] }
}
