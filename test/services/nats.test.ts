/** The trail in NATS JetStream. */
import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "@nats-io/jetstream"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Either, Logger, Schedule } from "effect"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditRecord from "../../src/AuditRecord.js"
import { records } from "../AuditSink/testRecords.js"
import { verifyLines } from "../AuditSink/trails.js"
import { chained, nonEmpty } from "../support/chains.js"
import { lossyLine } from "../support/lossyLine.js"
import {
  linesIn,
  makeStream,
  manage,
  natsPlace,
  newStream,
  publish,
  recordsIn,
  withLedger,
  withSink,
  type Here
} from "../support/natsStreams.js"
import { natsUrl } from "../support/services.js"
import { describeSink } from "../support/sinkContract.js"

describeSink("NATS", { place: Effect.map(newStream(), natsPlace) })

const messages = (here: Here) => manage(here, async (jsm) => (await jsm.streams.info(here.stream)).state.messages)

const seqsIn = (here: Here) =>
  Effect.map(linesIn(here), (lines) =>
    lines.map(({ line }) => AuditChain.headOf(line)).map((head) => (head._tag === "Some" ? head.value.seq : 0))
  )

const through = (here: Here) =>
  Effect.map(
    Effect.suspend(() => {
      const { hostname, port } = new URL(natsUrl)
      return lossyLine(hostname, port === "" ? 4222 : Number(port))
    }),
    (line) => ({ line, there: { ...here, servers: `nats://127.0.0.1:${line.port}` } })
  )

const quiet = Effect.provide(Logger.remove(Logger.defaultLogger))

describe("the sink in NATS", () => {
  it.scopedLive("goes on with its chain where it is opened again, and says so", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* withSink(here, (sink) => sink.write(records(1, 2)))
      yield* withSink(here, (sink) => sink.write(records(3, 4)))
      const lines = yield* linesIn(here)
      assert.deepStrictEqual(
        lines.map(({ line }) => Either.getOrThrow(AuditRecord.fromLine(line)).message),
        [
          "The audit trail starts",
          "Event 1 has happened",
          "Event 2 has happened",
          "The audit trail stops",
          "The audit trail starts",
          "Event 3 has happened",
          "Event 4 has happened",
          "The audit trail stops"
        ]
      )
      assert.strictEqual(verifyLines(lines.map(({ line }) => line)).problem, undefined)
    })
  )

  it.scopedLive("seals its chain, and says so where the seals are left out later", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const { privateKey, publicKey } = yield* AuditChain.generateKeys
      const seals = { keys: [privateKey], everyRecords: 10 } as const
      yield* withSink(here, (sink) => sink.write(records(1, 25)), { seals })
      const report = verifyLines(
        (yield* linesIn(here)).map(({ line }) => line),
        { keys: [Either.getOrThrow(AuditChain.publicKey(publicKey))] }
      )
      assert.strictEqual(report.problem, undefined)
      assert.strictEqual(report.unsealed, 0)
      const error = yield* Effect.flip(withSink(here, (sink) => sink.write(records(1, 1))))
      assert.match(error.message, /is sealed: give 'seals'/)
    })
  )

  it.scopedLive("refuses to write as an instance that another program writes as", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* withSink(here, (one) =>
        withSink(here, (other) =>
          Effect.gen(function* () {
            yield* one.write(records(1, 2))
            yield* other.write(records(3, 4))
            const error = yield* Effect.flip(one.write(records(5, 6)))
            assert.strictEqual(error.reason, "Claimed")
            assert.match(error.message, /two programs write as 'a'/)
          })
        )
      )
      assert.strictEqual(verifyLines((yield* linesIn(here)).map(({ line }) => line)).problem, undefined)
    }).pipe(quiet)
  )

  it.scopedLive("keeps instances apart, also those whose names begin alike", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const names = ["web", "web.1", "web.1.a", "WEB", "web-1", "__proto__", "constructor"]
      yield* Effect.forEach(names, (instance) => withSink(here, (sink) => sink.write(records(1, 3)), { instance }), {
        concurrency: 3
      })
      for (const name of names) assert.strictEqual((yield* recordsIn(here, name)).length, 5, name)
      assert.strictEqual((yield* linesIn(here)).length, 5 * names.length)
    })
  )
})

