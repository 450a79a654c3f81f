/** Trails on their way through NATS JetStream while the connection, the servers, the store or the programs fail. */
import { NodeFileSystem } from "@effect/platform-node"
import { FileSystem } from "@effect/platform"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Duration, Effect, Either, Fiber, Layer, Logger, Ref, Schedule } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createRequire } from "node:module"
import { join } from "node:path"
import { beforeAll } from "vitest"
import * as AuditLog from "../../src/AuditLog.js"
import * as NatsSink from "../../src/AuditSink/Nats.js"
import * as Registrar from "../../src/Registrar.js"
import { records } from "../AuditSink/testRecords.js"
import { Counted, Test } from "../support/auditLog.js"
import { allOf, chained, nonEmpty, verified } from "../support/chains.js"
import { consume, done, eventually, heard } from "../support/consumers.js"
import { natsCluster, natsServer, type Server } from "../support/natsServers.js"
import { linesIn, manage, newStream, optionsOf, withLedger, withSink, type Here } from "../support/natsStreams.js"
import { databaseUrl, natsUrl } from "../support/services.js"
import { connected, postgres, schema, schemaUrl, sqlite } from "../support/sqlDatabases.js"
import { withStore } from "../support/sqlStore.js"
import * as Proxy from "../support/tcpProxy.js"

const quietly = Effect.provide(Logger.remove(Logger.defaultLogger))
const quick = { timeout: "1 second", connection: { reconnectTimeWait: 20, reconnectJitter: 0 } } as const
const pause = Effect.sleep("150 millis")

const placeOf = (url: string, port: number) => {
  const { hostname, port: given } = new URL(url)
  return { host: hostname, port: given === "" ? port : Number(given) }
}

/**
 * Eight fibers require events, a consumer lands them, and the trouble happens meanwhile, between both and the server. Afterwards it goes
 * on, and the store has each event that was acknowledged, and none twice.
 */
const during = (here: Here, trouble: Effect.Effect<void>) =>
  Effect.flatMap(sqlite, (database) =>
    withStore(database, (store) =>
      Effect.gen(function* () {
        yield* consume(here, store, { ...quick, ackWait: "2 seconds", batch: 20 })
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
        yield* eventually(
          "going on",
          Effect.sync(() => acknowledged.length),
          (length) => length > before + 100
        )
        yield* Fiber.interrupt(writers)
        yield* Effect.retry(audit.flush, Schedule.spaced("50 millis"))
        const { dropped, pending } = yield* audit.account
        assert.deepStrictEqual({ dropped, pending }, { dropped: 0, pending: 0 })
        yield* done(here)
        const stored = (yield* allOf(store, "a")).filter(({ record }) => record.event.type === "test-counted")
        assert.deepStrictEqual(
          stored.map(({ record }) => Number(record.event.details["count"])).toSorted((a, b) => a - b),
          Arr.range(1, yield* Ref.get(next))
        )
        assert.strictEqual((yield* verified(store, "a")).problem, undefined)
      }).pipe(
        Effect.provide(
          Test.layer.pipe(
            Layer.provideMerge(Registrar.layer({ waitAtMost: "2 seconds" })),
            Layer.provide(NatsSink.layer({ ...optionsOf(here), ...quick, instance: "a" })),
            Layer.provide(NodeFileSystem.layer)
          )
        ),
        Effect.scoped,
        quietly
      )
    )
  )

describe("while the connection", () => {
  const troubles: ReadonlyArray<readonly [string, (proxy: Proxy.Proxy) => Effect.Effect<void>]> = [
    ["is cut again and again", (proxy) => Effect.repeatN(Effect.zipRight(pause, proxy.cut), 20)],
    [
      "hangs, and is cut then",
      (proxy) =>
        Effect.repeatN(Effect.zipRight(pause, Effect.zipRight(proxy.hold, Effect.delay(proxy.mend, "700 millis"))), 2)
    ],
    ["is refused for a while", (proxy) => Effect.zipRight(proxy.refuse, Effect.delay(proxy.mend, "1500 millis"))],
    ["is slow", (proxy) => Effect.zipRight(proxy.slow(120), Effect.delay(proxy.mend, "2 seconds"))]
  ]
  for (const [what, trouble] of troubles) {
    it.scopedLive(`${what}, nothing that was acknowledged is lost, and nothing doubled`, () =>
      Effect.gen(function* () {
        const here = yield* newStream()
        const proxy = yield* Proxy.make(placeOf(natsUrl, 4222))
        yield* during({ ...here, servers: `nats://127.0.0.1:${proxy.port}` }, trouble(proxy))
      })
    )
  }
})

