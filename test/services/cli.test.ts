/** `registrar audit` with PostgreSQL and NATS. */
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { resolve } from "node:path"
import type { AuditRecord } from "../../src/AuditRecord.js"
import * as AuditStore from "../../src/AuditStore.js"
import { nonEmpty } from "../support/chains.js"
import { forged, recordOf, trail } from "../support/fleets.js"
import { type Here, linesIn, makeStream, manage, newStream, withSink } from "../support/natsStreams.js"
import { databaseUrl, natsUrl } from "../support/services.js"
import { connected, schema, schemaUrl } from "../support/sqlDatabases.js"
import { storedOf } from "../support/storeAttacks.js"
import { describeStoreCli, follow, inStore, linesOf, type Place, run, store } from "../support/storeCli.js"
import * as Proxy from "../support/tcpProxy.js"

const inPostgres: Effect.Effect<Place, never, Scope.Scope> = Effect.map(schema, (name) => {
  const address = schemaUrl(name)
  return { address, database: connected(address) }
})

describeStoreCli("PostgreSQL", inPostgres)

const shows = <E>(what: string, body: Effect.Effect<void, E, FileSystem.FileSystem | Scope.Scope>) =>
  it.scopedLive(what, () => Effect.provide(body, NodeContext.layer), 60_000)

describe("audit in PostgreSQL", () => {
  shows(
    "follows while the database is away, and says so once",
    Effect.gen(function* () {
      const place = yield* inPostgres
      const all = trail("web-1", [30])
      yield* store(place, { ...all, lines: all.lines.slice(0, 5) })
      const url = new URL(databaseUrl)
      const proxy = yield* Proxy.make({ host: url.hostname, port: Number(url.port || 5432) })
      const address = place.address.replace(url.host, `127.0.0.1:${proxy.port}`)
      const told = yield* Deferred.make<void>()
      let notes = ""
      const lines = yield* follow(
        [address, "-n", "3"],
        (lines) => lines.includes(all.lines.at(-1)!),
        Effect.gen(function* () {
          yield* proxy.refuse
          yield* Deferred.await(told)
          yield* inStore(
            place.database,
            Effect.flatMap(AuditStore.AuditStore, (store) => store.append(storedOf(all)))
          )
          yield* proxy.mend
        }),
        (err) =>
          Effect.zipRight(
            Effect.sync(() => void (notes = err)),
            Deferred.succeed(told, undefined)
          )
      )
      assert.deepStrictEqual(lines, all.lines.slice(2))
      assert.match(notes, /^'postgres:\/\/127\.0\.0\.1:\d+\/\w+' cannot be read now, and is tried again: .+\n$/)
    })
  )

  shows(
    "says what is wrong, and shows no password",
    Effect.gen(function* () {
      const url = new URL(databaseUrl)
      const cases = [
        [`postgres://nobody:s3cret@${url.host}/test`, "it does not let this user in"],
        [`postgres://${url.username}:s3cret@${url.host}/no_such_database`, "there is no such database"],
        [`postgres://${url.username}:s3cret@127.0.0.1:1/test`, "it cannot be reached"]
      ] as const
      for (const [address, message] of cases) {
        const { code, err, out } = yield* run(["verify", address])
        assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
        assert.include(err, message)
        assert.notInclude(err, "s3cret")
      }
    })
  )

  shows(
    "ends with 130 on Ctrl-C",
    Effect.gen(function* () {
      const place = yield* inPostgres
      yield* store(place, trail("web-1", [3]))
      yield* Effect.promise(async () => {
        const args = ["--import", "tsx", resolve("src/bin.ts"), "audit", "tail", "-f", place.address]
        const following = spawn(process.execPath, args)
        let err = ""
        following.stderr.on("data", (data) => (err += data))
        following.stdout.once("data", () => following.kill("SIGINT"))
        const [code] = await once(following, "close")
        assert.deepStrictEqual({ code, err }, { code: 130, err: "" })
      })
    })
  )
})

// NATS

const addressOf = ({ stream, subject }: Here) => `${natsUrl}/${stream}?prefix=${subject}`

const write = (here: Here, instance: string, records: ReadonlyArray<AuditRecord>) =>
  withSink(
    here,
    (sink) =>
      Effect.forEach(Arr.chunksOf(records, 7), (batch) => Effect.zipRight(sink.write(nonEmpty(batch)), sink.sync)),
    { instance }
  )

const events = (from: number, to: number) => Arr.map(Arr.range(from, to), (nth) => recordOf(nth))

/** Publishes what is at these places once more, as somebody who has no regard for the chain. */
const publishAgain = (here: Here, change: (data: string) => string, ...places: ReadonlyArray<number>) =>
  manage(here, async (jsm) => {
    for (const seq of places) {
      const found = await jsm.streams.getMessage(here.stream, { seq })
      const headers = found!.header
      headers.delete("Nats-Msg-Id")
      headers.delete("Nats-Expected-Stream")
      headers.delete("Nats-Expected-Last-Subject-Sequence")
      await jsm.jetstream().publish(found!.subject, change(new TextDecoder().decode(found!.data)), { headers })
    }
  })

const reasonsIn = (out: string) =>
  JSON.parse(out).problems.map(({ instance, reason }: { instance: string; reason: string }) => [instance, reason])

