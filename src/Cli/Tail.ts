/**
 * `audit tail`: the last records of a log for people, and those that are added.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Stream } from "effect"
import type { AuditRecord } from "../AuditRecord.js"
import { grouped } from "../internal/barChart.js"
import { stringify } from "../internal/jsonText.js"
import * as TrailFiles from "../internal/trailFiles.js"
import { follow } from "../internal/trailFollow.js"
import { visible, visibleJson } from "../internal/visible.js"
import { CliError } from "./CliError.js"
import { type Entry, entriesOf } from "./Entry.js"
import * as Files from "./Files.js"
import * as Filter from "./Filter.js"
import * as Source from "./Source.js"
import { hasColour, note, print, Standard } from "./Standard.js"
import * as Stores from "./Stores.js"

export const command = Command.make(
  "tail",
  {
    // More than one is refused below: the library would print it, with the password in it.
    files: Args.text({ name: "FILE" }).pipe(
      Args.withDescription(
        "The path of a log, or of a segment; - is the standard input. Or the address of a store: postgres://HOST/DATABASE, sqlite:PATH or nats://HOST/STREAM"
      ),
      Args.repeated
    ),
    follow: Options.boolean("follow").pipe(
      Options.withAlias("f"),
      Options.withDescription("Go on with what is added, through rotation, until Ctrl-C")
    ),
    lines: Options.integer("lines").pipe(
      Options.withAlias("n"),
      Options.withDefault(20),
      Options.withDescription("How many of the last records to begin with: 20 unless said otherwise")
    ),
    filter: Filter.options,
    json: Options.boolean("json").pipe(Options.withDescription("Print the records as they are stored, as JSON lines"))
  },
  ({ files, follow: isFollowing, lines, filter, json }) =>
    Effect.gen(function* () {
      yield* Files.check(files)
      const address = yield* Source.addressIn(files)
      const [file, ...others] = files
      if (file === undefined || others.length > 0) {
        return yield* new CliError({ description: "Give one log, or the address of one store: see --help" })
      }
      if (lines < 0) return yield* new CliError({ description: "--lines is a number of lines, 0 or more" })
      const predicate = Filter.toPredicate(filter)
      const colour = yield* hasColour
      const show = (entries: ReadonlyArray<Entry>) =>
        entries.length === 0
          ? Effect.void
          : print(entries.map((entry) => (json ? toJson(entry) : render(entry, colour)) + "\n").join(""))
      if (address !== undefined) {
        const store = yield* Stores.open(address)
        return yield* Stream.runForEach(store.tail({ filter, lines, isFollowing }), show)
      }
      yield* Source.forFiles(filter)
      const log = yield* TrailFiles.named(file)
      if (log.path === "-") return yield* fromInput({ isFollowing, lines, predicate, show })
      if (log.number !== undefined) {
        if (isFollowing) {
          return yield* new CliError({
            description: `'${file}' is a segment, which does not grow: follow '${log.name}'`
          })
        }
        const opened = yield* TrailFiles.openFile(TrailFiles.segment(log, log.number))
        return yield* show((yield* lastOf(opened, lines, predicate)).entries)
      }

      const snapshot = yield* TrailFiles.segmentsOf(log.path, log.name)
      const { segments, active } = snapshot
      if (active === undefined && segments.length === 0) {
        return yield* new CliError({ description: `There is no file '${file}'` })
      }
      const last = active === undefined ? undefined : yield* lastOf(active, lines, predicate)
      let entries = last?.entries ?? []
      for (const segment of segments.toReversed()) {
        if (entries.length >= lines) break
        const missing = lines - entries.length
        const older = yield* Effect.scoped(
          Effect.flatMap(TrailFiles.openFile(segment), (opened) => lastOf(opened, missing, predicate))
        ).pipe(Effect.catchIf(TrailFiles.isNotFound, () => Effect.succeed({ entries: [] })))
        entries = [...older.entries, ...entries]
      }
      yield* show(entries)
      // The writer may not be done with it.
      const rest = last?.reader.rest()
      if (!isFollowing) {
        return yield* rest === undefined || rest.length === 0
          ? Effect.void
          : show(entriesOf({ _tag: "Torn", ...rest }, predicate))
      }
      const options = { ...log, snapshot, reader: last?.reader, onNotice: (text: string) => note(visible(text)) }
      yield* Stream.runForEach(follow(options), (step) => show(entriesOf(step, predicate)))
    }).pipe(Effect.scoped)
).pipe(Command.withDescription("Shows the last records of a log; times are UTC"))

// Reading

interface Showing {
  readonly isFollowing: boolean
  readonly lines: number
  readonly predicate: Filter.Predicate
  readonly show: (entries: ReadonlyArray<Entry>) => ReturnType<typeof print>
}

const fromInput = ({ isFollowing, lines, predicate, show }: Showing) =>
  Effect.gen(function* () {
    const { stdin } = yield* Standard
    const { steps } = yield* TrailFiles.lines(["-"], stdin)
    let entries: ReadonlyArray<Entry> = []
    yield* Stream.runForEach(steps, (step) => {
      const found = entriesOf(step, predicate)
      if (isFollowing) return show(found)
      entries = last([...entries, ...found], lines)
      return Effect.void
    })
    yield* show(entries)
  })

const firstWindow = 65_536

/** The last entries of a file, and the reader that has got to its end. Reads no more of the file than it needs. */
const lastOf = (opened: TrailFiles.OpenFile, count: number, predicate: Filter.Predicate) =>
  Effect.gen(function* () {
    const size = opened.isCompressed ? 0 : Number(opened.info.size)
    for (let window = firstWindow; ; window *= 4) {
      const from = Math.max(0, size - window)
      const reader = yield* TrailFiles.readerOf(opened, Math.max(0, from - 1))
      let entries: ReadonlyArray<Entry> = []
      // The byte before may be the end of a line: what comes up to the first end is not to be shown.
      let isPart = from > 0
      for (let step = yield* reader.next; step !== undefined; step = yield* reader.next) {
        const found = entriesOf(isPart ? withoutFirst(step) : step, predicate)
        isPart = false
        entries = last([...entries, ...found], count)
      }
      if ((entries.length >= count && !isPart) || from === 0) return { entries, reader }
    }
  })

