/** The trail in PostgreSQL while the connection to it, or the server itself, fails. */
import { NodeFileSystem } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Either, Fiber, Layer, Logger, Redacted, Ref, Schedule, type Scope, Stream } from "effect"
import * as AuditLog from "../../src/AuditLog.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as Registrar from "../../src/Registrar.js"
import { Counted, Test } from "../support/auditLog.js"
import { allOf, verified } from "../support/chains.js"
import * as OwnPostgres from "../support/ownPostgres.js"
import { databaseUrl } from "../support/services.js"
import { connected, schema, schemaUrl } from "../support/sqlDatabases.js"
import { withStore } from "../support/sqlStore.js"
import * as Proxy from "../support/tcpProxy.js"

const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))

const trail = (url: string) =>
  SqlSink.layer({ instance: "a", timeout: "1 second" }).pipe(
    Layer.provide([Layer.orDie(PgClient.layer({ url: Redacted.make(url), maxConnections: 3 })), NodeFileSystem.layer])
  )

/** Eight fibers require events until they are told to stop; the trouble happens meanwhile. Returns what was acknowledged. */
const during = <E, R>(url: string, trouble: Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    const audit = yield* AuditLog.AuditLog
    const next = yield* Ref.make(0)
    const acknowledged: Array<number> = []
    const one = Effect.gen(function* () {
      const count = yield* Ref.updateAndGet(next, (n) => n + 1)
      const result = yield* Effect.either(audit.require(Counted, { count }))
      if (Either.isRight(result)) acknowledged.push(count)
      else yield* Effect.sleep("5 millis")
    })
    const writers = yield* Effect.forkAll(Arr.makeBy(8, () => Effect.forever(one)))
    yield* trouble
    const before = acknowledged.length
    // It goes on afterwards.
    yield* Effect.repeat(Effect.sleep("10 millis"), { until: () => acknowledged.length > before + 100 })
    yield* Fiber.interrupt(writers)
    yield* Effect.retry(audit.flush, Schedule.spaced("50 millis"))
    const { dropped, pending } = yield* audit.account
    assert.deepStrictEqual({ dropped, pending }, { dropped: 0, pending: 0 })
    return { acknowledged, added: yield* Ref.get(next) }
  }).pipe(
    Effect.provide(
      Test.layer.pipe(Layer.provideMerge(Registrar.layer({ waitAtMost: "2 seconds" })), Layer.provide(trail(url)))
    ),
    quietly
  )

/** Each acknowledged event is there, none twice, and the chain is whole. */
const assertStored = (
  url: string,
  { acknowledged, added }: { readonly acknowledged: ReadonlyArray<number>; readonly added: number }
) =>
  withStore(connected(url), (store) =>
    Effect.gen(function* () {
      const records = (yield* allOf(store, "a")).filter(({ record }) => record.event.type === "test-counted")
      const numbers = records.map(({ record }) => Number(record.event.details["count"]))
      assert.strictEqual(new Set(numbers).size, numbers.length)
      assert.deepStrictEqual(
        numbers.toSorted((a, b) => a - b),
        Arr.range(1, added)
      )
      assert.isTrue(acknowledged.every((number) => number <= added))
      assert.strictEqual((yield* verified(store, "a")).problem, undefined)
      assert.isAtLeast(yield* Stream.runCount(store.stream({ types: ["test-counted"] })), acknowledged.length)
    })
  )

const pause = Effect.sleep("150 millis")

const troubles: ReadonlyArray<readonly [string, (proxy: Proxy.Proxy) => Effect.Effect<void>]> = [
  ["is cut again and again", (proxy) => Effect.repeatN(Effect.zipRight(pause, proxy.cut), 20)],
  [
    "hangs, and is not ended",
    (proxy) =>
      Effect.repeatN(
        pause.pipe(
          Effect.zipRight(proxy.hold),
          Effect.zipRight(Effect.sleep("1500 millis")),
          Effect.zipRight(proxy.mend)
        ),
        1
      )
  ],
  [
    "is refused for a while",
    (proxy) =>
      Effect.repeatN(
        pause.pipe(
          Effect.zipRight(proxy.refuse),
          Effect.zipRight(Effect.sleep("700 millis")),
          Effect.zipRight(proxy.mend)
        ),
        2
      )
  ],
  [
    "answers slowly, also too late",
    (proxy) =>
      Effect.forEach(
        [50, 400, 1200, 10],
        (millis) => Effect.zipRight(proxy.slow(millis), Effect.sleep("1500 millis")),
        { discard: true }
      ).pipe(Effect.zipRight(proxy.mend))
  ]
]

describe("while the connection to PostgreSQL", () => {
  for (const [what, trouble] of troubles) {
    it.scopedLive(`${what}, nothing is lost, doubled or out of its chain`, () =>
      Effect.gen(function* () {
        const name = yield* schema
        const { hostname, port } = new URL(databaseUrl)
        const proxy = yield* Proxy.make({ host: hostname, port: port === "" ? 5432 : Number(port) })
        const url = new URL(schemaUrl(name))
        url.port = String(proxy.port)
        url.hostname = "127.0.0.1"
        const result = yield* during(url.href.replaceAll("+", "%20"), trouble(proxy))
        yield* assertStored(schemaUrl(name), result)
      })
    )
  }
})

describe("while PostgreSQL itself", () => {
  it.scopedLive("is killed and started, nothing that was acknowledged is lost", () =>
    Effect.gen(function* () {
      const server: OwnPostgres.Server = yield* OwnPostgres.make
      const restart: Effect.Effect<void, never, Scope.Scope> = pause.pipe(
        Effect.zipRight(server.kill),
        Effect.zipRight(pause),
        Effect.zipRight(server.start)
      )
      const result = yield* during(server.url, Effect.repeatN(restart, 3))
      yield* assertStored(server.url, result)
    })
  )
})
