import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Clock, ConfigProvider, Deferred, Effect, Either, Fiber, type Scope, Stream } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { resolve } from "node:path"
import { gzipSync } from "node:zlib"
import * as AuditChain from "../src/AuditChain.js"
import * as AuditFormat from "../src/AuditFormat.js"
import * as Cef from "../src/AuditFormat/Cef.js"
import * as CloudEvents from "../src/AuditFormat/CloudEvents.js"
import * as Ecs from "../src/AuditFormat/Ecs.js"
import * as Ocsf from "../src/AuditFormat/Ocsf.js"
import * as Syslog from "../src/AuditFormat/Syslog.js"
import * as AuditRecord from "../src/AuditRecord.js"
import * as Cli from "../src/Cli.js"
import { OutputError, Standard } from "../src/Cli/Standard.js"

// Logs

const record = (nth: number, contents: Partial<AuditRecord.Contents> = {}) =>
  AuditRecord.make({
    level: "INFO",
    date: `2024-01-31T12:${String(Math.floor(nth / 60) % 60).padStart(2, "0")}:${String(nth % 60).padStart(2, "0")}.000Z`,
    message: `Event ${nth} has happened`,
    event: { type: "test-event", details: { ip: "10.0.0.1", path: "/a", user: `user-${nth % 3}`, nth } },
    source: "test",
    ...contents
  })

const keys = Effect.runSync(AuditChain.generateKeys)
const signingKey = Either.getOrThrow(AuditChain.signingKey(keys.privateKey))

/** Chained, with a seal at every tenth. */
const chained = (count: number): ReadonlyArray<string> => {
  let head = AuditChain.genesis
  return Array.from({ length: count }, (_, index) => {
    const { line, date } = record(index + 1)
    const seal = () => ({ seal: AuditChain.seal(head, { date, every: 10, keys: [signingKey] }) })
    const linked = AuditChain.link(head, line, (index + 1) % 10 === 0 ? seal() : undefined)
    head = linked.head
    return linked.line
  })
}

const textOf = (lines: ReadonlyArray<string>) => lines.map((line) => line + "\n").join("")

// Running

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** Both, as somebody sees them on a terminal. */
  readonly screen: string
}

interface Options {
  readonly stdin?: Stream.Stream<Uint8Array>
  readonly isTerminal?: boolean
  readonly columns?: number
  readonly env?: Readonly<Record<string, string>>
  readonly onOutput?: (out: string) => Effect.Effect<void, OutputError>
}

const run = (args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Ran> =>
  Effect.gen(function* () {
    let out = ""
    let err = ""
    let screen = ""
    const { isTerminal = false, columns = 80, stdin = Stream.empty, onOutput = () => Effect.void, env = {} } = options
    const standard = {
      stdin,
      stdout: {
        isTerminal,
        columns: () => columns,
        write: (text: string) =>
          Effect.suspend(() => {
            screen += text
            out += text
            return onOutput(out)
          })
      },
      stderr: {
        isTerminal,
        columns: () => columns,
        write: (text: string) =>
          Effect.sync(() => {
            screen += text
            err += text
          })
      }
    }
    const code = yield* Cli.run(["node", "registrar", "audit", ...args]).pipe(
      Effect.provideService(Standard, standard),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))),
      Effect.provide(NodeContext.layer)
    )
    return { code, out, err, screen }
  })

interface Folder {
  readonly folder: string
  readonly log: string
  readonly write: (name: string, contents: string | Uint8Array) => Effect.Effect<string>
}

const inFolder = (
  name: string,
  body: (folder: Folder) => Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>
) =>
  it.scopedLive(
    name,
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        const write = (name: string, contents: string | Uint8Array) => {
          const path = `${folder}/${name}`
          const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents
          return Effect.as(Effect.orDie(fs.writeFile(path, bytes)), path)
        }
        yield* body({ folder, log: `${folder}/audit.log.jsonl`, write })
      }).pipe(Effect.provide(NodeContext.layer)),
    // Those that start programs of their own are slow.
    60_000
  )

const lines = chained(30)

/** Two segments, one compressed, and the active file. */
const writeLog = ({ write }: Folder) =>
  Effect.all([
    write("audit.log.jsonl.000001.gz", gzipSync(textOf(lines.slice(0, 10)))),
    write("audit.log.jsonl.000002", textOf(lines.slice(10, 20))),
    write("audit.log.jsonl", textOf(lines.slice(20)))
  ])

