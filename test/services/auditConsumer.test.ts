/** Trails on their way from NATS JetStream into a store. */
import { assert, describe, it } from "@effect/vitest"
import { AckPolicy, DeliverPolicy, type ConsumerConfig } from "@nats-io/jetstream"
import { Array as Arr, Effect, Exit, Scope } from "effect"
import { AuditStoreError, type Service } from "../../src/AuditStore.js"
import { allOf, chained, nonEmpty, verified } from "../support/chains.js"
import { consume, consumerInfo, done, eventually, heard, metricsOf } from "../support/consumers.js"
import { makeStream, manage, newStream, publish, withLedger, type Here } from "../support/natsStreams.js"
import { postgres, sqlite, type Database } from "../support/sqlDatabases.js"
import { withStore } from "../support/sqlStore.js"

const chainOf = (instance: string, size: number) =>
  chained(
    Arr.makeBy(size, (number) => ({ message: `Event ${number + 1}` })),
    instance
  )

type Chain = ReturnType<typeof chainOf>

/** In messages of so many records. */
const append = (here: Here, chain: Chain, size = 3) =>
  withLedger(here, (ledger) => Effect.forEach(Arr.chunksOf(chain, size), (batch) => ledger.append(nonEmpty(batch))))

/** Messages of several instances in turn. */
const appendInTurn = (here: Here, chains: ReadonlyArray<Chain>, size = 3) =>
  withLedger(here, (ledger) =>
    Effect.forEach(Arr.range(0, Math.ceil(chains[0]!.length / size) - 1), (at) =>
      Effect.forEach(chains, (chain) => ledger.append(nonEmpty(chain.slice(at * size, (at + 1) * size))))
    )
  )

const inStore = <A, E>(
  database: Effect.Effect<Database, never, Scope.Scope>,
  body: (store: Service) => Effect.Effect<A, E, Scope.Scope>
) => Effect.flatMap(database, (database) => withStore(database, (store) => Effect.scoped(body(store))))

const assertStored = (store: Service, chains: ReadonlyArray<Chain>) =>
  Effect.forEach(chains, (chain) =>
    Effect.gen(function* () {
      const [{ instance }] = chain as [Chain[number]]
      assert.deepStrictEqual(yield* allOf(store, instance), chain)
      assert.strictEqual((yield* verified(store, instance)).problem, undefined)
    })
  )

const failing = (reason: AuditStoreError["reason"] = "Unavailable") =>
  new AuditStoreError({ store: "test", reason, description: "it is away" })