describe("while the server", () => {
  const troubles: ReadonlyArray<readonly [string, (server: Server) => Effect.Effect<void>]> = [
    [
      "is killed and started",
      (server) => Effect.repeatN(Effect.zipRight(pause, Effect.zipRight(server.kill, server.start)), 3)
    ],
    ["hangs", (server) => Effect.zipRight(server.hold, Effect.delay(server.resume, "2500 millis"))]
  ]
  for (const [what, trouble] of troubles) {
    it.scopedLive(`${what}, nothing that was acknowledged is lost, and nothing doubled`, () =>
      Effect.gen(function* () {
        const server = yield* natsServer()
        const here = yield* newStream(server.url)
        yield* during(here, trouble(server))
      })
    )
  }

  it.scopedLive("is away, writing fails within its time, and does not hang", () =>
    Effect.gen(function* () {
      const server = yield* natsServer()
      const here = yield* newStream(server.url)
      yield* withSink(
        here,
        (sink) =>
          Effect.gen(function* () {
            yield* sink.write(records(1, 3))
            const given = records(4, 6)
            for (const [trouble, sentence] of [
              [server.hold, /did not answer in time/],
              [Effect.zipRight(server.resume, server.kill), /connection (?:is|was) cut/]
            ] as const) {
              yield* trouble
              const [taken, error] = yield* Effect.timed(Effect.flip(sink.write(given)))
              assert.strictEqual(error.reason, "Unavailable")
              assert.match(error.message, sentence)
              assert.isBelow(Duration.toMillis(taken), 2500)
            }
            yield* server.start
            yield* Effect.retry(sink.write(given), Schedule.spaced("50 millis"))
          }),
        quick
      )
      assert.strictEqual((yield* linesIn(here)).length, 8)
    }).pipe(quietly)
  )
})

describe("while the store", () => {
  it.scopedLive("is cut off in the middle of landing, everything lands once", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const name = yield* schema
      const proxy = yield* Proxy.make(placeOf(databaseUrl, 5432))
      const url = new URL(schemaUrl(name))
      url.hostname = "127.0.0.1"
      url.port = String(proxy.port)
      const chain = chained(Arr.makeBy(2000, (number) => ({ message: `Event ${number}` })))
      yield* withLedger(here, (ledger) =>
        Effect.forEach(Arr.chunksOf(chain, 5), (batch) => ledger.append(nonEmpty(batch)))
      )
      yield* withStore(connected(url.href), (store) =>
        Effect.scoped(
          Effect.gen(function* () {
            yield* consume(here, store, { batch: 10, ackWait: "2 seconds" })
            const cutting = yield* Effect.fork(Effect.forever(Effect.zipRight(Effect.sleep("60 millis"), proxy.cut)))
            yield* Effect.sleep("1 second")
            yield* Fiber.interrupt(cutting)
            yield* done(here)
            assert.deepStrictEqual(yield* allOf(store, "a"), chain)
          })
        ).pipe(quietly)
      )
    })
  )
})