describe("audit verify", () => {
  inFolder("reads the segments of a log before its active file", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      const key = yield* folder.write("key.pem", keys.publicKey)
      const { code, out } = yield* run(["verify", folder.log, "--key", key])
      assert.strictEqual(
        out,
        `${folder.log} is valid

  records       30
  files         2 segments and the active file
  sequence      1 to 30
  sealed        up to seq 29 (3 seals)
  unsealed tail 0 records
  torn tail     none
  unchained     0 lines
`
      )
      assert.strictEqual(code, 0)
    })
  )

  inFolder("takes a glob over all that lies there, in any order, once", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      yield* folder.write("audit.log.jsonl.000001", textOf(lines.slice(0, 10)))
      for (const suffix of ["torn", "lock-12-00ab", "000002.gz.partial"])
        yield* folder.write(`audit.log.jsonl.${suffix}`, "garbage")
      const names = ["000002", "000001.gz", "000002.gz.partial", "lock-12-00ab", "torn", "000001"]
      const files = names.map((name) => `${folder.log}.${name}`)
      const { code, out } = yield* run(["verify", ...files, folder.log, "--json"])
      assert.strictEqual(code, 0)
      assert.deepInclude(JSON.parse(out), {
        valid: true,
        files: [`${folder.log}.000001`, `${folder.log}.000002`, folder.log],
        records: 30,
        problem: null
      })
      const { code: segments } = yield* run(["verify", ...files])
      assert.strictEqual(segments, 0)
    })
  )

  inFolder("names the first bad record by its file, line and number", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      const broken = lines.slice(10, 20).with(3, lines[13]!.replace("happened", "hidden"))
      yield* folder.write("audit.log.jsonl.000002", textOf(broken))
      const json = yield* run(["verify", folder.log, "--json"])
      assert.strictEqual(json.code, 1)
      assert.deepStrictEqual(JSON.parse(json.out).problem, {
        reason: "Modified",
        message: "Record 14 (seq 14) was modified: its bytes do not have the hash that it ends with",
        file: `${folder.log}.000002`,
        line: 4,
        seq: 14
      })
      const { out } = yield* run(["verify", folder.log])
      assert.include(out, `${folder.log} is not valid\n\n  ${folder.log}.000002, line 4, seq 14:\n  Record 14`)
    })
  )

  inFolder("misses a segment", (folder) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* writeLog(folder)
      yield* fs.remove(`${folder.log}.000002`)
      const { code, out } = yield* run(["verify", folder.log, "--json"])
      assert.strictEqual(code, 1)
      assert.deepInclude(JSON.parse(out).problem, { reason: "Missing", file: folder.log, line: 1, seq: 11 })
    })
  )

  inFolder("misses what was cut off, by the seals that were kept elsewhere", (folder) =>
    Effect.gen(function* () {
      yield* folder.write("audit.log.jsonl", textOf(lines.slice(0, 25)))
      const seals = yield* folder.write("seals.jsonl", textOf(lines.filter(AuditChain.isSeal)))
      const { code, out } = yield* run(["verify", folder.log, "--seals", seals, "--json"])
      assert.strictEqual(code, 1)
      assert.deepInclude(JSON.parse(out).problem, { reason: "Cut", file: null, line: null, seq: 26 })
      const { out: text } = yield* run(["verify", folder.log, "--seals", seals])
      assert.include(text, "  at the end, seq 26:\n")
    })
  )

  inFolder("allows a torn line at the end of the active file only", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      yield* folder.write("audit.log.jsonl", textOf(lines.slice(20)).slice(0, -20))
      const healthy = yield* run(["verify", folder.log, "--json"])
      assert.strictEqual(healthy.code, 0)
      assert.deepInclude(JSON.parse(healthy.out), { records: 29, tornBytes: lines[29]!.length + 1 - 20 })

      yield* folder.write("audit.log.jsonl.000002", textOf(lines.slice(10, 20)).slice(0, -20))
      const { code, out } = yield* run(["verify", folder.log, "--json"])
      assert.strictEqual(code, 1)
      assert.deepInclude(JSON.parse(out).problem, { reason: "Torn", file: `${folder.log}.000002`, line: 10 })
    })
  )

  inFolder("refuses seals of a key that was not given, and what is no key", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      const other = yield* AuditChain.generateKeys
      const wrong = yield* folder.write("wrong.pem", other.publicKey)
      const { code, out } = yield* run(["verify", folder.log, "--key", wrong, "--json"])
      assert.strictEqual(code, 1)
      assert.deepInclude(JSON.parse(out).problem, { reason: "UnknownKey", line: 10 })

      const garbage = yield* folder.write("garbage.pem", "garbage")
      const noKey = yield* run(["verify", folder.log, "--key", garbage])
      assert.strictEqual(noKey.code, 2)
      assert.include(noKey.err, `'${garbage}': The public key is not PEM`)
      const noSeals = yield* run(["verify", folder.log, "--seals", garbage])
      assert.strictEqual(noSeals.code, 2)
      assert.include(noSeals.err, "holds no seal")
    })
  )

  inFolder("says what cannot be read, and ends with 2", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      const cases = [
        [[`${folder.folder}/missing`], "There is no file '"],
        [[`${folder.folder}/missing.000007`], "There is no file '"],
        [[folder.folder], "is a folder: give the path of a log in it"],
        [[`${folder.log}.torn`], "is no part of a log"],
        [[folder.log, "--kye", "x"], "There is no option '--kye' here"],
        [[yield* folder.write("a.000001.gz", gzipSync(textOf(lines)).subarray(0, 500))], "is compressed, and damaged"]
      ] as const
      for (const [args, message] of cases) {
        const { code, out, err } = yield* run(["verify", ...args])
        assert.include(err, message)
        assert.strictEqual(code, 2, err)
        assert.strictEqual(out, "")
      }
    })
  )

  inFolder("finds nothing to complain of in an empty log, and all in one of garbage", (folder) =>
    Effect.gen(function* () {
      yield* folder.write("audit.log.jsonl", "")
      assert.strictEqual((yield* run(["verify", folder.log])).code, 0)
      yield* folder.write(
        "audit.log.jsonl",
        Uint8Array.from({ length: 5000 }, (_, at) => (at * 7919) % 256)
      )
      assert.strictEqual((yield* run(["verify", folder.log])).code, 1)
    })
  )

  inFolder("draws a bar for those who wait at a terminal, and clears it", ({ log, write }) =>
    Effect.gen(function* () {
      // Each step takes a second.
      const clock = Clock.make()
      let now = 0
      const slow: Clock.Clock = {
        ...clock,
        unsafeCurrentTimeMillis: () => (now += 1000),
        currentTimeMillis: Effect.sync(() => (now += 1000))
      }
      yield* write("audit.log.jsonl", textOf(chained(2000)))
      const { err, screen } = yield* Effect.withClock(run(["verify", log], { isTerminal: true }), slow)
      const [, drawn = ""] = err.split("\r\u001b[K")
      assert.match(drawn, /^█+░* \d+ %  [\d.]+ kB of [\d.]+ kB  [\d,]+ records\/s$/)
      assert.include(screen, `\r\u001b[K${log} is valid`)
      const { err: piped } = yield* Effect.withClock(run(["verify", log]), slow)
      assert.strictEqual(piped, "")
    })
  )

  inFolder("lets go of a line of 50 MB", (folder) =>
    Effect.gen(function* () {
      const long = new Uint8Array(50_000_000).fill(0x61)
      yield* folder.write("audit.log.jsonl", Buffer.concat([Buffer.from(textOf(lines)), long, Buffer.from("\n")]))
      const { code, out } = yield* run(["verify", folder.log, "--json"])
      assert.strictEqual(code, 1)
      assert.deepInclude(JSON.parse(out).problem, { reason: "TooLong", line: 31 })
      const tail = yield* run(["tail", folder.log, "-n", "2"])
      assert.match(tail.out, /Event 30 .*\n\?\? a line of 50,000,000 bytes that is too long for a record\n$/)
    })
  )

  inFolder("reads the standard input, compressed or not", () =>
    Effect.gen(function* () {
      for (const bytes of [Buffer.from(textOf(lines)), gzipSync(textOf(lines))]) {
        const stdin = Stream.fromIterable(
          Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) => bytes.subarray(at * 7, at * 7 + 7))
        )
        const { code, out } = yield* run(["verify", "-", "--json"], { stdin })
        assert.strictEqual(code, 0)
        assert.strictEqual(JSON.parse(out).records, 30)
      }
    })
  )
})

