/** The sink under the audit log, while a collector fails in every way. */
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { NodeContext, NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Either, Layer, Logger, Schedule } from "effect"
import * as AppLog from "../../src/AppLog.js"
import * as AuditLog from "../../src/AuditLog.js"
import * as Otlp from "../../src/AuditSink/Otlp.js"
import * as Spool from "../../src/AuditSink/Spool.js"
import { AuditUnavailable } from "../../src/BuiltInErrors.js"
import * as Registrar from "../../src/Registrar.js"
import { temporaryPath } from "../internal/logFiles.js"
import { Counted, Test } from "../support/auditLog.js"
import * as Collector from "./otlp/collector.js"
import { attributesOf } from "./otlp/proto.js"
import { verifyLines } from "./trails.js"

const clients: Readonly<Record<string, Layer.Layer<HttpClient.HttpClient>>> = {
  fetch: FetchHttpClient.layer,
  "node:http": NodeHttpClient.layer,
  undici: NodeHttpClient.layerUndici
}

type Registrations = Layer.Layer.Success<typeof Test.layer>

interface Given {
  readonly audit: AuditLog.Service
  readonly collector: Collector.Collector
  readonly lines: ReadonlyArray<AppLog.Line>
  readonly require: (count: number) => Effect.Effect<Either.Either<void, AuditUnavailable>, never, Registrations>
}

/** An audit log that sends to a collector of its own. */
const withCollector = <A, E>(
  client: Layer.Layer<HttpClient.HttpClient>,
  options: Partial<Otlp.Options>,
  body: (given: Given) => Effect.Effect<A, E, Registrations>
) =>
  Effect.gen(function* () {
    const collector = yield* Collector.make
    const lines: Array<AppLog.Line> = []
    const sink = Layer.provide(Otlp.layer({ url: collector.url, ...options }), client)
    const services = Test.layer.pipe(
      Layer.provideMerge(Registrar.layer()),
      Layer.provide(sink),
      Layer.provideMerge(AppLog.layer(Effect.succeed((line) => lines.push(line))))
    )
    return yield* Effect.provide(
      Effect.flatMap(AuditLog.AuditLog, (audit) =>
        body({ audit, collector, lines, require: (count) => Effect.either(audit.require(Counted, { count })) })
      ),
      services
    )
  }).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)))

/** Until it works again. */
const flushed = (audit: AuditLog.Service) => Effect.retry(audit.flush, Schedule.spaced("10 millis"))

/** The counts of the events that the collector has, as it got them. */
const countsOf = (collector: Collector.Collector) =>
  Effect.map(collector.lines, (lines) => lines.map((line) => Number(JSON.parse(line).event.details.count)))

const once = (counts: ReadonlyArray<number>) => counts.filter((count, nth) => counts.indexOf(count) === nth)

const isUnavailable = (result: Either.Either<void, AuditUnavailable>) =>
  Either.isLeft(result) && result.left instanceof AuditUnavailable