describe("programs of their own", () => {
  // Bundled once, because they start again and again.
  const file = join(import.meta.dirname, "../../var/natsChild.cjs")
  beforeAll(() => {
    const requireOfTsx = createRequire(createRequire(import.meta.url).resolve("tsx/package.json"))
    // It has no types here, because this package does not depend on it.
    const { buildSync } = requireOfTsx("esbuild") as { readonly buildSync: (options: object) => unknown }
    buildSync({
      entryPoints: [join(import.meta.dirname, "../support/natsChild.ts")],
      outfile: file,
      bundle: true,
      platform: "node",
      format: "cjs",
      external: ["better-sqlite3"],
      logLevel: "error"
    })
  })

  const start = (...args: ReadonlyArray<string>) =>
    Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, [file, ...args], { stdio: ["ignore", "ignore", "inherit"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
  const ended = (child: ReturnType<typeof spawn>) =>
    Effect.promise(async () => (child.exitCode !== null ? child.exitCode : (await once(child, "exit"))[0]))

  const instances = ["web-1", "web-2", "web-3"]
  const each = 10_000

  const publishAll = (here: Here) =>
    Effect.forEach(
      instances,
      (instance) =>
        Effect.flatMap(start("publish", here.servers, here.stream, instance, String(each)), (child) =>
          Effect.map(ended(child), (code) => assert.strictEqual(code, 0))
        ),
      { concurrency: "unbounded" }
    )

  const assertAll = (store: Parameters<Parameters<typeof withStore>[1]>[0]) =>
    Effect.forEach(instances, (instance) =>
      Effect.gen(function* () {
        const stored = yield* allOf(store, instance)
        const numbers = stored.flatMap(({ record }) =>
          record.event.type === "test-event" ? [Number(record.event.details["number"])] : []
        )
        assert.deepStrictEqual(numbers, Arr.range(1, each))
        const report = yield* verified(store, instance)
        assert.strictEqual(report.problem, undefined)
        assert.strictEqual(report.records, each + 2)
      })
    )

  it.scopedLive(
    "write as three instances, and one consumer lands them in PostgreSQL",
    () =>
      Effect.gen(function* () {
        const here = yield* newStream()
        yield* withStore(yield* postgres, (store) =>
          Effect.scoped(
            Effect.gen(function* () {
              yield* consume(here, store)
              yield* publishAll(here)
              yield* done(here)
              yield* assertAll(store)
            })
          )
        )
      }),
    120_000
  )

  it.scopedLive(
    "write as three instances, while consumers are killed again and again",
    () =>
      Effect.gen(function* () {
        const here = yield* newStream()
        const fs = yield* FileSystem.FileSystem
        const filename = `${yield* fs.makeTempDirectoryScoped()}/audit.db`
        const database = Layer.orDie(SqliteClient.layer({ filename }))
        yield* withStore(database, () => Effect.void)
        // Seldom, because whoever looks holds up who writes.
        const stored = withStore(database, (store) => store.instances, { migrate: false }).pipe(
          Effect.map((found) => found.reduce((sum, { head }) => sum + head.seq, 0)),
          Effect.delay("100 millis"),
          Effect.retry({ times: 100 })
        )
        const publishing = yield* Effect.fork(publishAll(here))
        let kills = 0
        yield* Effect.gen(function* () {
          const before = yield* stored
          const child = yield* start("consume", here.servers, here.stream, filename)
          // It is killed as soon as it has landed something, wherever it is then.
          const after = yield* eventually("landing", stored, (now) => now > before, "60 seconds")
          if (after === instances.length * (each + 2)) return true
          child.kill("SIGKILL")
          yield* ended(child)
          kills++
          return false
        }).pipe(Effect.scoped, Effect.repeat({ until: (isDone) => isDone || kills === 4 }))
        assert.isAtLeast(kills, 2)
        yield* Fiber.join(publishing)
        yield* withStore(database, (store) =>
          Effect.scoped(
            Effect.gen(function* () {
              yield* consume(here, store)
              yield* done(here)
              yield* assertAll(store)
            })
          )
        )
      }).pipe(Effect.provide(NodeFileSystem.layer), quietly),
    120_000
  )
})

describe("a server", () => {
  const users = `
    jetstream { store_dir: '{folder}' }
    authorization { users: [
      { user: admin, password: "ad min@:/" }
      { user: sink, password: secret, permissions: {
        publish: ["trail.web-1", "$JS.API.STREAM.INFO.AUDIT", "$JS.API.STREAM.MSG.GET.AUDIT"], subscribe: "_INBOX.>" } }
      { user: consumer, password: secret, permissions: {
        publish: ["$JS.API.STREAM.INFO.AUDIT", "$JS.API.STREAM.MSG.GET.AUDIT", "$JS.API.CONSUMER.INFO.AUDIT.audit-store",
          "$JS.API.CONSUMER.CREATE.AUDIT.audit-store.>", "$JS.API.CONSUMER.MSG.NEXT.AUDIT.audit-store", "$JS.ACK.AUDIT.audit-store.>"],
        subscribe: "_INBOX.>" } }
      { user: reader, password: secret, permissions: {
        publish: ["$JS.API.STREAM.INFO.AUDIT", "$JS.API.STREAM.MSG.GET.AUDIT", "$JS.API.CONSUMER.*.AUDIT.>", "$JS.API.CONSUMER.MSG.NEXT.AUDIT.>"],
        subscribe: "_INBOX.>" } }
      { user: mute, password: secret, permissions: {
        publish: ["$JS.API.STREAM.INFO.AUDIT", "$JS.API.STREAM.MSG.GET.AUDIT", "$JS.API.CONSUMER.INFO.AUDIT.audit-store",
          "$JS.API.CONSUMER.MSG.NEXT.AUDIT.audit-store"],
        subscribe: "_INBOX.>" } }
      { user: nobody, password: secret, permissions: { publish: ["$JS.API.STREAM.INFO.AUDIT", "$JS.API.STREAM.MSG.GET.AUDIT"], subscribe: "_INBOX.>" } }
      { user: stranger, password: secret, permissions: { publish: ["nothing"], subscribe: "_INBOX.>" } }
    ] }`

  it.scopedLive("gives each program the rights that the guide names, and no more are needed", () =>
    Effect.gen(function* () {
      const server = yield* natsServer(users)
      const as = (login: string): Here => ({
        servers: `nats://${login}@127.0.0.1:${server.port}`,
        stream: "AUDIT",
        subject: "trail"
      })
      yield* withLedger(as(`admin:${encodeURIComponent("ad min@:/")}`), () => Effect.void)
      yield* withSink(as("sink:secret"), (sink) => sink.write(records(1, 3)), { instance: "web-1", manage: false })
      yield* withSink(as("sink:secret"), (sink) => sink.write(records(4, 6)), { instance: "web-1" })
      yield* Effect.flatMap(sqlite, (database) =>
        withStore(database, (store) =>
          Effect.scoped(
            Effect.gen(function* () {
              yield* consume(as("consumer:secret"), store)
              yield* eventually(
                "stored",
                Effect.map(allOf(store, "web-1"), (all) => all.length),
                (length) => length === 10
              )
            })
          )
        )
      )
      assert.strictEqual((yield* linesIn(as("reader:secret"))).length, 10)

      const { layer, said } = heard()
      yield* Effect.flatMap(sqlite, (database) =>
        withStore(database, (store) =>
          Effect.scoped(
            Effect.gen(function* () {
              yield* consume(as("mute:secret"), store)
              yield* withSink(as("sink:secret"), (sink) => sink.write(records(7, 9)), { instance: "web-1" })
              yield* eventually(
                "said",
                Effect.sync(() => said),
                (said) => said.length > 0
              )
            })
          )
        )
      ).pipe(Effect.provide(layer))
      assert.match(said[0]!, /The audit consumer may not do what it has to/)

      const refused = yield* Effect.flip(
        withSink(as("nobody:secret"), (sink) => sink.write(records(1, 1)), { ...quick, instance: "web-1" })
      )
      assert.strictEqual(refused.reason, "Unwritable")
      assert.match(refused.message, /may not publish to 'trail.web-1': grant it/)
      const stranger = yield* Effect.flip(withSink(as("stranger:secret"), () => Effect.void, quick))
      assert.strictEqual(stranger.reason, "Unwritable")
      assert.match(stranger.message, /may not publish to '\$JS.API.STREAM.INFO.AUDIT'/)
      for (const login of ["sink:wrong", "hello", "unknown:secret-of-mine"]) {
        const error = yield* Effect.flip(withSink(as(login), () => Effect.void))
        assert.strictEqual(error.reason, "Misconfigured")
        assert.match(error.message, /does not let this user in: correct the credentials/)
        assert.notInclude(JSON.stringify([error.message, error]), login.split(":").at(-1)!)
      }
    }).pipe(quietly)
  )

  it.scopedLive("without JetStream is said to be one", () =>
    Effect.gen(function* () {
      const server = yield* natsServer("")
      const error = yield* Effect.flip(
        withSink({ servers: server.url, stream: "AUDIT", subject: "audit" }, () => Effect.void, quick)
      )
      assert.strictEqual(error.reason, "Misconfigured")
      assert.match(error.message, /no JetStream: start it with '-js'/)
    })
  )

  it.scopedLive("that allows small messages only gets records in parts", () =>
    Effect.gen(function* () {
      const server = yield* natsServer("max_payload: 8192\njetstream { store_dir: '{folder}' }")
      const here = yield* newStream(server.url)
      const chain = chained(Arr.makeBy(20, (number) => ({ message: "ä".repeat(number * 700) })))
      yield* withLedger(here, (ledger) => ledger.append(nonEmpty(chain)))
      assert.deepStrictEqual(
        (yield* linesIn(here)).map(({ line }) => line),
        chain.map(({ record }) => record.line)
      )
      const tiny = yield* natsServer("max_payload: 1024\njetstream { store_dir: '{folder}' }")
      const error = yield* Effect.flip(
        withLedger({ ...here, servers: tiny.url }, (ledger) => ledger.append(nonEmpty(chain)))
      )
      assert.match(error.message, /raise 'max_payload'/)
    })
  )
})

describe("a cluster", () => {
  const stateOf = (here: Here) => manage(here, (jsm) => jsm.streams.info(here.stream))
  const replicated = { ...quick, timeout: "2 seconds", replicas: 3 } as const
  const insist = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.retry(effect, Schedule.spaced("200 millis"))

  it.scopedLive(
    "keeps what it has acknowledged when one of its servers is lost",
    () =>
      Effect.gen(function* () {
        const servers = yield* natsCluster(3)
        const here = { servers: servers.map(({ url }) => url).join(","), stream: "AUDIT", subject: "audit" }
        const chain = chained(Arr.makeBy(300, (number) => ({ message: `Event ${number}` })))
        yield* insist(withLedger(here, () => Effect.void, replicated))
        yield* withLedger(
          here,
          (ledger) =>
            Effect.gen(function* () {
              for (const [index, batch] of Arr.chunksOf(chain, 5).entries()) {
                if (index === 20) {
                  const { cluster } = yield* stateOf(here)
                  yield* servers[Number(cluster?.leader?.slice(1))]!.kill
                }
                yield* insist(ledger.append(nonEmpty(batch)))
              }
            }),
          replicated
        )
        const left = yield* insist(linesIn(here))
        assert.deepStrictEqual(
          left.map(({ line }) => line),
          chain.map(({ record }) => record.line)
        )
      }).pipe(quietly),
    120_000
  )

  it.scopedLive(
    "that cannot agree acknowledges nothing, and has everything once when it can",
    () =>
      Effect.gen(function* () {
        const servers = yield* natsCluster(3)
        const here = { servers: servers.map(({ url }) => url).join(","), stream: "AUDIT", subject: "audit" }
        const chain = chained(Arr.makeBy(30, (number) => ({ message: `Event ${number}` })))
        yield* insist(withLedger(here, () => Effect.void, replicated))
        const { cluster } = yield* stateOf(here)
        const leader = Number(cluster?.leader?.slice(1))
        yield* withLedger(
          { ...here, servers: servers[leader]!.url },
          (ledger) =>
            Effect.gen(function* () {
              yield* insist(ledger.append(nonEmpty(chain.slice(0, 5))))
              const others = servers.filter((_, index) => index !== leader)
              yield* Effect.forEach(others, ({ hold }) => hold)
              for (const end of [10, 20]) {
                const error = yield* Effect.flip(ledger.append(nonEmpty(chain.slice(5, end))))
                assert.strictEqual(error.reason, "Unavailable")
              }
              yield* Effect.forEach(others, ({ resume }) => resume)
              yield* insist(ledger.append(nonEmpty(chain.slice(5, 25))))
              yield* insist(ledger.append(nonEmpty(chain.slice(25))))
            }),
          replicated
        )
        const found = yield* insist(linesIn(here))
        assert.deepStrictEqual(
          found.map(({ line }) => line),
          chain.map(({ record }) => record.line)
        )
      }).pipe(quietly),
    120_000
  )
})