// As a file name, message, type, user or as a whole line.
const hostile = "\u001b]0;owned\u0007\u009b31m\u202e\u2066\u2028\u200b\r\n\t\u{e0041}\ufeff"
// The tests look for exactly what the programs must not print.
const control = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

describe("audit tail", () => {
  inFolder("shows the last records, from segments where the active file has too few", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      const { code, out } = yield* run(["tail", folder.log, "-n", "25"])
      assert.strictEqual(code, 0)
      const shown = out.trimEnd().split("\n")
      assert.lengthOf(shown, 25)
      assert.strictEqual(
        shown[0],
        "2024-01-31T12:00:06.000Z  INFO      test-event  Event 6 has happened  [user=user-0 ip=10.0.0.1 path=/a]"
      )
      assert.include(shown[24], "Event 30 ")
      assert.strictEqual((yield* run(["tail", folder.log, "-n", "25", "--json"])).out, textOf(lines.slice(5)))
      assert.strictEqual((yield* run(["tail", `${folder.log}.000001`, "-n", "1", "--json"])).out, lines[9] + "\n")
    })
  )

  inFolder("filters", (folder) =>
    Effect.gen(function* () {
      const records = [
        record(1, { level: "DEBUG" }),
        record(2, { level: "ERROR", message: 'He said "no"' }),
        record(3, {
          level: "CRITICAL",
          event: { type: "auth-login-failed", details: { user: "ada" }, requestId: "r-1", traceId: "0af7" }
        }),
        record(4, { level: "WARNING", event: { type: "auth-login", details: { user: "bob" } } })
      ]
      yield* folder.write("audit.log.jsonl", textOf(records.map(({ line }) => line)))
      const matching = (...filter: ReadonlyArray<string>) =>
        Effect.map(run(["tail", folder.log, "--json", ...filter]), ({ out }) =>
          records.flatMap(({ line }, index) => (out.includes(line) ? [index + 1] : []))
        )
      assert.deepStrictEqual(yield* matching("--level", "error"), [2, 3])
      assert.deepStrictEqual(yield* matching("--level", "Fatal"), [3])
      assert.deepStrictEqual(yield* matching("--type", "auth-*"), [3, 4])
      assert.deepStrictEqual(yield* matching("--type", "*-failed", "--type", "test-event"), [1, 2, 3])
      assert.deepStrictEqual(yield* matching("--type", "auth.*"), [])
      assert.deepStrictEqual(yield* matching("--user", "ada"), [3])
      assert.deepStrictEqual(yield* matching("--request", "r-1"), [3])
      assert.deepStrictEqual(yield* matching("--request", "r"), [])
      assert.deepStrictEqual(yield* matching("--trace", "0AF7"), [3])
      assert.deepStrictEqual(yield* matching("--trace", "0af"), [])
      assert.deepStrictEqual(yield* matching("--grep", 'said "no"'), [2])
      assert.deepStrictEqual(
        yield* matching("--since", "2024-01-31T12:00:02Z", "--until", "2024-01-31 13:00:04+01:00"),
        [2, 3]
      )
      assert.deepStrictEqual(yield* matching("--since", "15m"), [])
      const wrong = yield* run(["tail", folder.log, "--level", "loud"])
      assert.strictEqual(wrong.code, 2)
    })
  )

  inFolder("prints nothing that a terminal would obey", (folder) =>
    Effect.gen(function* () {
      const line = JSON.stringify({
        ...JSON.parse(
          record(1, { message: hostile, event: { type: hostile, details: { user: hostile, ip: hostile } } }).line
        )
      })
      yield* folder.write("audit.log.jsonl", `${line}\n${hostile.replace("\n", "")}\n\u00ff\n${hostile}`)
      for (const args of [["tail"], ["tail", "--json"], ["export", "--format", "jsonl"], ["stats"], ["verify"]]) {
        const [command = "", ...rest] = args
        const { out } = yield* run([command, folder.log, ...rest])
        for (const shown of out.split("\n")) assert.notMatch(shown, control, args.join(" "))
      }
      const { out } = yield* run(["export", folder.log, "--format", "csv", "--raw"], { isTerminal: true })
      assert.notMatch(out.replaceAll(/[\t\r\n]/g, ""), control)
      const name = `${folder.folder}/${hostile.replace("\r\n", "")}`
      assert.notMatch((yield* run(["tail", name])).err.replaceAll(/\n$/g, ""), control)
    })
  )

  inFolder("colours on a terminal, and not where NO_COLOR says so", (folder) =>
    Effect.gen(function* () {
      yield* folder.write("audit.log.jsonl", record(1, { level: "ERROR" }).line + "\n")
      const coloured = yield* run(["tail", folder.log], { isTerminal: true })
      assert.include(coloured.out, "\u001b[31mERROR   \u001b[0m")
      const plain = yield* run(["tail", folder.log], { isTerminal: true, env: { NO_COLOR: "1" } })
      assert.notInclude(plain.out, "\u001b")
      const empty = yield* run(["tail", folder.log], { isTerminal: true, env: { NO_COLOR: "" } })
      assert.include(empty.out, "\u001b")
    })
  )

  inFolder("follows a writer through rotation and compression: each line once", (folder) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const total = 400
      const all = Array.from({ length: total }, (_, index) => record(index + 1).line)
      yield* folder.write("audit.log.jsonl", textOf(all.slice(0, 5)))
      const seen = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const read: Array<string> = []
      const onOutput = (out: string) =>
        Effect.gen(function* () {
          yield* Deferred.succeed(begun, undefined)
          if (out.includes(all.at(-1)!)) yield* Deferred.succeed(seen, undefined)
          read.splice(0, read.length, ...out.trimEnd().split("\n"))
        })
      const fiber = yield* Effect.fork(run(["tail", folder.log, "-f", "--json"], { onOutput }))
      yield* Deferred.await(begun)

      let at = 5
      for (let rotation = 1; at < total; rotation++) {
        const until = Math.min(total, at + 1 + ((rotation * 7) % 23))
        for (; at < until; at++) {
          // In two halves: a line is not read before it is whole.
          const text = all[at]! + "\n"
          yield* fs.writeFileString(folder.log, text.slice(0, 50), { flag: "a" })
          if (rotation % 3 === 0) yield* Effect.yieldNow()
          yield* fs.writeFileString(folder.log, text.slice(50), { flag: "a" })
        }
        const segment = `${folder.log}.${String(rotation).padStart(6, "0")}`
        if (at < total) yield* fs.rename(folder.log, segment)
        if (rotation % 2 === 0 && at < total) {
          yield* fs.writeFile(`${segment}.gz`, gzipSync(yield* fs.readFile(segment)))
          yield* fs.remove(segment)
        }
      }
      yield* Deferred.await(seen)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(read, all)
    })
  )
})