describe("the ledger in NATS", () => {
  const chain = chained(Arr.makeBy(30, (number) => ({ message: `Event ${number}` })))
  const part = (from: number, to: number) => nonEmpty(chain.slice(from - 1, to))

  it.scopedLive("stores a record once, however often and in whatever batches it is given", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const batches = [part(1, 5), part(1, 5), part(3, 8), part(2, 4), part(1, 8), part(8, 12)]
      // Each as another program, which does not know what the stream has, and then as one that does.
      for (const batch of batches) yield* withLedger(here, (ledger) => ledger.append(batch))
      yield* withLedger(here, (ledger) => Effect.forEach(batches, ledger.append))
      assert.deepStrictEqual(yield* seqsIn(here), Arr.range(1, 12))
      assert.strictEqual(yield* messages(here), 3)
    })
  )

  it.scopedLive("refuses gaps and forks, and stores nothing of them", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const other = chained(Arr.makeBy(30, (number) => ({ message: number < 3 ? `Event ${number}` : "another" })))
      const forks = [
        [1, 5],
        [1, 10],
        [4, 4],
        [5, 5],
        [5, 10],
        [6, 6]
      ] as const
      for (const known of [false, true]) {
        yield* withLedger(here, (ledger) =>
          Effect.gen(function* () {
            const reasonOf = (given: ReadonlyArray<(typeof chain)[number]>) =>
              Effect.map(Effect.flip(ledger.append(nonEmpty(given))), ({ reason }) => reason)
            if (!known) assert.strictEqual(yield* reasonOf(part(2, 3)), "Missing")
            if (!known) yield* ledger.append(part(1, 3))
            yield* ledger.append(part(1, 5))
            assert.strictEqual(yield* reasonOf(part(7, 9)), "Missing")
            assert.strictEqual(yield* reasonOf([...part(6, 7), ...part(9, 9)]), "Missing")
            for (const [from, to] of forks) {
              assert.strictEqual(yield* reasonOf(other.slice(from - 1, to)), "Forked", `${from} to ${to}`)
              yield* withLedger(here, (stranger) =>
                Effect.map(Effect.flip(stranger.append(nonEmpty(other.slice(from - 1, to)))), ({ reason }) =>
                  assert.strictEqual(reason, "Forked", `${from} to ${to}`)
                )
              )
            }
          })
        )
      }
      assert.deepStrictEqual(yield* seqsIn(here), Arr.range(1, 5))
    })
  )

  it.scopedLive("does not take the records of another program for its own, though their numbers are the same", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const other = chained(Arr.makeBy(5, () => ({ message: "another" })))
      yield* withLedger(here, (one) =>
        withLedger(here, (two) =>
          Effect.gen(function* () {
            // Both know that the stream has nothing of this instance.
            yield* one.append(part(1, 2))
            yield* two.append(part(1, 2))
            yield* one.append(part(3, 5))
            const error = yield* Effect.flip(two.append(nonEmpty(chained([{}, {}, {}], "a", part(2, 2)[0]))))
            assert.strictEqual(error.reason, "Forked")
          })
        )
      )
      yield* withLedger(here, (ledger) => Effect.flip(ledger.append(nonEmpty(other))))
      assert.deepStrictEqual(yield* seqsIn(here), Arr.range(1, 5))
    })
  )

  it.scopedLive("publishes again what was not acknowledged, and the stream has it once", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const { line, there } = yield* through(here)
      yield* withLedger(
        there,
        (ledger) =>
          Effect.gen(function* () {
            yield* ledger.append(part(1, 3))
            yield* line.hold
            const error = yield* Effect.flip(ledger.append(part(4, 6)))
            assert.strictEqual(error.reason, "Unavailable")
            assert.match(error.message, /nobody knows/)
            yield* line.cut
            yield* line.release
            yield* Effect.retry(ledger.append(part(4, 9)), { times: 3 })
          }),
        { timeout: "500 millis", connection: { reconnectTimeWait: 10, reconnectJitter: 0 } }
      )
      assert.deepStrictEqual(yield* seqsIn(here), Arr.range(1, 9))
      assert.strictEqual(yield* messages(here), 3)
    })
  )

  it.scopedLive("loses and doubles nothing while the connection is cut again and again", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const { line, there } = yield* through(here)
      const long = chained(Arr.makeBy(400, (number) => ({ message: `Event ${number}` })))
      yield* withLedger(
        there,
        (ledger) =>
          Effect.forEach(Arr.range(0, 39), (batch) =>
            Effect.gen(function* () {
              // Somewhere in the middle of what the batch sends.
              if (batch % 2 === 0) yield* line.cutAfter(200 + batch * 97)
              yield* Effect.retry(ledger.append(nonEmpty(long.slice(batch * 10, batch * 10 + 10))), {
                schedule: Schedule.spaced("20 millis"),
                while: ({ reason }) => reason === "Unavailable"
              })
            })
          ),
        { timeout: "2 seconds", connection: { reconnectTimeWait: 10, reconnectJitter: 0 } }
      )
      assert.deepStrictEqual(yield* seqsIn(here), Arr.range(1, 400))
      assert.strictEqual(yield* messages(here), 40)
    })
  )

  it.scopedLive("refuses what a full stream has no room for, and goes on when it has", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const large = chained(Arr.makeBy(12, () => ({ message: "x".repeat(10_000) })))
      yield* withLedger(
        here,
        (ledger) =>
          Effect.gen(function* () {
            yield* ledger.append(nonEmpty(large.slice(0, 4)))
            const full = yield* Effect.flip(ledger.append(nonEmpty(large.slice(4))))
            assert.strictEqual(full.reason, "Full")
            assert.match(full.message, /make room/)
            assert.strictEqual((yield* Effect.flip(ledger.append(nonEmpty(large.slice(4))))).reason, "Full")
            yield* manage(here, (jsm) => jsm.streams.update(here.stream, { max_bytes: 10_000_000 }))
            yield* ledger.append(nonEmpty(large.slice(4)))
          }),
        { maxBytes: 100_000 }
      )
      assert.deepStrictEqual(yield* seqsIn(here), Arr.range(1, 12))
    })
  )

  it.scopedLive("cuts a record that is too large for a message into parts", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const sizes = [10, 3_000_000, 10, 1_100_000, 2_500_000]
      const large = chained(sizes.map((size) => ({ message: "ä".repeat(size) })))
      yield* withLedger(here, (ledger) => ledger.append(nonEmpty(large)))
      const found = yield* linesIn(here)
      assert.deepStrictEqual(
        found.map(({ line }) => line),
        large.map(({ record }) => record.line)
      )
      assert.isAbove(yield* messages(here), 12)
      // Whoever opens it next goes on after it.
      const ends = yield* withLedger(here, (ledger) => ledger.ends("a"))
      assert.deepStrictEqual(ends, { first: large[0]!.record.line, last: large[4]!.record.line })
    })
  )

  it.scopedLive("begins a record again that was given up between its parts", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const { line, there } = yield* through(here)
      const large = chained([{ message: "first" }, { message: "x".repeat(3_500_000) }, { message: "last" }])
      const options = { timeout: "2 seconds", connection: { reconnectTimeWait: 10, reconnectJitter: 0 } } as const
      for (const bytes of [1_500_000, 2_500_000]) {
        // Each is another program, which knows nothing of the attempt before.
        yield* withLedger(
          there,
          (ledger) =>
            Effect.gen(function* () {
              yield* ledger.append(nonEmpty(large.slice(0, 1)))
              yield* line.cutAfter(bytes)
              assert.strictEqual((yield* Effect.flip(ledger.append(nonEmpty(large)))).reason, "Unavailable")
            }),
          options
        )
        assert.deepStrictEqual(yield* seqsIn(here), [1])
        const ends = yield* withLedger(here, (ledger) => ledger.ends("a"))
        assert.deepStrictEqual(ends, { first: large[0]!.record.line, last: large[0]!.record.line })
      }
      // And this one knows of it.
      yield* withLedger(
        there,
        (ledger) =>
          Effect.gen(function* () {
            yield* line.cutAfter(2_500_000)
            yield* Effect.flip(ledger.append(nonEmpty(large.slice(0, 2))))
            const before = yield* messages(here)
            yield* ledger.append(nonEmpty(large))
            // The parts that it had are known, and not stored again.
            assert.strictEqual((yield* messages(here)) - before, 3)
          }),
        options
      )
      assert.deepStrictEqual(
        (yield* linesIn(here)).map(({ line }) => line),
        large.map(({ record }) => record.line)
      )
    })
  )

  it.scopedLive("goes on where retention has removed what came before", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const removed = manage(here, async (jsm) => (await jsm.streams.info(here.stream)).state).pipe(
        Effect.repeat({ until: ({ messages }) => messages === 0, schedule: Schedule.spaced("100 millis") })
      )
      yield* withLedger(
        here,
        (ledger) =>
          Effect.gen(function* () {
            yield* ledger.append(part(1, 3))
            yield* removed
            yield* ledger.append(part(2, 5))
          }),
        { maxAge: "1 seconds" }
      )
      assert.deepStrictEqual(yield* seqsIn(here), [4, 5])
      yield* removed
      // As a spool does after a restart, for which nobody knows what is gone.
      yield* withLedger(here, (ledger) => ledger.append(part(6, 8)))
      assert.deepStrictEqual(yield* seqsIn(here), [6, 7, 8])
    })
  )

  it.scopedLive("says where the stream has lost what it had acknowledged", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* withLedger(here, (ledger) =>
        Effect.gen(function* () {
          yield* ledger.append(part(1, 3))
          yield* manage(here, (jsm) => jsm.streams.delete(here.stream))
          assert.strictEqual((yield* Effect.flip(ledger.append(part(4, 5)))).reason, "Unavailable")
          yield* makeStream(here)
          const error = yield* Effect.flip(ledger.append(part(4, 5)))
          assert.strictEqual(error.reason, "Missing")
          assert.match(error.message, /from seq 1 to 3, unless the stream has lost them or was made anew/)
        })
      )
    })
  )

  it.scopedLive("says where somebody else publishes to the subject of the instance", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* withLedger(here, (ledger) =>
        Effect.gen(function* () {
          yield* ledger.append(part(1, 3))
          yield* publish(here, "a", "hello")
          const error = yield* Effect.flip(ledger.append(part(4, 5)))
          assert.strictEqual(error.reason, "Forked")
          assert.include(error.message, `somebody else publishes to '${here.subject}.a'`)
          assert.include(error.message, "sequence number 2")
        })
      )
    })
  )
})