for (const [which, client] of Object.entries(clients)) {
  describe(`while a collector fails, with the client of ${which}`, () => {
    it.live("nothing is lost, doubled or out of order where it is not there, and what is required says so", () =>
      withCollector(client, {}, ({ audit, collector, lines, require }) =>
        Effect.gen(function* () {
          for (const count of [0, 1, 2]) assert.isTrue(Either.isRight(yield* require(count)))
          yield* collector.stop
          for (const count of [3, 4]) assert.isTrue(isUnavailable(yield* require(count)))
          for (const count of [5, 6]) yield* audit.add(Counted, { count })
          assert.deepStrictEqual(yield* countsOf(collector), [0, 1, 2])
          yield* collector.start
          yield* flushed(audit)
          assert.isTrue(Either.isRight(yield* require(7)))
          assert.deepStrictEqual(yield* countsOf(collector), Arr.range(0, 7))
          const { accepted, durable } = yield* audit.account
          assert.deepStrictEqual([accepted, durable], [8, 8])
          assert.match(String(lines[0]?.errorInfo), /the collector cannot be reached \([A-Z_]+\)/)
        })
      )
    )

    const faults: Readonly<Record<string, ReadonlyArray<Collector.Behaviour>>> = {
      "has no time": [Collector.refuse(503, { "retry-after": "0" }), Collector.refuse(429), Collector.refuse(502)],
      "does not know the sender": [Collector.refuse(401), Collector.refuse(403)],
      "hangs up": [Collector.hangUp, Collector.hangUp],
      "never answers": [Collector.neverAnswer],
      "rejects all of them": [Collector.reject(9999, "no room")]
    }
    for (const [fault, behaviours] of Object.entries(faults)) {
      it.live(`nothing is lost, doubled or out of order where it ${fault}`, () =>
        withCollector(client, { timeout: "150 millis" }, ({ audit, collector, require }) =>
          Effect.gen(function* () {
            assert.isTrue(Either.isRight(yield* require(0)))
            collector.behaviours.push(...behaviours)
            assert.isTrue(isUnavailable(yield* require(1)))
            for (const count of [2, 3]) yield* audit.add(Counted, { count })
            yield* flushed(audit)
            assert.isTrue(Either.isRight(yield* require(4)))
            assert.deepStrictEqual(collector.behaviours, [])
            const rejected = fault.startsWith("rejects") ? [1] : []
            // A collector that rejects what it is sent has stored it all the same here, and so it comes twice.
            assert.deepStrictEqual(yield* countsOf(collector), [0, ...rejected, 1, 2, 3, 4])
          })
        )
      )
    }

    it.live("nothing is lost where its answer breaks off: what it has stored, it may get twice", () =>
      withCollector(client, {}, ({ audit, collector, require }) =>
        Effect.gen(function* () {
          collector.behaviours.push(Collector.breakOff)
          assert.isTrue(isUnavailable(yield* require(0)))
          yield* audit.add(Counted, { count: 1 })
          yield* flushed(audit)
          assert.deepStrictEqual(yield* countsOf(collector), [0, 0, 1])
        })
      )
    )

    it.live("what it rejects is not sent again, and nobody takes it for durable", () =>
      withCollector(client, {}, ({ audit, collector, lines, require }) =>
        Effect.gen(function* () {
          // The first request holds up the others, which then come together.
          yield* collector.stop
          for (const count of [0, 1, 2]) yield* audit.add(Counted, { count })
          collector.behaviours.push(Collector.reject(1, "too old"))
          yield* collector.start
          const results = yield* Effect.all([require(3), require(4)], { concurrency: "unbounded" })
          assert.isTrue(results.every(isUnavailable))
          yield* flushed(audit)
          assert.deepStrictEqual(once(yield* countsOf(collector)), Arr.range(0, 4))
          assert.deepStrictEqual(yield* countsOf(collector), Arr.range(0, 4))
          const said = lines.filter(({ message }) => message.includes("has rejected 1 of"))
          assert.lengthOf(said, 1)
          assert.include(said[0]!.message, "too old")
        })
      )
    )

    it.live("in any order of failures, nothing is lost or out of order", () =>
      withCollector(client, { timeout: "100 millis", maxBatch: { records: 7 } }, ({ audit, collector, require }) =>
        Effect.gen(function* () {
          const kinds = [
            Collector.hangUp,
            Collector.accept,
            Collector.breakOff,
            Collector.refuse(503),
            Collector.neverAnswer
          ]
          for (const wave of Arr.range(0, 4)) {
            // In each wave others, and in another order.
            collector.behaviours.push(...Arr.makeBy(4, (n) => kinds[(wave + n * (1 + (wave % 4))) % kinds.length]!))
            for (const count of Arr.range(20 * wave, 20 * wave + 18)) yield* audit.add(Counted, { count })
            if (wave % 3 === 0) yield* Effect.zipRight(collector.stop, collector.start)
            yield* require(20 * wave + 19)
            yield* flushed(audit)
          }
          const counts = yield* countsOf(collector)
          assert.deepStrictEqual(once(counts), Arr.range(0, 99))
          // Only what was stored under an answer that broke off comes again.
          assert.isAtMost(counts.length - 100, 5 * 7)
          const { dropped, pending } = yield* audit.account
          assert.deepStrictEqual([dropped, pending], [0, 0])
        })
      )
    )
  })
}

describe("behind a spool", () => {
  it.scopedLive("what happens without a collector arrives when there is one, each with its place and its id", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      yield* collector.stop
      const path = yield* temporaryPath
      const spooled = Otlp.layer({ url: collector.url }).pipe(
        Layer.provide(FetchHttpClient.layer),
        Spool.through({ path, instance: "web-1" }),
        Layer.provide(NodeContext.layer)
      )
      const services = Test.layer.pipe(Layer.provideMerge(Registrar.layer()), Layer.provideMerge(spooled))
      yield* Effect.gen(function* () {
        const audit = yield* AuditLog.AuditLog
        for (const count of [0, 1, 2]) yield* audit.require(Counted, { count })
        assert.deepStrictEqual(yield* collector.lines, [])
        yield* collector.start
        const spool = yield* Spool.Spool
        yield* spool.forwarded
        const found = collector.stored.map(({ attributes }) => attributesOf(attributes))
        assert.deepStrictEqual(
          found.map((attributes) => attributes["registrar.chain.seq"]),
          Arr.range(1, found.length)
        )
        assert.strictEqual(new Set(found.map((attributes) => attributes["log.record.uid"])).size, found.length)
        const { problem, records } = verifyLines(yield* collector.lines)
        assert.deepStrictEqual([problem, records], [undefined, found.length])
        const counts = found.filter((attributes) => "count" in attributes).map(({ count }) => count)
        assert.deepStrictEqual(counts, [0, 1, 2])
      }).pipe(Effect.provide(services))
    }).pipe(Effect.provide(NodeContext.layer), Effect.provide(Logger.remove(Logger.defaultLogger)))
  )
})