describe("audit of a stream in NATS", () => {
  shows(
    "verifies all instances, and misses those that are not there",
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* write(here, "web-1", events(1, 30))
      yield* write(here, "web-2", events(1, 20))
      const { code, err, out } = yield* run(["verify", addressOf(here), "--expect", "web-1"])
      assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
      assert.match(out, /is valid\n\n {2}records {10}54\n {2}instances {8}2\n/)
      assert.match(out, /\n {2}web-1 +valid {2}32 +1 to 32 +no seals\n/)
      const missing = yield* run(["verify", addressOf(here), "--expect", "web-3", "--json"])
      assert.strictEqual(missing.code, 1)
      assert.deepStrictEqual(reasonsIn(missing.out), [["web-3", "Absent"]])
    })
  )

  shows(
    "counts what was delivered again, and finds forks, gaps and what is none of it",
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* makeStream(here)
      yield* write(here, "web-1", events(1, 30))
      const messages = yield* manage(here, async (jsm) => (await jsm.streams.info(here.stream)).state.last_seq)
      yield* publishAgain(here, (data) => data, messages - 1, messages)
      const again = yield* run(["verify", addressOf(here)])
      assert.strictEqual(again.code, 0, again.out)
      assert.match(again.out, /\n {2}delivered again {2}\d+\n/)

      yield* publishAgain(here, (data) => data.trimEnd().split("\n").map(forged).join("\n") + "\n", messages - 1)
      const fork = yield* run(["verify", addressOf(here), "--json"])
      assert.deepStrictEqual([fork.code, reasonsIn(fork.out)], [1, [["web-1", "Forked"]]])

      yield* manage(here, (jsm) => jsm.streams.deleteMessage(here.stream, 2))
      const gap = yield* run(["verify", addressOf(here), "--json"])
      assert.deepStrictEqual([gap.code, reasonsIn(gap.out)], [1, [["web-1", "Missing"]]])

      yield* publishAgain(here, () => "hello", messages)
      assert.strictEqual((yield* run(["verify", addressOf(here)])).code, 1)
    })
  )

  shows(
    "misses the beginning, unless the stream removes what is old",
    Effect.gen(function* () {
      for (const [config, problems] of [
        [{}, [["web-1", "Missing"]]],
        [{ max_age: 3_600_000_000_000 }, []]
      ] as const) {
        const here = yield* newStream()
        yield* makeStream(here, config)
        yield* write(here, "web-1", events(1, 30))
        yield* manage(here, (jsm) => jsm.streams.purge(here.stream, { seq: 3 }))
        assert.deepStrictEqual(reasonsIn((yield* run(["verify", addressOf(here), "--json"])).out), problems)
      }
    })
  )

  shows(
    "shows its records, the last ones and all, through filters",
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* write(here, "web-1", events(1, 30))
      yield* write(here, "web-2", events(31, 60))
      const stored = yield* linesIn(here)
      const of = (instance: string) => stored.filter((each) => each.instance === instance).map(({ line }) => line)
      const tail = (...args: ReadonlyArray<string>) =>
        Effect.map(run(["tail", addressOf(here), "--json", ...args]), ({ out }) => linesOf(out))
      assert.deepStrictEqual(yield* tail("-n", "3"), of("web-2").slice(-3))
      assert.deepStrictEqual(yield* tail("-n", "3", "--instance", "web-1"), of("web-1").slice(-3))
      assert.deepStrictEqual(yield* tail("-n", "0"), [])
      assert.deepStrictEqual(
        yield* tail("-n", "1000"),
        stored.map(({ line }) => line)
      )
      assert.lengthOf(yield* tail("--user", "user-1", "-n", "1000"), 20)
      assert.lengthOf(yield* tail("--grep", "Event 7 has"), 1)
      const exported = yield* run(["export", addressOf(here), "--instance", "web-1", "--format", "jsonl"])
      assert.deepStrictEqual(linesOf(exported.out), of("web-1"))
      const stats = yield* run(["stats", addressOf(here), "--json", "--type", "test-*"])
      assert.strictEqual(JSON.parse(stats.out).records, 60)
    })
  )

  shows(
    "follows it",
    Effect.gen(function* () {
      const here = yield* newStream()
      yield* write(here, "web-1", events(1, 5))
      const lines = yield* follow(
        [addressOf(here), "-n", "1", "--type", "test-*"],
        (lines) => lines.length >= 13,
        // Larger than a message may be: it comes in parts.
        write(here, "web-2", [...events(6, 16), recordOf(17, { message: "x".repeat(3_000_000) })])
      )
      const stored = (yield* linesIn(here)).map(({ line }) => line).filter((line) => line.includes('"test-event"'))
      assert.deepStrictEqual(lines, stored.slice(4))
    })
  )

  shows(
    "says what is wrong, and shows no password",
    Effect.gen(function* () {
      const url = new URL(natsUrl)
      const here = yield* newStream()
      const cases = [
        [addressOf(here), "there is no such stream"],
        [`nats://me:s3cret@${url.hostname}:1/AUDIT`, "it cannot be reached"],
        [`nats://${url.host}/A.B`, "'stream' has letters"],
        [`nats://${url.host}/A?creds=/no/such/s3cret-file`, "cannot be read"]
      ] as const
      for (const [address, message] of cases) {
        const { code, err, out } = yield* run(["verify", address])
        assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
        assert.include(err, message)
      }
      const refused = yield* run(["tail", `nats://me:s3cret@${url.hostname}:1/AUDIT`])
      assert.notInclude(refused.err, "s3cret")
    })
  )
})