describe("the stream", () => {
  it.scopedLive("is made append-only by whoever is first, and kept as it is by the others", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* Effect.forEach(
        [1, 2, 3, 4],
        (number) => withLedger(here, () => Effect.void, { maxBytes: number * 1000 }),
        {
          concurrency: "unbounded"
        }
      )
      const { config } = yield* manage(here, (jsm) => jsm.streams.info(here.stream))
      assert.deepInclude(config, {
        storage: StorageType.File,
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.New,
        deny_delete: true,
        deny_purge: true,
        num_replicas: 1,
        max_age: 0
      })
      assert.include([1000, 2000, 3000, 4000], config.max_bytes)
    })
  )

  it.scopedLive("is not made where it is not to be", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const error = yield* Effect.flip(withLedger(here, () => Effect.void, { manage: false }))
      assert.strictEqual(error.reason, "Misconfigured")
      assert.match(error.message, /there is no such stream/)
      assert.match((yield* Effect.flip(linesIn(here))).message, /there is no such stream/)
    })
  )

  const losing: ReadonlyArray<readonly [string, Partial<StreamConfig>, RegExp]> = [
    ["drops the oldest", { max_bytes: 100_000 }, /discard policy 'new'/],
    ["drops the oldest by number", { max_msgs: 1000 }, /discard policy 'new'/],
    [
      "drops the oldest of each instance",
      { max_msgs_per_subject: 10, discard: DiscardPolicy.New },
      /max_msgs_per_subject/
    ],
    ["is kept in memory", { storage: StorageType.Memory }, /storage 'file'/],
    ["removes what was read", { retention: RetentionPolicy.Workqueue }, /retention 'workqueue'/],
    ["removes what nobody reads", { retention: RetentionPolicy.Interest }, /retention 'interest'/],
    ["acknowledges nothing", { no_ack: true }, /no_ack/]
  ]
  for (const [what, config, sentence] of losing) {
    it.scopedLive(`is refused where it ${what}`, () =>
      Effect.gen(function* () {
        const here = yield* newStream()
        yield* makeStream(here, config)
        const error = yield* Effect.flip(withSink(here, () => Effect.void))
        assert.strictEqual(error.reason, "Misconfigured")
        assert.match(error.message, sentence)
      })
    )
  }

  it.scopedLive("is refused where it does not hold the subject", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* makeStream(here, { subjects: [`${here.subject}.web.*`] })
      for (const instance of ["web", "web.1.2", "other"]) {
        const error = yield* Effect.flip(withSink(here, () => Effect.void, { instance }))
        assert.include(error.message, `does not hold '${here.subject}.${instance}'`)
      }
      yield* withSink(here, (sink) => sink.write(records(1, 2)), { instance: "web.1" }).pipe(quiet)
      const other = { ...here, stream: `${here.stream}_other` }
      const error = yield* Effect.flip(withSink(other, () => Effect.void))
      assert.match(error.message, /another stream holds the subjects/)
    }).pipe(quiet)
  )

  it.scopedLive("is read as it is, in its order and to its end", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      const chains = ["a", "b"].map((instance) =>
        chained(
          Arr.makeBy(300, () => ({})),
          instance
        )
      )
      yield* withLedger(here, (ledger) =>
        Effect.forEach(Arr.range(0, 99), (at) =>
          Effect.forEach(chains, (chain) => ledger.append(nonEmpty(chain.slice(at * 3, at * 3 + 3))))
        )
      )
      yield* publish(here, "b", "hello\nworld\n")
      yield* publish(here, "x y".replace(" ", "ü"), "{}")
      const expected = Arr.range(0, 99).flatMap((at) =>
        chains.flatMap((chain) => chain.slice(at * 3, at * 3 + 3).map(({ instance, seq }) => `${instance} ${seq}`))
      )
      const found = yield* linesIn(here)
      assert.deepStrictEqual(
        found.map(({ instance, line }) => {
          const head = AuditChain.headOf(line)
          return `${instance} ${head._tag === "Some" ? head.value.seq : line}`
        }),
        [...expected, "b hello", "b world", `${here.subject}.xüy {}`]
      )
      assert.deepStrictEqual(
        found.slice(0, 7).map(({ sequence }) => sequence),
        [1, 1, 1, 2, 2, 2, 3]
      )
    })
  )

  it.scopedLive("is read to its end where nothing is in it, or nothing of ours", () =>
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* makeStream(here, { subjects: [`${here.subject}.>`, `${here.subject}_other`] })
      assert.deepStrictEqual(yield* linesIn(here), [])
      yield* manage(here, (jsm) => jsm.jetstream().publish(`${here.subject}_other`, "hello"))
      assert.deepStrictEqual(yield* linesIn(here), [])
      yield* withSink(here, (sink) => sink.write(records(1, 1)))
      yield* manage(here, (jsm) => jsm.jetstream().publish(`${here.subject}_other`, "hello"))
      assert.strictEqual((yield* linesIn(here)).length, 3)
    }).pipe(quiet)
  )
})