describe("the consumer", () => {
  for (const [name, database] of [
    ["SQLite", sqlite],
    ["PostgreSQL", postgres]
  ] as const) {
    it.scopedLive(`lands what is there and what comes in ${name}`, () =>
      Effect.gen(function* () {
        const here = yield* newStream()
        const chains = ["a", "b.1", "c"].map((instance) => chainOf(instance, 60))
        const part = (from: number, to: number) => chains.map((chain) => chain.slice(from, to))
        yield* appendInTurn(here, part(0, 30))
        yield* inStore(database, (store) =>
          Effect.gen(function* () {
            yield* consume(here, store)
            yield* done(here)
            yield* assertStored(store, part(0, 30))
            yield* appendInTurn(here, part(30, 60), 1)
            const { floor } = yield* done(here)
            assert.strictEqual(floor, 120)
            yield* assertStored(store, chains)
          })
        )
      })
    )
  }

  it.scopedLive("makes the stream where it is there first", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          yield* consume(here, store)
          const chain = chainOf("a", 10)
          yield* append(here, chain)
          yield* done(here)
          yield* assertStored(store, [chain])
        })
      )
    })
  )

  it.scopedLive("acknowledges nothing while the store fails, and says so once", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const chain = chainOf("a", 30)
      yield* append(here, chain)
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          let attempts = 0
          const away = {
            ...store,
            append: (records: Parameters<Service["append"]>[0]) =>
              attempts++ < 4 ? Effect.fail(failing()) : store.append(records)
          }
          const { layer, said } = heard()
          yield* consume(here, away).pipe(Effect.provide(layer))
          yield* eventually(
            "tried",
            Effect.sync(() => attempts),
            (attempts) => attempts >= 3
          )
          const { ack_floor, num_ack_pending } = yield* consumerInfo(here)
          assert.deepStrictEqual([ack_floor.stream_seq, num_ack_pending], [0, 10])
          assert.strictEqual((yield* metricsOf(here.stream))["outage"], 1)
          yield* done(here)
          yield* assertStored(store, [chain])
          assert.strictEqual(said.length, 1)
          assert.match(said[0]!, /WARN The audit consumer cannot land in SQLite: records wait in the stream/)
          const { messages_rejected, outage, records_landed } = yield* metricsOf(here.stream)
          assert.deepStrictEqual(
            { messages_rejected, outage, records_landed },
            { messages_rejected: 0, outage: 0, records_landed: 30 }
          )
        })
      )
    })
  )

  it.scopedLive("stores once what it was killed over, before or after the store had it", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const chains = ["a", "b"].map((instance) => chainOf(instance, 90))
      yield* appendInTurn(here, chains)
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          for (const isBefore of [true, false, true, false]) {
            // It hangs before it could acknowledge, and ends without giving anything back.
            const killed = yield* Effect.makeLatch()
            const deadly = {
              ...store,
              append: (records: Parameters<Service["append"]>[0]) =>
                (isBefore ? Effect.void : store.append(records)).pipe(
                  Effect.zipRight(killed.open),
                  Effect.zipRight(Effect.never)
                )
            }
            yield* Effect.scoped(
              Effect.gen(function* () {
                yield* consume(here, deadly, { batch: 10, ackWait: "1 seconds" })
                yield* killed.await
              })
            )
          }
          yield* consume(here, store, { batch: 10, ackWait: "1 seconds" })
          yield* done(here)
          yield* assertStored(store, chains)
        })
      )
    })
  )

  it.scopedLive("reads what is missing from the stream, where whoever had it died with it", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const chain = chainOf("a", 60)
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          // Somebody took all messages and says nothing more. They come again in an hour.
          yield* Effect.scoped(consume(here, store, { ackWait: "1 hours" }))
          yield* append(here, chain.slice(0, 30))
          yield* manage(here, async (jsm) => {
            const consumer = await jsm.jetstream().consumers.get(here.stream, "audit-store")
            for await (const message of await consumer.fetch({ max_messages: 10, expires: 5000 })) void message
          })
          assert.strictEqual((yield* consumerInfo(here)).num_ack_pending, 10)
          yield* append(here, chain.slice(30))
          yield* consume(here, store)
          yield* eventually(
            "stored",
            Effect.map(allOf(store, "a"), (all) => all.length),
            (length) => length === 60
          )
          yield* assertStored(store, [chain])
        })
      )
    })
  )

  it.scopedLive("fills a store that has lost what it had", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const chain = chainOf("a", 45)
      yield* append(here, chain.slice(0, 40), 1)
      yield* inStore(sqlite, (lost) => Effect.zipRight(consume(here, lost), done(here)))
      yield* inStore(sqlite, (restored) =>
        Effect.gen(function* () {
          yield* restored.append(nonEmpty(chain.slice(0, 7)))
          yield* consume(here, restored)
          yield* append(here, chain.slice(40), 1)
          yield* done(here)
          yield* assertStored(restored, [chain])
        })
      )
    })
  )

  it.scopedLive("lands records in parts, wherever their parts are delivered", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const sizes = [10, 3_000_000, 10, 2_500_000, 10]
      const chain = chained(sizes.map((size) => ({ message: "x".repeat(size) })))
      yield* append(here, chain, 5)
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          yield* consume(here, store, { batch: 1 })
          yield* done(here)
          yield* assertStored(store, [chain])
        })
      )
    })
  )
})

