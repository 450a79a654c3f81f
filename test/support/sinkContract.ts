/** What every audit sink promises, shown for each of them in the same way. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Context, Effect, Layer, type Scope } from "effect"
import * as AuditLog from "../../src/AuditLog.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { AuditSink, type AuditSinkError, combine, type Service } from "../../src/AuditSink.js"
import * as Registrar from "../../src/Registrar.js"
import { Counted, Test } from "./auditLog.js"

/** A sink in a place of its own, which can be opened several times, one after the other. */
export interface Place {
  readonly layer: Layer.Layer<AuditSink, AuditSinkError>
  /** What is stored there, oldest first, with the records that trails make of themselves. */
  readonly stored: Effect.Effect<ReadonlyArray<AuditRecord.Contents>>
}

export interface Subject {
  readonly place: Effect.Effect<Place, never, Scope.Scope>
  /** Whether a record that is given again is stored once. Those that only send cannot know. Default: true. */
  readonly knowsWhatItHas?: boolean
  /** Default: that of the test runner. */
  readonly timeout?: number
}

const record = (number: number, message = `Event ${number}`, details: object = {}) =>
  AuditRecord.make({
    level: number % 2 === 0 ? "INFO" : "ERROR",
    date: new Date(Date.UTC(2024, 0, 31, 12, 0, 0, number)).toISOString(),
    message,
    event: { type: `test-${number % 3}`, details: { user: "ada", number, ...details } },
    source: "test"
  })

const batch = (from: number, to: number) => Arr.map(Arr.range(from, to), (number) => record(number))

const hostile = Arr.map(
  [
    "",
    "\0 NUL",
    "\ud800 half a character \udc00",
    "line\nfeed\r\u2028\u2029",
    "\"quotes\" \\ 'apostrophes' $1 ? % * [x] {y}",
    '{"chain":{"v":1,"seq":1,"prev":"","hash":""}}',
    "\u0085\u009b31m\u001b[2J\u202e",
    "😀".repeat(1000),
    "x".repeat(1_000_000)
  ] as const,
  (text, index) =>
    record(index + 1, text, {
      user: text,
      ip: text,
      path: text,
      text,
      __proto: text,
      nested: { [text.slice(0, 50)]: [text.slice(0, 50), null, 1e300] }
    })
)

const isOfTrail = ({ event }: AuditRecord.Contents) => event.type.startsWith("registrar-trail-")

const contentsOf = ({ level, date, message, event, source }: AuditRecord.Contents) => ({
  level,
  date,
  message,
  event,
  source
})

/** Without what trails say of themselves. */
const records = (place: Place) =>
  Effect.map(place.stored, (stored) => stored.filter((each) => !isOfTrail(each)).map(contentsOf))

const use = <A, E>({ layer }: Place, body: (sink: Service) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(Layer.build(layer), (context) => body(Context.get(context, AuditSink))))

const store = (sink: Service, given: ReturnType<typeof batch>) => Effect.zipRight(sink.write(given), sink.sync)

export const describeSink = (name: string, { knowsWhatItHas = true, place, timeout }: Subject) => {
  const shows = <E>(what: string, body: (place: Place) => Effect.Effect<void, E>) =>
    it.scopedLive(what, () => Effect.flatMap(place, body), timeout)

  describe(`${name}, as every sink`, () => {
    shows("stores batches whole and in order", (place) =>
      Effect.gen(function* () {
        yield* use(place, (sink) => Effect.zipRight(store(sink, batch(1, 3)), store(sink, batch(4, 500))))
        assert.deepStrictEqual(yield* records(place), batch(1, 500).map(contentsOf))
      })
    )

    shows("goes on where it is opened again", (place) =>
      Effect.gen(function* () {
        yield* use(place, (sink) => store(sink, batch(1, 2)))
        yield* use(place, (sink) => store(sink, batch(3, 4)))
        assert.deepStrictEqual(yield* records(place), batch(1, 4).map(contentsOf))
      })
    )

    shows("stores thousands at once", (place) =>
      Effect.gen(function* () {
        yield* use(place, (sink) => store(sink, batch(1, 7000)))
        assert.deepStrictEqual(
          (yield* records(place)).map(({ event }) => event.details["number"]),
          Arr.range(1, 7000)
        )
      })
    )

    shows("stores whatever a record holds", (place) =>
      Effect.gen(function* () {
        yield* use(place, (sink) => store(sink, hostile))
        assert.deepStrictEqual(
          yield* records(place),
          hostile.map(({ line }) => JSON.parse(line))
        )
      })
    )

    shows("opens and closes without a record", (place) =>
      Effect.gen(function* () {
        yield* use(place, () => Effect.void)
        assert.deepStrictEqual(yield* records(place), [])
      })
    )

    if (knowsWhatItHas) {
      shows("stores a record once that is given again with the next batch", (place) =>
        Effect.gen(function* () {
          const [first, second] = [batch(1, 3), batch(4, 6)]
          yield* use(place, (sink) => Effect.zipRight(sink.write(first), store(sink, [...first, ...second])))
          assert.deepStrictEqual(yield* records(place), batch(1, 6).map(contentsOf))
        })
      )
    }

    shows("takes part in a combination in which another one fails for a while", (place) =>
      Effect.gen(function* () {
        let left = 3
        const failing = Layer.succeed(AuditSink, {
          write: () => Effect.void,
          sync: Effect.suspend(() => (left-- > 0 ? Effect.dieMessage("not yet") : Effect.void))
        })
        const both = { ...place, layer: combine(place.layer, failing) }
        yield* use(both, (sink) => Effect.eventually(Effect.sandbox(store(sink, batch(1, 3)))))
        assert.deepStrictEqual(yield* records(place), batch(1, 3).map(contentsOf))
      })
    )

    shows("makes what is required durable before it says so", (place) =>
      Effect.gen(function* () {
        const audited = Test.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provide(place.layer))
        yield* Effect.gen(function* () {
          const audit = yield* AuditLog.AuditLog
          const all = Effect.forEach(Arr.range(1, 50), (count) => audit.require(Counted, { count }), {
            concurrency: "unbounded"
          })
          yield* all
          assert.strictEqual((yield* records(place)).length, 50)
        }).pipe(Effect.provide(audited))
      }).pipe(Effect.orDie)
    )
  })
}
