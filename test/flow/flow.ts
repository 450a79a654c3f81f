/** Many events at full speed into a sink that is slower, and what became of them. */
import { Effect, Layer, Logger, Schema } from "effect"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import { AuditSink, type Batch } from "../../src/AuditSink.js"
import * as Extension from "../../src/Extension.js"
import * as Registrar from "../../src/Registrar.js"

const Flowed = AuditEvent.make("flow-flowed", {
  level: "Info",
  message: "Producer {producer} has added its event {number}",
  fields: { producer: Schema.Int, number: Schema.Int }
})
const Flow = Extension.make("flow", { auditEvents: [Flowed] })

const producers = 64

/** How many events a producer adds in a turn. */
const pace = 100

/** A turn of the event loop: slow without a clock. */
const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** The live heap, in MiB. Without `--expose-gc` it is the heap with its garbage. */
const heap = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}

export interface Result {
  readonly account: AuditLog.Account
  /** What the sink has, and what the `registrar-events-dropped` records say. */
  readonly stored: number
  readonly reported: number
  /** Records that came in another order than they were added by one producer. */
  readonly outOfOrder: number
  /** The most that the live heap grew by, in MiB. */
  readonly growth: number
  /** Moments at which the account did not hold, and at which more was pending than may be. */
  readonly wrong: number
  readonly seconds: number
}

export const flow = (options: {
  readonly events: number
  readonly whenFull: AuditLog.WhenFull
  readonly capacity: number
}): Effect.Effect<Result> =>
  Effect.gen(function* () {
    const { capacity, events, whenFull } = options
    let [stored, reported, outOfOrder, wrong] = [0, 0, 0, 0]
    const newest = new Map<unknown, number>()
    const keep = (record: Batch[number]) => {
      const { details, type } = record.event
      if (type === "registrar-events-dropped") {
        reported += Number(details["count"])
        return
      }
      stored++
      const number = Number(details["number"])
      if (number <= (newest.get(details["producer"]) ?? -1)) outOfOrder++
      newest.set(details["producer"], number)
    }
    // A hundred records in a turn, in which the producers add thousands.
    const sink = Layer.succeed(AuditSink, {
      write: (batch) =>
        Effect.map(Effect.repeatN(turn, Math.ceil(batch.length / 100)), () => {
          batch.forEach(keep)
        }),
      sync: turn
    })

    const before = heap()
    let most = before
    const start = performance.now()
    const account = yield* Effect.gen(function* () {
      const audit = yield* AuditLog.AuditLog
      let added = 0
      const look = Effect.map(audit.account, ({ accepted, durable, dropped, pending }) => {
        if (accepted !== durable + dropped + pending || pending > capacity * 2) wrong++
        if (added % Math.ceil(events / 20) < pace) most = Math.max(most, heap())
      })
      const produce = (producer: number) =>
        Effect.gen(function* () {
          for (let number = 0; number < events / producers; number++) {
            yield* audit.add(Flowed, { producer, number })
            if (++added % pace === 0) yield* look
            if (number % pace === 0) yield* turn
          }
        })
      yield* Effect.forEach(
        Array.from({ length: producers }, (_, producer) => producer),
        produce,
        { concurrency: "unbounded", discard: true }
      )
      yield* Effect.orDie(audit.flush)
      return yield* audit.account
    }).pipe(
      Effect.provide(
        Flow.layer.pipe(
          Layer.provideMerge(Registrar.layer({ capacity: { records: capacity }, whenFull, waitAtMost: "10 minutes" })),
          Layer.provide(sink)
        )
      ),
      Effect.orDie
    )
    const seconds = (performance.now() - start) / 1000
    return { account, stored, reported, outOfOrder, wrong, growth: most - before, seconds }
  }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
