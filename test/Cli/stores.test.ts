import { Command } from "@effect/cli"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Chunk,
  Effect,
  Either,
  Fiber,
  Layer,
  Option,
  Redacted,
  type Scope,
  Stream,
  TestClock
} from "effect"
import fc from "fast-check"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import ts from "typescript"
import * as Cli from "../../src/Cli.js"
import * as Address from "../../src/Cli/Address.js"
import * as AuditStore from "../../src/AuditStore.js"
import type { Filter } from "../../src/Cli/Filter.js"
import { tail } from "../../src/Cli/SqlStore.js"
import { load } from "../../src/Cli/Driver.js"
import { headOf, recordOf, type Trail, trail } from "../support/fleets.js"
import { storedOf } from "../support/storeAttacks.js"
import { chainOf, clockWith, describeStoreCli, inStore, type Place, run, store } from "../support/storeCli.js"

const inSqlite: Effect.Effect<Place & { readonly filename: string; readonly folder: string }, never, Scope.Scope> =
  FileSystem.FileSystem.pipe(
    Effect.flatMap((fs) => fs.makeTempDirectoryScoped()),
    Effect.map((folder) => {
      const filename = `${folder}/audit.db`
      const database = Layer.orDie(SqliteClient.layer({ filename }))
      return { folder, filename, address: `sqlite:${filename}`, database }
    }),
    Effect.provide(NodeContext.layer),
    Effect.orDie
  )

describeStoreCli("SQLite", inSqlite)