describe("audit stats", () => {
  inFolder("counts", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      yield* folder.write(
        "audit.log.jsonl",
        textOf([
          ...lines.slice(20),
          "nonsense",
          record(31, { level: "ERROR", event: { type: "other", details: {} } }).line
        ])
      )
      const { code, out } = yield* run(["stats", folder.log, "--json", "--top", "2"])
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(JSON.parse(out), {
        records: 31,
        notRecords: 1,
        levels: { DEBUG: 0, INFO: 30, WARNING: 0, ERROR: 1, CRITICAL: 0 },
        types: [
          { type: "test-event", count: 30 },
          { type: "other", count: 1 }
        ],
        otherTypes: 0,
        users: [
          { user: "user-0", count: 10 },
          { user: "user-1", count: 10 }
        ],
        otherUsers: 10,
        withoutUser: 1,
        hours: [{ hour: "2024-01-31T12", count: 31 }],
        otherHours: 0
      })
      for (const columns of [20, 40, 80, 200]) {
        const chart = yield* run(["stats", folder.log], { isTerminal: true, columns })
        assert.isEmpty(
          chart.out
            .split("\n")
            .slice(1)
            .filter((line) => line.length >= columns)
        )
      }
    })
  )
})

describe("audit export", () => {
  inFolder("writes lines as they are stored, and CSV that does nothing", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      assert.strictEqual((yield* run(["export", folder.log, "--format", "jsonl"])).out, textOf(lines))

      const event = { type: "-1+1", details: { ip: "@SUM(A1)", user: "\t=1", path: 'a,"b"', more: 1 }, requestId: "=r" }
      yield* folder.write("b.jsonl", `${record(1, { message: '=HYPERLINK("http://x")', event }).line}\nnonsense\n`)
      const csv = yield* run(["export", `${folder.folder}/b.jsonl`, "--format", "csv"])
      assert.strictEqual(
        csv.out,
        "level,date,type,message,ip,path,user,requestId,details,source\r\n" +
          `INFO,2024-01-31T12:00:01.000Z,'-1+1,"'=HYPERLINK(""http://x"")",'@SUM(A1),"a,""b""",'\t=1,'=r,"{""more"":1}",test\r\n`
      )
      assert.strictEqual(csv.err, "1 line is no audit record, and left out\n")
      const raw = yield* run(["export", `${folder.folder}/b.jsonl`, "--format", "csv", "--raw"])
      assert.include(raw.out, `,-1+1,"=HYPERLINK(""http://x"")",@SUM(A1),`)
    })
  )

  inFolder("writes what others read, a line for each record", (folder) =>
    Effect.gen(function* () {
      const formats = {
        ecs: Ecs.make,
        ocsf: Ocsf.make,
        cloudevents: CloudEvents.make,
        syslog: Syslog.make,
        cef: Cef.make
      }
      const hostile = record(1, { message: "\u001b[31mred\u202e family: \u{1f468}\u200d\u{1f467}" }).line
      const given = [...chained(3), hostile]
      yield* folder.write("audit.log.jsonl", `${textOf(given)}nonsense\n`)
      const records = given.map((line) => Either.getOrThrow(AuditRecord.fromLine(line)))
      for (const [name, make] of Object.entries(formats)) {
        const format = make()
        const { code, err, out } = yield* run(["export", folder.log, "--format", name])
        assert.strictEqual(out, textOf(records.map(format.line)), name)
        assert.deepStrictEqual({ code, err }, { code: 0, err: "1 line is no audit record, and left out\n" })
        const shown = (yield* run(["export", folder.log, "--format", name], { isTerminal: true })).out
        assert.notMatch(shown.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u, name)
        if (AuditFormat.isJson(format)) {
          const [all, seen] = [out, shown].map((text) =>
            text
              .trim()
              .split("\n")
              .map((line) => JSON.parse(line))
          )
          assert.deepStrictEqual(seen, all)
        }
      }
      const filtered = yield* run(["export", folder.log, "--format", "cef", "--grep", "red"])
      assert.match(filtered.out, /^CEF:0\|.*\n$/)
    })
  )

  inFolder("writes a file, and never the log itself", (folder) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* writeLog(folder)
      const output = `${folder.folder}/out.jsonl`
      const { code, out } = yield* run(["export", folder.log, "--format", "jsonl", "--output", output])
      assert.strictEqual(code, 0)
      assert.strictEqual(out, "")
      assert.strictEqual(yield* fs.readFileString(output), textOf(lines))
      for (const own of [folder.log, `${folder.log}.000001.gz`]) {
        const refused = yield* run(["export", folder.log, "--format", "jsonl", "--output", own])
        assert.strictEqual(refused.code, 2)
        assert.include(refused.err, "is a part of the log")
      }
      assert.strictEqual((yield* run(["verify", folder.log])).code, 0)
    })
  )

  inFolder("ends quietly when nobody reads any more", (folder) =>
    Effect.gen(function* () {
      yield* writeLog(folder)
      const onOutput = () => new OutputError({ reason: "Closed", cause: new Error("EPIPE") })
      const ran = yield* run(["export", folder.log, "--format", "jsonl"], {
        onOutput
      })
      assert.deepInclude(ran, { code: 0, err: "" })
    })
  )
})

