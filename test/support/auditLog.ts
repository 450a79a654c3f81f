/** An audit log over a sink that does what it is told, and what came of it. */
import { assert } from "@effect/vitest"
import { Effect, Either, Layer, Schema } from "effect"
import * as AppLog from "../../src/AppLog.js"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, AuditSinkError, type Batch } from "../../src/AuditSink.js"
import * as Extension from "../../src/Extension.js"
import * as Registrar from "../../src/Registrar.js"

export const Moved = AuditEvent.make("test-moved", { level: "Info", message: "Moved {what} to {where}" })
export const Counted = AuditEvent.make("test-counted", {
  level: "Warning",
  message: "Counted {count}",
  fields: { count: Schema.Int }
})
export const Visited = AuditEvent.make("test-visited", { level: "Info", message: "{user} at {path} from {ip}" })
export const Ticked = AuditEvent.make("test-ticked", { level: "Debug", message: "Tick" })

export const Test = Extension.make("test", { auditEvents: [Moved, Counted, Visited, Ticked] })

type Mode = "works" | "fails" | "hangs"

/** A sink that can be told to fail or to hang, in either step, and keeps what it was given once that is synced. */
export const makeSink = () => {
  const records: Array<AuditRecord.AuditRecord> = []
  let written: Batch | undefined
  const state = {
    mode: "works" as Mode,
    gate: Effect.void as Effect.Effect<void>,
    sync: "works" as Mode,
    syncGate: Effect.void as Effect.Effect<void>
  }
  const step = (mode: Mode, gate: Effect.Effect<void>, then: () => void) => {
    if (mode === "hangs") return Effect.never
    if (mode === "fails") return new AuditSinkError({ sink: "test", reason: "Full", description: "no room" })
    return Effect.map(gate, then)
  }
  const layer = Layer.succeed(AuditSink, {
    write: (batch) => Effect.suspend(() => step(state.mode, state.gate, () => (written = batch))),
    sync: Effect.suspend(() => step(state.sync, state.syncGate, () => void records.push(...(written ?? []))))
  })
  return { records, state, layer }
}

export type Services = Layer.Layer.Success<typeof Test.layer> | Registrar.Services

/** Builds an audit log over such a sink, closes it afterwards, and hands over what was stored and said. */
export const run = <A, E>(
  body: (given: {
    readonly audit: AuditLog.Service
    readonly sink: ReturnType<typeof makeSink>
    readonly lines: ReadonlyArray<AppLog.Line>
  }) => Effect.Effect<A, E, Services>,
  options?: AuditLog.Options
) =>
  Effect.gen(function* () {
    const sink = makeSink()
    const lines: Array<AppLog.Line> = []
    const logger = AppLog.layer(
      Effect.succeed((line) => lines.push(line)),
      { level: "Debug" }
    )
    const value = yield* Effect.flatMap(AuditLog.AuditLog, (audit) => body({ audit, sink, lines })).pipe(
      Effect.provide(
        Test.layer.pipe(
          Layer.provideMerge(Registrar.layer(options)),
          Layer.provide(sink.layer),
          Layer.provideMerge(logger)
        )
      )
    )
    return { value, records: sink.records, lines }
  })

/** Lets everything run that can. */
export const settle = Effect.repeatN(Effect.yieldNow(), 30)

/** What every line must be, whatever it carries: one line of JSON that reads back as the record. */
export const assertLine = ({ line, ...contents }: AuditRecord.AuditRecord) => {
  assert.notMatch(line, /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u)
  assert.isNull(/\p{Surrogate}/u.exec(line))
  assert.deepStrictEqual(Object.keys(JSON.parse(line)), ["level", "date", "message", "event", "source"])
  const { line: kept, ...decoded } = Either.getOrThrow(AuditRecord.fromLine(line))
  assert.strictEqual(kept, line)
  assert.deepStrictEqual(decoded, contents)
}