describe("the file of a store", () => {
  it.scopedLive("is not made, and must be a database", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { address, filename, folder } = yield* inSqlite
      for (const args of [["verify"], ["tail", "-f"], ["stats"], ["export", "--format", "jsonl"]]) {
        const { code, err, out } = yield* run([...args, address])
        assert.deepStrictEqual({ code, err, out }, { code: 2, err: `There is no file '${filename}'\n`, out: "" })
      }
      assert.deepStrictEqual(yield* fs.readDirectory(folder), [])
      assert.include((yield* run(["verify", `sqlite:${folder}`])).err, "is no file")
      yield* fs.writeFileString(filename, "This is no database, and longer than nothing".repeat(100))
      const { code, err } = yield* run(["verify", address])
      assert.strictEqual(code, 2)
      assert.include(err, `'${address}' cannot be read: its file is damaged, or is no database`)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("is not changed, also where a program has ended in the middle of its work", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const place = yield* inSqlite
      const copy = `${place.folder}/copy.db`
      // What is ahead of the database is not yet in it, as long as somebody has it open.
      yield* inStore(
        place.database,
        Effect.gen(function* () {
          const store = yield* AuditStore.AuditStore
          yield* store.append(storedOf(trail("web-1", [3])))
          yield* fs.copyFile(place.filename, copy)
          yield* fs.copyFile(`${place.filename}-wal`, `${copy}-wal`)
        })
      )
      const files = Effect.forEach([copy, `${copy}-wal`], (file) => fs.readFile(file))
      const before = yield* files
      assert.isAbove(before[1]!.length, 0)
      const { code, out } = yield* run(["verify", `sqlite:${copy}`, "--expect", "web-1"])
      assert.strictEqual(code, 0, out)
      assert.deepStrictEqual(yield* files, before)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scopedLive("is read in each of its modes", () =>
    Effect.gen(function* () {
      const { filename } = yield* inSqlite
      const database = Layer.orDie(SqliteClient.layer({ filename, disableWAL: true }))
      yield* store({ address: "", database }, trail("web-1", [3]))
      assert.strictEqual((yield* run(["verify", `sqlite:${filename}`])).code, 0)
    })
  )

  it.scopedLive("is not written over", () =>
    Effect.gen(function* () {
      const place = yield* inSqlite
      yield* store(place, trail("web-1", [3]))
      for (const output of [place.filename, `${place.folder}/../${place.folder.split("/").at(-1)}/audit.db`]) {
        const { code, err } = yield* run(["export", place.address, "--format", "jsonl", "--output", output])
        assert.strictEqual(code, 2)
        assert.include(err, "is a part of the log")
      }
      assert.strictEqual((yield* run(["verify", place.address])).code, 0)
    })
  )

  it.scopedLive("is named in several ways", () =>
    Effect.gen(function* () {
      const place = yield* inSqlite
      yield* store(place, trail("web-1", [3]))
      for (const address of [`sqlite:${place.filename}`, `sqlite://${place.filename}`, `SQLITE:${place.filename}`]) {
        assert.strictEqual((yield* run(["verify", address])).code, 0, address)
      }
    })
  )
})

describe("addresses", () => {
  it.live("stand alone, and where they make sense", () =>
    Effect.gen(function* () {
      const cases = [
        [["verify", "sqlite:a.db", "b.jsonl"], "give the address of a store alone"],
        [["tail", "sqlite:a.db", "sqlite:b.db"], "give the address of a store alone"],
        [["tail"], "Give one log, or the address of one store"],
        [["tail", "a.jsonl", "b.jsonl"], "Give one log, or the address of one store"],
        [["verify", "a.jsonl", "--expect", "web-1"], "--expect is for stores and streams"],
        [["verify", "a.jsonl", "--seals", "sqlite:a.db"], "'sqlite:a.db' is no file"],
        [["verify", "sqlite:"], "has no path: give 'sqlite:PATH'"],
        [["verify", "mysql://db/audit"], "'mysql://db/audit' is no store that can be read"],
        [["verify", "nats://127.0.0.1:4222"], "names no stream: give 'nats://HOST:PORT/STREAM'"],
        [["stats", "postgres://[/x"], "'postgres://…' is no address"],
        [["stats", "postgres://me:12/secret@db/audit"], "'postgres://…' is no address: what has a meaning in addresses"]
      ] as const
      for (const [args, message] of cases) {
        const { code, err, out } = yield* run(args)
        assert.deepStrictEqual({ code, out }, { code: 2, out: "" }, args.join(" "))
        assert.include(err, message)
      }
    })
  )

  it.live("never show a password, whatever goes wrong", () =>
    Effect.gen(function* () {
      const addresses = [
        "postgres://me:s3cret@127.0.0.1:1/audit",
        "postgres://me:s3cret@127.0.0.1:1/audit?password=s3cret&sslmode=require",
        "postgresql://s3cret@127.0.0.1:1/",
        "postgres://me:s3cret@no-such-host.invalid/audit",
        "postgres://me:12/s3cret@127.0.0.1:1/audit",
        "postgres://me:12#s3cret@127.0.0.1:1/audit",
        "postgres://me:a?s3cret@127.0.0.1:1/audit",
        "postgres://me:%zz-s3cret@127.0.0.1:1/audit",
        "nats://s3cret@127.0.0.1:1/AUDIT",
        "nats://me:s3cret@127.0.0.1:1/AUDIT?prefix=audit",
        "tls://me:s3cret@127.0.0.1:1/AUDIT",
        "nats://me:s3cret@127.0.0.1:1/%zz",
        "mysql://me:s3cret@127.0.0.1:1/audit",
        "redis+tls://:s3cret@127.0.0.1:1"
      ]
      for (const address of addresses) {
        for (const args of [
          ["verify", address],
          ["tail", address],
          ["tail", address, "s3cond"],
          ["tail", "first", address, "--unknown"],
          ["stats", address, "--since", "never"],
          ["export", "--format", "csv", address],
          ["verify", "a.jsonl", address],
          ["verify", "a.jsonl", "--seals", address]
        ]) {
          const { code, err, out } = yield* run(args, { isTerminal: true })
          assert.strictEqual(code, 2, args.join(" "))
          assert.notInclude(out + err, "s3cret", args.join(" "))
        }
      }
    })
  )

  it("are shown without what lets anybody in", () => {
    const secret = fc.string({ unit: "grapheme-ascii", minLength: 6 }).map((text) => `~${text}~`)
    fc.assert(
      fc.property(secret, fc.boolean(), fc.constantFrom("postgres", "nats", "other"), (secret, isEncoded, scheme) => {
        const password = isEncoded ? encodeURIComponent(secret) : secret
        const text = `${scheme}://me:${password}@host/name?password=${encodeURIComponent(secret)}`
        assert.isTrue(Address.isAddress(text))
        const shown = [
          Address.show(text),
          Either.match(Address.parse(text), { onLeft: ({ message }) => message, onRight: ({ shown }) => shown }),
          JSON.stringify(Either.getOrUndefined(Address.parse(text)) ?? "")
        ]
        for (const each of shown) {
          assert.notInclude(each, password)
          assert.notInclude(each, secret)
        }
      })
    )
  })

  it("are parsed", () => {
    const parsed = (text: string) => Either.getOrThrow(Address.parse(text))
    const postgres = parsed("postgresql://me:pw@db:5433/audit?sslmode=require")
    assert.deepInclude(postgres, { _tag: "Postgres", shown: "postgresql://db:5433/audit" })
    assert.isTrue(
      postgres._tag === "Postgres" &&
        Redacted.value(postgres.url) === "postgresql://me:pw@db:5433/audit?sslmode=require"
    )
    const nats = parsed("nats://me:p%40w@n1:4222/AUDIT/?prefix=trail&creds=a.creds")
    assert.deepInclude(nats, {
      stream: "AUDIT",
      prefix: "trail",
      credentials: "a.creds",
      shown: "nats://n1:4222/AUDIT/"
    })
    assert.isTrue(nats._tag === "Nats" && Redacted.value(nats.server) === "nats://me:p%40w@n1:4222")
    for (const file of ["audit.log.jsonl", "./sqlite:a.db", "-", "/var/log/a:b", "C:\\logs\\audit"]) {
      assert.isFalse(Address.isAddress(file), file)
    }
  })
})

describe("the last records", () => {
  const [one, two] = [trail("one", [4]), trail("two", [4])]
  /** Its clock goes back. */
  const back = chainOf(
    "back",
    [2, 1, 0].map((nth) => recordOf(nth))
  )
  const records = [one, two, back].flatMap((trail) => storedOf(trail))
  const headAt = ({ lines, name }: Trail, seq: number) => headOf({ name, lines: lines.slice(0, seq) })
  const filter: Filter = {
    type: [],
    level: Option.none(),
    user: Option.none(),
    request: Option.none(),
    trace: Option.none(),
    instance: Option.none(),
    since: Option.none(),
    until: Option.none(),
    grep: Option.none()
  }

  /** A store that has all of it, and says that its chains go so far: one answer after the other. */
  const growing = (...answers: ReadonlyArray<ReadonlyArray<AuditStore.Instance>>): AuditStore.Service => {
    let asked = 0
    const unused = () => Effect.dieMessage("It is not asked for that")
    return {
      name: "test",
      instances: Effect.sync(() => answers[Math.min(asked++, answers.length - 1)]!),
      page: () => Effect.succeed({ records: records.toReversed(), next: undefined }),
      lines: ({ after = 0, instance } = {}) =>
        Stream.fromIterable(records).pipe(
          Stream.filter((record) => record.instance === instance && record.seq > after),
          Stream.map(({ instance, record, seq }) => ({ instance, seq, line: record.line, differing: [] }))
        ),
      stream: () => Stream.fromEffect(unused()),
      chain: () => Stream.fromEffect(unused()),
      ends: unused,
      append: unused
    }
  }

  const shown = (store: AuditStore.Service, count: number) =>
    tail(store, "test", { filter, lines: 5, isFollowing: true }).pipe(
      Stream.mapConcat((entries) => entries),
      Stream.map((entry) => (entry._tag === "Record" ? [entry.instance, entry.record.line] : [entry.problem])),
      Stream.take(count),
      Stream.runCollect,
      Effect.map(Chunk.toReadonlyArray)
    )
  const linesIn = (...wanted: ReadonlyArray<readonly [Trail, number]>) =>
    wanted.map(([{ lines, name }, seq]) => [name, lines[seq - 1]])

  it.effect("that come while somebody begins to follow are shown once", () =>
    Effect.gen(function* () {
      // The newest are in the answer already, although the heads did not say so.
      const store = growing([headAt(one, 2), headAt(two, 1)], [headAt(one, 6), headAt(two, 1)])
      assert.deepStrictEqual(yield* shown(store, 7), [
        ...linesIn([one, 1], [one, 2], [two, 1]),
        ...linesIn([one, 3], [one, 4], [one, 5], [one, 6])
      ])
    })
  )

  it.effect("of several instances are put in the order of their dates, and each chain keeps its own", () =>
    Effect.gen(function* () {
      const store = growing([], [headAt(one, 6), headAt(two, 6), headAt(back, 3)])
      const all = yield* shown(store, 15)
      const [ofBack, others] = Arr.partition(all, ([instance]) => instance !== "back")
      assert.deepStrictEqual(ofBack, linesIn([back, 1], [back, 2], [back, 3]))
      // Both stop at the time of their last event.
      const byTurns = [1, 2, 3, 4].flatMap(
        (seq) =>
          [
            [one, seq],
            [two, seq]
          ] as const
      )
      assert.deepStrictEqual(others, linesIn(...byTurns, [one, 5], [one, 6], [two, 5], [two, 6]))
    })
  )

  it.effect("are waited for, and those that are missing are not", () =>
    Effect.gen(function* () {
      const later: AuditStore.Instance = { name: "lost", head: { seq: 3, hash: "" } }
      const store = growing([headAt(one, 5)], [headAt(one, 5), later], [headAt(one, 5), later], [headAt(one, 6), later])
      const fiber = yield* Effect.fork(shown(store, 6))
      yield* TestClock.adjust("500 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).at(-1), linesIn([one, 6])[0])
    })
  )
})

describe("the drivers", () => {
  it.live("are asked for in a sentence where they are not installed", () =>
    Effect.gen(function* () {
      const missing = () => Promise.reject(new Error("Cannot find package '@effect/sql-pg' imported from /a/b.js"))
      const error = yield* Effect.flip(load("postgres://db/audit", ["@effect/sql", "@effect/sql-pg"], missing))
      const { default: manifest } = yield* Effect.promise(
        () => import("../../package.json", { with: { type: "json" } })
      )
      const range = (name: "@effect/sql" | "@effect/sql-pg") => `"${name}@${manifest.peerDependencies[name]}"`
      assert.strictEqual(
        error.message,
        `'postgres://db/audit' needs the package @effect/sql-pg, which is not installed: npm install ${range("@effect/sql")} ${range("@effect/sql-pg")}`
      )
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it("are not loaded by the commands before an address asks for them", () => {
    const loaded = new Set<string>()
    const visit = (file: string) => {
      if (loaded.has(file)) return
      loaded.add(file)
      const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest)
      for (const statement of source.statements) {
        const isDeclaration = ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)
        if (!isDeclaration || statement.moduleSpecifier === undefined || isType(statement)) continue
        const name = (statement.moduleSpecifier as ts.StringLiteral).text
        if (!name.startsWith(".")) loaded.add(name)
        else visit(resolve(dirname(file), name.replace(/\.js$/, ".ts")))
      }
    }
    visit(resolve("src/Cli.ts"))
    const found = [...loaded].map((name) => (existsSync(name) ? relative(resolve("src"), name) : name))
    assert.include(found, join("Cli", "Verify.ts"))
    assert.deepStrictEqual(
      found.filter((name) =>
        /@effect\/sql|@nats-io|^AuditSink|^AuditNats|^AuditStore|^AuditFleet|SqlStore|NatsStore/.test(name)
      ),
      []
    )
  })
})

/** Whether nothing of it is left when it runs. */
const isType = (statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean =>
  ts.isExportDeclaration(statement) ? statement.isTypeOnly : statement.importClause?.isTypeOnly === true

describe("an application's own command line", () => {
  it.scopedLive("reads stores as well", () =>
    Effect.gen(function* () {
      const place = yield* inSqlite
      yield* store(place, trail("web-1", [3]))
      const app = Command.make("my-app").pipe(Command.withSubcommands([Cli.audit]))
      const main = Command.run(app, { name: "my-app", version: "1.0.0" })
      const code = yield* Cli.exitCode(main(["node", "my-app", "audit", "verify", place.address, "--expect", "web-2"]))
      assert.strictEqual(code, 1)
    }).pipe(Effect.provide(NodeContext.layer))
  )
})

describe("those who wait at a terminal", () => {
  it.scopedLive("see how far the verification of a store is", () =>
    Effect.gen(function* () {
      // Each look at the clock takes a second.
      let now = 0
      const slow = clockWith({
        unsafeCurrentTimeMillis: () => (now += 1000),
        currentTimeMillis: Effect.sync(() => (now += 1000))
      })
      const place = yield* inSqlite
      yield* store(place, trail("web-1", [1500]))
      const { err } = yield* Effect.withClock(run(["verify", place.address], { isTerminal: true }), slow)
      assert.match(err.split("\r\u001b[K")[1]!, /^█+░* \d+ %  1,000 of 1,502  [\d,]+ records\/s$/)
    })
  )
})