describe("registrar", () => {
  const bin = [resolve("node_modules/tsx/dist/cli.mjs"), resolve("src/bin.ts")]

  inFolder("ends with the code, when its reader goes, and with Ctrl-C", (folder) =>
    Effect.promise(async () => {
      await Effect.runPromise(writeLog(folder))
      await Effect.runPromise(folder.write("audit.log.jsonl", textOf(lines.slice(20, 29))))
      const version = spawnSync(process.execPath, [...bin, "--version"], { encoding: "utf8" })
      const { default: manifest } = await import("../package.json", { with: { type: "json" } })
      assert.strictEqual(version.stdout.trim(), manifest.version)

      const wrong = spawnSync(process.execPath, [...bin, "audit", "verify", `${folder.log}.9`])
      assert.strictEqual(wrong.status, 2)

      await Effect.runPromise(
        folder.write("long.jsonl", textOf(Array.from({ length: 20_000 }, (_, nth) => record(nth).line)))
      )
      const head = spawn(process.execPath, [
        ...bin,
        "audit",
        "export",
        "--format",
        "csv",
        `${folder.folder}/long.jsonl`
      ])
      let err = ""
      head.stderr.on("data", (data) => (err += data))
      head.stdout.once("data", () => head.stdout.destroy())
      const [ended] = await once(head, "close")
      assert.deepStrictEqual({ ended, err }, { ended: 0, err: "" })

      // Without tsx in between, which has its own way with signals.
      const following = spawn(process.execPath, ["--import", "tsx", bin[1]!, "audit", "tail", "-f", folder.log])
      following.stdout.once("data", () => following.kill("SIGINT"))
      const [code] = await once(following, "close")
      assert.strictEqual(code, 130)
    })
  )
})