describe("what can never land", () => {
  it.scopedLive("is said and kept, and the others go on", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const [a, b] = [chainOf("a", 12), chainOf("b", 12)]
      yield* appendInTurn(here, [a.slice(0, 6), b.slice(0, 6)])
      yield* publish(here, "c", "hello")
      yield* publish(here, "ü", "hello")
      const headers = { "Registrar-Form": "1", "Registrar-Hash": "0".repeat(64) }
      yield* publish(here, "c", "{}\n", { ...headers, "Registrar-Records": "1-1" })
      yield* publish(here, "c", "{}\n", {
        ...headers,
        "Registrar-Records": "1-1",
        "Registrar-Part": "2/2",
        "Registrar-After": "0"
      })
      yield* publish(here, "c", "{}\n", { ...headers, "Registrar-Form": "2" })
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          const { layer, said } = heard()
          yield* consume(here, store).pipe(Effect.provide(layer))
          yield* done(here)
          yield* append(here, b.slice(6))
          yield* append(here, a.slice(6))
          yield* done(here)
          yield* assertStored(store, [a, b])
          assert.deepStrictEqual(
            said.map((line) => /of the stream '\w+' is (.*)/.exec(line)![1]),
            [
              "not stored of 'c', and kept in the stream: it was not written by an audit sink",
              "not stored, and kept in the stream: its subject names no instance",
              "not stored of 'c', and kept in the stream: its line 1 is damaged, or no record",
              "not stored of 'c', and kept in the stream: its line 1 is damaged, or no record",
              "not stored of 'c', and kept in the stream: it has form '2', which this version does not know"
            ]
          )
          assert.match(said[0]!, /^ERROR The message 5 /)
          assert.strictEqual((yield* metricsOf(here.stream))["messages_rejected"], 5)
          const { state } = yield* manage(here, (jsm) => jsm.streams.info(here.stream))
          assert.strictEqual(state.messages, 13)
        })
      )
    })
  )

  it.scopedLive("stops only the instance whose records are missing", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* makeStream(here)
      const [a, b] = [chainOf("a", 24), chainOf("b", 24)]
      yield* appendInTurn(here, [a.slice(0, 12), b.slice(0, 12)])
      // The third message of a, with its records 4 to 6.
      yield* manage(here, (jsm) => jsm.streams.deleteMessage(here.stream, 3))
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          const { layer, said } = heard()
          yield* consume(here, store).pipe(Effect.provide(layer))
          yield* done(here)
          yield* appendInTurn(here, [a.slice(12), b.slice(12)])
          yield* done(here)
          yield* assertStored(store, [a.slice(0, 3), b])
          const errors = said.filter((line) => line.startsWith("ERROR"))
          assert.match(
            errors[0]!,
            /2 messages .* from 5 to 7, are not stored of 'a', and kept in the stream: its chain is broken/
          )
          assert.match(errors.at(-1)!, /not stored of 'a'.*its chain is broken/)
        })
      )
    }).pipe(Effect.provide(heard().layer))
  )

  it.scopedLive("stops only the instance that has forked, and takes its own chain all the same", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const [a, b] = [chainOf("a", 12), chainOf("b", 12)]
      const fork = chained(
        Arr.makeBy(6, () => ({ message: "another" })),
        "a",
        a[5]!
      )
      yield* appendInTurn(here, [a.slice(0, 6), b.slice(0, 6)])
      // As a cluster takes it whose servers do not agree: the expected sequence was right when it came.
      const message = (records: Chain) =>
        publish(here, "a", records.map(({ record }) => `${record.line}\n`).join(""), {
          "Registrar-Form": "1",
          "Registrar-Records": `${records[0]!.seq}-${records.at(-1)!.seq}`,
          "Registrar-Hash": records.at(-1)!.hash
        })
      yield* message(a.slice(6, 9))
      yield* message(fork.slice(0, 3))
      yield* message(fork.slice(3))
      yield* message(a.slice(6, 12))
      yield* append(here, b.slice(6))
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          const { layer, said } = heard()
          yield* consume(here, store).pipe(Effect.provide(layer))
          yield* done(here)
          yield* assertStored(store, [a, b])
          assert.strictEqual(said.length, 2)
          for (const line of said) assert.match(line, /ERROR The message [67] .*taken by another record/)
        })
      )
    })
  )

  it.scopedLive("does not hold the others up where the store refuses it", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const [a, b] = [chainOf("a", 60), chainOf("b", 60)]
      yield* append(here, a, 1)
      yield* append(here, b, 1)
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          let attempts = 0
          const picky: Service = {
            ...store,
            append: (records) => {
              if (!records.some(({ instance }) => instance === "a")) return store.append(records)
              return attempts++ % 2 === 0 ? Effect.fail(failing()) : Effect.dieMessage("It breaks")
            }
          }
          // There is room for fewer messages than those of the instance.
          yield* consume(here, picky, { batch: 40 })
          yield* eventually(
            "tried",
            Effect.sync(() => attempts),
            (attempts) => attempts > 3
          )
          yield* append(here, chainOf("c", 60), 1)
          for (const instance of ["b", "c"]) {
            yield* eventually(
              "stored",
              Effect.map(allOf(store, instance), (all) => all.length),
              (length) => length === 60
            )
          }
        })
      )
    }).pipe(Effect.provide(heard().layer))
  )
})

