/** What `registrar audit` does with a store, shown for each database in the same way. */
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { Clock, Deferred, Duration, Effect, Fiber, Layer, Schedule, type Scope, Stream } from "effect"
import fc from "fast-check"
import * as AuditChain from "../../src/AuditChain.js"
import type * as AuditRecord from "../../src/AuditRecord.js"
import * as SqlSink from "../../src/AuditSink/Sql.js"
import * as AuditStore from "../../src/AuditStore.js"
import * as Cli from "../../src/Cli.js"
import { type OutputError, Standard } from "../../src/Cli/Standard.js"
import { publicPem, recordOf, type Trail, trail } from "./fleets.js"
import type { Database } from "./sqlDatabases.js"
import { asOwner, storedOf } from "./storeAttacks.js"

// Running

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

interface Options {
  readonly isTerminal?: boolean
  readonly onOutput?: (out: string) => Effect.Effect<void, OutputError>
  readonly onError?: (err: string) => Effect.Effect<void>
}

export const run = (
  args: ReadonlyArray<string>,
  { isTerminal = false, onError = () => Effect.void, onOutput = () => Effect.void }: Options = {}
): Effect.Effect<Ran> =>
  Effect.gen(function* () {
    let out = ""
    let err = ""
    const columns = () => 100
    const code = yield* Cli.run(["node", "registrar", "audit", ...args]).pipe(
      Effect.provideService(Standard, {
        stdin: Stream.empty,
        stdout: { isTerminal, columns, write: (text) => Effect.suspend(() => onOutput((out += text))) },
        stderr: { isTerminal, columns, write: (text) => Effect.suspend(() => onError((err += text))) }
      }),
      Effect.provide(NodeContext.layer)
    )
    return { code, out, err }
  })

const real = Clock.make()

/** The clock, changed in some ways. */
export const clockWith = (changes: Partial<Clock.Clock>): Clock.Clock => ({
  ...real,
  unsafeCurrentTimeMillis: () => real.unsafeCurrentTimeMillis(),
  unsafeCurrentTimeNanos: () => real.unsafeCurrentTimeNanos(),
  sleep: (duration) => real.sleep(duration),
  ...changes
})

/** Nobody waits for the next second. */
const quick = clockWith({
  sleep: (duration) => real.sleep(Duration.lessThanOrEqualTo(duration, "1 second") ? Duration.millis(5) : duration)
})

/** Follows until `isEnough` of what was printed, while `meanwhile` goes on from the first output. */
export const follow = <E, R>(
  args: ReadonlyArray<string>,
  isEnough: (lines: ReadonlyArray<string>) => boolean,
  meanwhile: Effect.Effect<unknown, E, R>,
  onError?: (err: string) => Effect.Effect<void>
) =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const ended = yield* Deferred.make<void>()
    let lines: ReadonlyArray<string> = []
    const onOutput = (out: string) =>
      Effect.gen(function* () {
        lines = out.trimEnd().split("\n")
        yield* Deferred.succeed(begun, undefined)
        if (isEnough(lines)) yield* Deferred.succeed(ended, undefined)
      })
    const fiber = yield* Effect.fork(
      Effect.withClock(
        run(["tail", "-f", "--json", ...args], { onOutput, ...(onError === undefined ? {} : { onError }) }),
        quick
      )
    )
    yield* Deferred.await(begun)
    yield* meanwhile
    yield* Effect.raceFirst(Deferred.await(ended), Fiber.join(fiber))
    yield* Fiber.interrupt(fiber)
    return lines
  })

export const linesOf = (out: string) => (out === "" ? [] : out.trimEnd().split("\n"))

// Stores

export interface Place {
  readonly address: string
  readonly database: Database
}

/** Stores these trails, one batch of all of them after the other. */
export const store = ({ database }: Place, ...trails: ReadonlyArray<Trail>) =>
  inStore(
    database,
    Effect.gen(function* () {
      const store = yield* AuditStore.AuditStore
      for (const trail of trails) yield* store.append(storedOf(trail))
    })
  )

export const inStore = <A, E>(
  database: Database,
  body: Effect.Effect<A, E, AuditStore.AuditStore | SqlClient.SqlClient>
) => Effect.provide(body, Layer.provideMerge(SqlSink.layerStore(), database))

/** The trail of these records and no others. */
export const chainOf = (name: string, records: ReadonlyArray<AuditRecord.AuditRecord>): Trail => {
  let head = AuditChain.genesis
  return {
    name,
    lines: records.map(({ line }) => {
      const linked = AuditChain.link(head, line)
      head = linked.head
      return linked.line
    })
  }
}

const web1 = trail("web-1", [30], true)
const web2 = trail("web-2", [30], true)

// Filters