const last = (entries: ReadonlyArray<Entry>, count: number) => entries.slice(Math.max(0, entries.length - count))

const withoutFirst = (step: TrailFiles.Content): TrailFiles.Content => {
  if (step._tag !== "Lines") return { _tag: "Lines", lines: [] }
  return { _tag: "Lines", lines: [...step.lines].slice(1) }
}

// Output

const colourByLevel: Record<AuditRecord["level"], string> = {
  DEBUG: "\u001b[2m",
  INFO: "\u001b[32m",
  WARNING: "\u001b[33m",
  ERROR: "\u001b[31m",
  CRITICAL: "\u001b[1;31m"
}

const reset = "\u001b[0m"

/** Longer texts would fill the screen. */
const longest = 4000

const shown = (text: string): string =>
  text.length > longest
    ? `${visible(text.slice(0, longest))}… (${grouped(text.length - longest)} characters more)`
    : visible(text)

const render = (entry: Entry, colour: boolean): string => {
  if (entry._tag === "Other") return `?? ${entry.problem}${entry.text === "" ? "" : `: ${shown(entry.text)}`}`
  const { date, level, event, message } = entry.record
  const { ip, path, user } = event.details
  const context = Object.entries({ instance: entry.instance, user, ip, path }).flatMap(([name, value]) =>
    typeof value === "string" ? [`${name}=${shown(value)}`] : []
  )
  const name = level.padEnd(8)
  return [
    date,
    colour ? `${colourByLevel[level]}${name}${reset}` : name,
    shown(event.type),
    shown(message),
    ...(context.length > 0 ? [`[${context.join(" ")}]`] : [])
  ].join("  ")
}

const toJson = (entry: Entry): string =>
  visibleJson(entry._tag === "Record" ? entry.record.line : stringify({ problem: entry.problem, text: entry.text }))