describe("several consumers of one name", () => {
  it.scopedLive("share the work, one at a time, and store everything once", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const chains = ["a", "b", "c"].map((instance) => chainOf(instance, 150))
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          const work = [0, 0, 0]
          const scopes = yield* Effect.forEach([0, 1, 2], (index) =>
            Effect.gen(function* () {
              const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
              const counting: Service = {
                ...store,
                append: (records) =>
                  Effect.tap(store.append(records), () => Effect.sync(() => void (work[index]! += records.length)))
              }
              yield* Scope.extend(consume(here, counting, { batch: 5 }), scope)
              return scope
            })
          )
          const close = (index: number) => Scope.close(scopes[index]!, Exit.void)
          yield* appendInTurn(
            here,
            chains.map((chain) => chain.slice(0, 50)),
            1
          )
          yield* done(here)
          // Whoever works is ended, in the middle of it.
          const busiest = work.indexOf(Math.max(...work))
          yield* Effect.zip(
            appendInTurn(
              here,
              chains.map((chain) => chain.slice(50)),
              1
            ),
            Effect.delay(close(busiest), "100 millis"),
            { concurrent: true }
          )
          yield* done(here)
          yield* assertStored(store, chains)
          // Hardly anything was handed to the store twice.
          assert.isBelow(
            work.reduce((a, b) => a + b),
            500
          )
        })
      )
    })
  )
})

describe("the consumer of the server", () => {
  it.scopedLive("is made again where somebody deletes it", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const chain = chainOf("a", 20)
      yield* append(here, chain.slice(0, 10))
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          yield* consume(here, store)
          yield* done(here)
          yield* manage(here, (jsm) => jsm.consumers.delete(here.stream, "audit-store"))
          yield* append(here, chain.slice(10))
          yield* eventually(
            "stored",
            Effect.map(allOf(store, "a"), (all) => all.length),
            (length) => length === 20
          )
          yield* done(here)
          yield* assertStored(store, [chain])
        })
      )
    })
  )

  const losing: ReadonlyArray<readonly [string, Partial<ConsumerConfig>, RegExp]> = [
    ["begins with new messages", { deliver_policy: DeliverPolicy.New }, /does not begin with the first message/],
    ["is acknowledged as a whole", { ack_policy: AckPolicy.All }, /does not wait for each message/],
    ["gives messages up", { max_deliver: 3 }, /gives up messages/],
    ["leaves instances out", { filter_subject: "web" }, /leaves instances out/],
    ["pushes", { deliver_subject: "somewhere" }, /pushes/]
  ]
  for (const [what, config, sentence] of losing) {
    it.scopedLive(`is refused where it ${what}`, () =>
      Effect.gen(function* () {
        const here = yield* newStream()
        yield* makeStream(here)
        yield* manage(here, (jsm) =>
          jsm.consumers.add(here.stream, {
            durable_name: "audit-store",
            ack_policy: AckPolicy.Explicit,
            deliver_policy: DeliverPolicy.All,
            ...config,
            ...(config.filter_subject === undefined ? {} : { filter_subject: `${here.subject}.web` })
          })
        )
        const error = yield* Effect.flip(inStore(sqlite, (store) => consume(here, store)))
        assert.strictEqual(error.reason, "Misconfigured")
        assert.match(error.message, sentence)
      }).pipe(Effect.provide(heard().layer))
    )
  }

  it.scopedLive("says how much has not landed yet", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* append(here, chainOf("a", 30), 1)
      yield* inStore(sqlite, (store) =>
        Effect.gen(function* () {
          yield* consume(here, { ...store, append: () => Effect.never })
          const { messages_pending } = yield* eventually(
            "behind",
            metricsOf(here.stream),
            (found) => (found["messages_pending"] ?? 0) > 0
          )
          assert.strictEqual(messages_pending, 30)
        })
      )
    })
  )
})
