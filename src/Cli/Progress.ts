/**
 * A bar for those who wait at a terminal, gone when the work is done or interrupted.
 */
import { Clock, Effect, type Scope } from "effect"
import { grouped } from "../internal/barChart.js"
import { cut } from "../internal/visible.js"
import { Standard } from "./Standard.js"

export interface State {
  readonly done: number
  /** 0 where it is not known. */
  readonly total: number
  readonly unit: "bytes" | "records"
  readonly records: number
}

/** What is done sooner needs no bar. */
const patience = 500
const interval = 100

const clear = "\r\u001b[K"

/** To be called often. Draws on the standard error, if that is a terminal, and not more often than can be seen. */
export const make: Effect.Effect<(state: State) => Effect.Effect<void>, never, Scope.Scope> = Effect.gen(function* () {
  const { stderr } = yield* Standard
  if (!stderr.isTerminal) return () => Effect.void
  const start = yield* Clock.currentTimeMillis
  let next = start + patience
  let isDrawn = false
  yield* Effect.addFinalizer(() => Effect.suspend(() => (isDrawn ? Effect.ignore(stderr.write(clear)) : Effect.void)))
  return (state) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now < next) return Effect.void
      next = now + interval
      isDrawn = true
      const line = render(state, now - start, stderr.columns() || 80)
      return Effect.ignore(stderr.write(clear + line))
    })
})

const barWidth = 24

const render = ({ done, total, records, unit }: State, millis: number, columns: number): string => {
  const rate = `${grouped(Math.round((records * 1000) / Math.max(1, millis)))} records/s`
  const amountOf = unit === "bytes" ? sizeOf : grouped
  // Of the standard input, nobody knows how long it is.
  if (total === 0) return cut(`${amountOf(done)}${unit === "bytes" ? "" : " records"}  ${rate}`, columns - 1)
  const part = Math.min(1, done / total)
  const full = Math.round(part * barWidth)
  const bar = "█".repeat(full) + "░".repeat(barWidth - full)
  return cut(`${bar} ${Math.floor(part * 100)} %  ${amountOf(done)} of ${amountOf(total)}  ${rate}`, columns - 1)
}

const units = ["B", "kB", "MB", "GB", "TB"]

const sizeOf = (bytes: number): string => {
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}