const texts = fc.constantFrom(
  "ada",
  "bob",
  "Ada",
  "a_b%c",
  "[a]*?",
  "\0",
  "\ud800",
  "ü",
  "x".repeat(300),
  "x".repeat(301)
)
const typeNames = [
  "auth-login",
  "auth-login-failed",
  "auth-logout",
  "AUTH-login",
  "keys_read",
  "keysXread",
  `${"long-".repeat(100)}end`
]
const types = fc.constantFrom(...typeNames)
const patterns = ["auth-*", "*", "*-login*", "a*n", "keys_*", "long-*", "*end", "long-*end", `${"long-".repeat(30)}*`]
/** In one order for all, so that files have them as a store gives them out. */
const contents = fc.array(
  fc.record({
    level: fc.constantFrom("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    message: texts,
    type: types,
    user: texts,
    requestId: texts
  }),
  { minLength: 1, maxLength: 40 }
)
/** What can be given on a command line. */
const given = (texts: fc.Arbitrary<string>) => texts.filter((text) => /^[^\0\ud800]*$/.test(text))
const option = (name: string, value: fc.Arbitrary<string>) =>
  fc.oneof(
    { arbitrary: fc.constant<ReadonlyArray<string>>([]), weight: 3 },
    { arbitrary: value.map((value) => [`--${name}`, value]), weight: 1 }
  )
const filters = fc
  .tuple(
    option("type", fc.oneof(types, fc.constantFrom(...patterns, "[a]*"))),
    option("type", types),
    option("level", fc.constantFrom("debug", "info", "warning", "error", "fatal")),
    option("user", given(texts)),
    option("request", given(texts)),
    option(
      "since",
      fc.integer({ min: 0, max: 40 }).map((nth) => recordOf(nth).date)
    ),
    option(
      "until",
      fc.integer({ min: 0, max: 40 }).map((nth) => recordOf(nth).date)
    ),
    option("grep", fc.constantFrom("ada", "login", '"seq":1', "%", "nothing"))
  )
  .map((options) => options.flat())

export const describeStoreCli = (name: string, place: Effect.Effect<Place, never, Scope.Scope>) => {
  const shows = <E>(
    what: string,
    body: (place: Place, folder: string) => Effect.Effect<void, E, FileSystem.FileSystem | Scope.Scope>
  ) =>
    it.scopedLive(
      what,
      () =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          yield* body(yield* place, yield* fs.makeTempDirectoryScoped())
        }).pipe(Effect.provide(NodeContext.layer)),
      60_000
    )

  describe(`audit verify of a store in ${name}`, () => {
    shows("shows all instances", (place, folder) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* store(place, web2, web1)
        const key = `${folder}/key.pem`
        yield* fs.writeFileString(key, publicPem)
        const { code, err, out } = yield* run(["verify", place.address, "--key", key, "--expect", "web-1"])
        const [head, ...table] = out.split("\n")
        assert.match(head!, / is valid$/)
        const seals = web1.lines.filter(AuditChain.isSeal).length
        assert.strictEqual(
          table.join("\n"),
          `
  records          ${2 * web1.lines.length}
  instances        2

  instance         records  sequence  sealed
  web-1     valid  ${web1.lines.length}       1 to ${web1.lines.length}   up to seq ${web1.lines.length - 1} (${seals} seals)
  web-2     valid  ${web1.lines.length}       1 to ${web1.lines.length}   up to seq ${web1.lines.length - 1} (${seals} seals)
`
        )
        assert.deepStrictEqual({ code, err }, { code: 0, err: "" })
        const unchecked = yield* run(["verify", place.address])
        assert.include(unchecked.out, `not checked: give the public key with --key (${2 * seals} seals)`)
        const json = yield* run(["verify", place.address, "--json"])
        assert.deepInclude(JSON.parse(json.out), { valid: true, records: 2 * web1.lines.length, problems: [] })
        assert.deepInclude(JSON.parse(json.out).instances[0], { instance: "web-1", first: 1, seals, doubled: 0 })
      })
    )

    shows("names every problem, and ends with 1", (place, folder) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        yield* store(place, web1, web2)
        yield* inStore(
          place.database,
          asOwner(
            Effect.flatMap(SqlClient.SqlClient, (sql) =>
              Effect.all([
                sql`UPDATE audit_records SET user_name = 'somebody' WHERE instance = 'web-1' AND seq = 7`,
                sql`DELETE FROM audit_records WHERE instance = 'web-2' AND seq > 9`
              ])
            )
          )
        )
        const seals = `${folder}/seals.jsonl`
        yield* fs.writeFileString(seals, web2.lines.filter(AuditChain.isSeal).join("\n") + "\n")
        const { code, out } = yield* run(["verify", place.address, "--expect", "web-3", "--expect", "web-1"])
        assert.strictEqual(code, 1)
        for (const text of [
          " is not valid\n\n  web-1, seq 7:\n  Of the record with the seq 7 of 'web-1', the column user_name says otherwise",
          "  web-2, seq 10:\n  The records of 'web-2' end with the seq 9, but the store took in those up to seq ",
          "  web-3:\n  There is no record of 'web-3', which must be there\n",
          "  web-1     not valid  "
        ]) {
          assert.include(out, text)
        }
        const json = yield* run(["verify", place.address, "--seals", seals, "--json"])
        assert.strictEqual(json.code, 1)
        const { problems, valid } = JSON.parse(json.out)
        assert.isFalse(valid)
        assert.deepStrictEqual(
          problems.map(({ instance, reason }: { instance: string; reason: string }) => [instance, reason]),
          [
            ["web-1", "ColumnMismatch"],
            ["web-2", "Cut"],
            ["web-2", "Cut"],
            [null, "SealNotFound"]
          ]
        )
      })
    )

    shows("makes and changes nothing, also where there are no tables", (place) =>
      Effect.gen(function* () {
        yield* Effect.provide(
          Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE somebody (id INTEGER)`),
          place.database
        )
        for (const args of [["verify"], ["tail"], ["stats"], ["export", "--format", "csv"]]) {
          const { code, err, out } = yield* run([...args, place.address])
          assert.deepStrictEqual({ code, out }, { code: 2, out: "" })
          assert.include(err, "its tables are missing or old: run the migrations")
        }
        yield* Effect.provide(
          Effect.flatMap(SqlClient.SqlClient, (sql) =>
            Effect.flatMap(Effect.exit(sql`SELECT * FROM audit_migrations`), (exit) =>
              Effect.sync(() => assert.strictEqual(exit._tag, "Failure"))
            )
          ),
          place.database
        )
      })
    )
  })

  describe(`records of a store in ${name}`, () => {
    shows("are those that a file with the same records gives, through all filters", (place, folder) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const samples = fc.sample(contents, { numRuns: 3, seed: 5 })
        const records = samples.flat().map(({ level, message, requestId, type, user }, nth) =>
          recordOf(nth, {
            level: level as AuditRecord.Contents["level"],
            message,
            event: { type, details: { user, ip: "10.0.0.1" }, requestId }
          })
        )
        const log = chainOf("web-1", records)
        const file = `${folder}/audit.log.jsonl`
        yield* fs.writeFileString(file, log.lines.map((line) => line + "\n").join(""))
        yield* store(place, log)
        const commands = [
          ["tail", "--json", "-n", "7"],
          ["export", "--format", "jsonl"],
          ["export", "--format", "csv"],
          ["stats", "--json"]
        ]
        let found = 0
        for (const [nth, filter] of fc.sample(filters, { numRuns: 80, seed: 3 }).entries()) {
          const [command, ...rest] = commands[nth % commands.length]!
          const expected = yield* run([command!, file, ...rest, ...filter])
          assert.deepStrictEqual(yield* run([command!, place.address, ...rest, ...filter]), expected, filter.join(" "))
          if (command === "tail" && expected.out !== "") found++
        }
        assert.isAbove(found, 6)
        for (const type of [...patterns, ...typeNames]) {
          const [shown, expected] = yield* Effect.forEach([place.address, file], (from) =>
            run(["tail", from, "--json", "-n", "1000", "--type", type])
          )
          assert.deepStrictEqual(shown, expected, type)
          if (type.startsWith("long-") || type.startsWith("*")) assert.notStrictEqual(shown?.out, "", type)
        }
      })
    )

    shows("are those of one instance, in the order of its chain, as a log that can be verified", (place, folder) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        // Its clock went back.
        const back = chainOf(
          "back",
          [9, 8, 7, 1, 2, 3].map((nth) => recordOf(nth))
        )
        yield* store(place, web1, back)
        const output = `${folder}/back.jsonl`
        const exported = ["export", place.address, "--format", "jsonl", "--output", output]
        assert.strictEqual((yield* run([...exported, "--instance", "back"])).code, 0)
        assert.strictEqual(yield* fs.readFileString(output), back.lines.map((line) => line + "\n").join(""))
        assert.strictEqual((yield* run(["verify", output])).code, 0)

        const tail = yield* run(["tail", place.address, "--instance", "web-1", "-n", "2", "--json"])
        assert.deepStrictEqual(linesOf(tail.out), web1.lines.slice(-2))
        assert.strictEqual((yield* run(["tail", place.address, "--instance", "web", "-n", "2"])).out, "")
        const refused = yield* run(["tail", output, "--instance", "back"])
        assert.deepStrictEqual([refused.code, refused.out], [2, ""])
        assert.include(refused.err, "--instance is for stores and streams")
      })
    )

    shows("are shown with their instance, the last ones at the end", (place) =>
      Effect.gen(function* () {
        yield* store(place, chainOf("a", [recordOf(1), recordOf(3)]), chainOf("b", [recordOf(2), recordOf(4)]))
        const { out } = yield* run(["tail", place.address, "-n", "3"])
        assert.deepStrictEqual(
          linesOf(out).map((line) => /Event (\d).*\[instance=(\w) /.exec(line)?.slice(1)),
          [
            ["2", "b"],
            ["3", "a"],
            ["4", "b"]
          ]
        )
        assert.strictEqual((yield* run(["tail", place.address, "-n", "0"])).out, "")
        assert.lengthOf(linesOf((yield* run(["tail", place.address])).out), 4)
        // More than one page is looked through.
        yield* store(place, trail("c", [1500]))
        const grep = yield* run(["tail", place.address, "--grep", "Event 3 has", "--json", "--instance", "a"])
        assert.lengthOf(linesOf(grep.out), 1)
        assert.lengthOf(linesOf((yield* run(["tail", place.address, "-n", "2000", "--json"])).out), 1506)
      })
    )

    shows("are followed, each once: also of a new instance, and with an earlier date", (place) =>
      Effect.gen(function* () {
        const old = chainOf("old", [recordOf(100), recordOf(101), recordOf(5), recordOf(6)])
        const fresh = chainOf("fresh", [recordOf(1), recordOf(2)])
        const unwanted = chainOf("unwanted", [recordOf(3, { event: { type: "other", details: {} } })])
        yield* store(place, { ...old, lines: old.lines.slice(0, 2) })
        const lines = yield* follow(
          [place.address, "-n", "1", "--type", "test-*"],
          (lines) => lines.length >= 5,
          inStore(
            place.database,
            Effect.gen(function* () {
              const store = yield* AuditStore.AuditStore
              yield* store.append(storedOf(unwanted))
              yield* store.append(storedOf(old))
              yield* store.append(storedOf(fresh))
            })
          )
        )
        assert.strictEqual(lines[0], old.lines[1])
        assert.sameMembers(lines.slice(1), [...old.lines.slice(2), ...fresh.lines])
        // Each chain keeps its order.
        assert.isBelow(lines.indexOf(old.lines[2]!), lines.indexOf(old.lines[3]!))
      })
    )

    shows("are followed while several programs write", (place) =>
      Effect.gen(function* () {
        const trails = ["a", "b", "c"].map((name) => trail(name, [120]))
        const all = trails.flatMap(({ lines }) => lines)
        yield* store(place, ...trails.map(({ lines, name }) => ({ name, lines: lines.slice(0, 2) })))
        const write = Effect.forEach(
          trails,
          (trail) =>
            inStore(
              place.database,
              Effect.gen(function* () {
                const store = yield* AuditStore.AuditStore
                for (let at = 2; at < trail.lines.length; at += 7) {
                  yield* store.append(storedOf({ ...trail, lines: trail.lines.slice(at, at + 7) }))
                  yield* Effect.sleep(0)
                }
                // SQLite lets one of them write.
              }).pipe(Effect.retry({ schedule: Schedule.recurs(20) }))
            ),
          { concurrency: "unbounded" }
        )
        const lines = yield* follow([place.address, "-n", "1000"], (lines) => lines.length >= all.length, write)
        assert.strictEqual(new Set(lines).size, lines.length)
        assert.sameMembers([...lines], all)
        for (const { lines: own } of trails) {
          assert.deepStrictEqual(
            lines.filter((line) => own.includes(line)),
            own
          )
        }
      })
    )

    shows("are shown while a database is damaged", (place) =>
      Effect.gen(function* () {
        yield* store(place, web1)
        yield* inStore(
          place.database,
          asOwner(
            Effect.flatMap(
              SqlClient.SqlClient,
              (sql) => sql`UPDATE audit_records SET line = 'nonsense' WHERE instance = 'web-1' AND seq = 9`
            )
          )
        )
        const exported = yield* run(["export", place.address, "--instance", "web-1", "--format", "jsonl"])
        assert.deepStrictEqual(linesOf(exported.out), web1.lines.toSpliced(8, 1))
        assert.strictEqual(exported.err, "1 line is no audit record, and left out\n")
        // What a query finds is told on the standard error, and the others are shown.
        const stats = yield* run(["stats", place.address, "--json"])
        assert.strictEqual(stats.code, 0)
        assert.strictEqual(JSON.parse(stats.out).records, web1.lines.length - 1)
        assert.match(
          stats.err,
          /^1 records are left out of an answer: .*a record of 'web-1' is damaged: verify the store\n$/
        )
        assert.strictEqual((yield* run(["verify", place.address])).code, 1)
      })
    )
  })
}
