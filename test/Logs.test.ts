import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, ConfigError, ConfigProvider, Duration, Effect, Exit, Layer, Option, Redacted } from "effect"
import type { Scope } from "effect"
import * as AuditChain from "../src/AuditChain.js"
import * as AuditRecord from "../src/AuditRecord.js"
import { AuditSink } from "../src/AuditSink.js"
import * as Logs from "../src/Logs.js"

const given = (values: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

const test = (name: string, body: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => Effect.provide(body, NodeFileSystem.layer))

const keys = Effect.runSync(AuditChain.generateKeys)
const pem = Redacted.value(keys.privateKey)

/** Without the members that are not given. */
const withoutAbsent = (value: unknown): unknown =>
  typeof value !== "object" ||
  value === null ||
  Redacted.isRedacted(value) ||
  Layer.isLayer(value) ||
  Array.isArray(value) ||
  Duration.isDuration(value)
    ? value
    : Object.fromEntries(
        Object.entries(value)
          .map(([key, member]) => [key, withoutAbsent(member)] as const)
          .filter(([, member]) => member !== undefined)
      )

const nothing = { audit: {}, application: {} }

describe("config", () => {
  test(
    "reads every key",
    Effect.gen(function* () {
      const expected: ReadonlyArray<readonly [Readonly<Record<string, string>>, object]> = [
        [{}, {}],
        [{ LOG_SOURCE: "shop" }, { source: "shop" }],
        [{ AUDIT_FILE_PATH: "a" }, { audit: { file: { path: "a" } } }],
        [
          {
            AUDIT_FILE_PATH: "a",
            AUDIT_FILE_LEVEL: "Warning",
            AUDIT_FILE_MAX_BYTES: "1000",
            AUDIT_FILE_ROTATE_EVERY: "1 day",
            AUDIT_FILE_KEEP_FILES: "0",
            AUDIT_FILE_KEEP_BYTES: "5000",
            AUDIT_FILE_KEEP_FOR: "365 days",
            AUDIT_FILE_COMPRESS: "true",
            AUDIT_FILE_REOPEN_ON: "SIGHUP",
            AUDIT_CHAIN: "true"
          },
          {
            audit: {
              file: {
                path: "a",
                level: "Warning",
                maxBytes: 1000,
                rotateEvery: Duration.days(1),
                keep: { files: 0, bytes: 5000, for: Duration.days(365) },
                compress: true,
                reopenOn: "SIGHUP",
                chain: true
              }
            }
          }
        ],
        [{ AUDIT_CONSOLE_LEVEL: "Error" }, { audit: { console: { level: "Error" } } }],
        [{ APPLICATION_CONSOLE_LEVEL: "WARNING" }, { application: { console: { level: "Warning" } } }],
        [
          {
            APPLICATION_FILE_PATH: "b",
            APPLICATION_FILE_KEEP_FILES: "3",
            APPLICATION_FILE_COMPRESS: "no",
            APPLICATION_CONSOLE_LEVEL: "Fatal"
          },
          {
            application: {
              file: { path: "b", keep: { files: 3 }, compress: false },
              console: { level: "Fatal" }
            }
          }
        ]
      ]
      for (const [values, read] of expected) {
        assert.deepStrictEqual(withoutAbsent(yield* given(values)(Logs.config)), { ...nothing, ...read })
      }
    })
  )

  test(
    "reads keys of the seals as variables of the environment hold them",
    Effect.gen(function* () {
      for (const written of [pem, pem.replaceAll("\n", "\\n")]) {
        const { audit } = yield* given({
          AUDIT_FILE_PATH: "a",
          AUDIT_SEAL_KEY: written,
          AUDIT_SEAL_KEY_FILES: "old.pem, older.pem",
          AUDIT_SEAL_RECORDS: "500",
          AUDIT_SEAL_EVERY: "30 seconds",
          AUDIT_SEALS_PATH: "/elsewhere/seals"
        })(Logs.config)
        const { every, everyRecords, keys, to } = audit?.file?.seals ?? assert.fail("no seals")
        const [key, ...files] = keys
        assert.strictEqual(Redacted.isRedacted(key) ? Redacted.value(key) : key, pem)
        assert.deepStrictEqual(files, [{ file: "old.pem" }, { file: "older.pem" }])
        assert.deepStrictEqual([every, everyRecords], [Duration.seconds(30), 500])
        assert.isTrue(Layer.isLayer(to))
      }
    })
  )
})

describe("layerConfig", () => {
  const wrong: ReadonlyArray<readonly [values: Readonly<Record<string, string>>, keys: ReadonlyArray<string>]> = [
    [{ AUDIT_FILE_MAX_BYTES: "x" }, ["AUDIT_FILE_MAX_BYTES"]],
    [{ AUDIT_FILE_MAX_BYTES: "0" }, ["AUDIT_FILE_MAX_BYTES"]],
    [{ AUDIT_FILE_ROTATE_EVERY: "daily" }, ["AUDIT_FILE_ROTATE_EVERY"]],
    [{ AUDIT_FILE_ROTATE_EVERY: "0 days" }, ["AUDIT_FILE_ROTATE_EVERY"]],
    [{ AUDIT_FILE_KEEP_FILES: "-1" }, ["AUDIT_FILE_KEEP_FILES"]],
    [{ AUDIT_FILE_KEEP_FILES: "1.5" }, ["AUDIT_FILE_KEEP_FILES"]],
    [{ AUDIT_FILE_KEEP_BYTES: "0" }, ["AUDIT_FILE_KEEP_BYTES"]],
    [{ APPLICATION_FILE_KEEP_FOR: "Infinity" }, ["APPLICATION_FILE_KEEP_FOR"]],
    [{ AUDIT_FILE_COMPRESS: "gzip" }, ["AUDIT_FILE_COMPRESS"]],
    [{ APPLICATION_FILE_REOPEN_ON: "SIGKILL" }, ["APPLICATION_FILE_REOPEN_ON"]],
    [{ AUDIT_FILE_LEVEL: "loud" }, ["AUDIT_FILE_LEVEL"]],
    [{ AUDIT_CONSOLE_LEVEL: "quiet" }, ["AUDIT_CONSOLE_LEVEL"]],
    [{ APPLICATION_FILE_LEVEL: "None" }, ["APPLICATION_FILE_LEVEL"]],
    [{ APPLICATION_CONSOLE_LEVEL: "" }, ["APPLICATION_CONSOLE_LEVEL"]],
    [{ APPLICATION_FILE_MAX_BYTES: "NaN" }, ["APPLICATION_FILE_MAX_BYTES"]],
    [{ AUDIT_CHAIN: "perhaps" }, ["AUDIT_CHAIN"]],
    [{ AUDIT_CHAIN: "false", AUDIT_SEAL_KEY_FILES: "key.pem" }, ["AUDIT_CHAIN"]],
    [{ AUDIT_SEAL_KEY: "hush" }, ["AUDIT_SEAL_KEY", "not PEM"]],
    [{ AUDIT_SEAL_KEY: keys.publicKey }, ["AUDIT_SEAL_KEY", "is a public key"]],
    [{ AUDIT_SEAL_KEY_FILES: "key.pem,," }, ["AUDIT_SEAL_KEY_FILES"]],
    [{ AUDIT_SEAL_KEY_FILES: "key.pem", AUDIT_SEAL_RECORDS: "0" }, ["AUDIT_SEAL_RECORDS"]],
    [{ AUDIT_SEAL_KEY_FILES: "key.pem", AUDIT_SEAL_EVERY: "soon" }, ["AUDIT_SEAL_EVERY"]],
    [{ AUDIT_SEAL_RECORDS: "100" }, ["AUDIT_SEAL_KEY"]],
    [{ AUDIT_SEALS_PATH: "seals" }, ["AUDIT_SEAL_KEY"]],
    [{ AUDIT_FILE_PATH: "x", APPLICATION_FILE_PATH: "x" }, ["APPLICATION_FILE_PATH", "AUDIT_FILE_PATH"]],
    [{ AUDIT_FILE_PATH: "x", AUDIT_SEAL_KEY: pem, AUDIT_SEALS_PATH: "x" }, ["AUDIT_SEALS_PATH", "AUDIT_FILE_PATH"]],
    [
      { AUDIT_FILE_KEEP_FILES: "x", APPLICATION_FILE_LEVEL: "loud" },
      ["AUDIT_FILE_KEEP_FILES", "APPLICATION_FILE_LEVEL"]
    ]
  ]

  for (const [values, keys] of wrong) {
    test(
      `fails with ${JSON.stringify(values)}, names the key, and opens nothing`,
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        const exit = yield* Effect.exit(Layer.build(Logs.layerConfig())).pipe(
          given({ AUDIT_FILE_PATH: `${folder}/a`, APPLICATION_FILE_PATH: `${folder}/b`, ...values })
        )
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isSuccess(exit)) return
        const failures = Chunk.toReadonlyArray(Cause.failures(exit.cause))
        assert.isTrue(failures.every(ConfigError.isConfigError))
        const said = failures.map(String).join()
        for (const key of keys) assert.include(said, key)
        assert.notInclude(said, "hush")
        assert.deepStrictEqual(yield* fs.readDirectory(folder), [])
      })
    )
  }

  for (const [key, value] of [
    ["AUDIT_FILE_LEVEL", "Info"],
    ["AUDIT_FILE_KEEP_FILES", "1"],
    ["AUDIT_CHAIN", "true"],
    ["AUDIT_SEAL_KEY", pem],
    ["APPLICATION_FILE_KEEP_BYTES", "1"],
    ["APPLICATION_FILE_COMPRESS", "true"]
  ] as const) {
    test(
      `fails with ${key} and no path`,
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Layer.build(Logs.layerConfig())).pipe(given({ [key]: value }))
        const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
        assert.isTrue(ConfigError.isConfigError(failure))
        assert.include(String(failure), `${key.split("_")[0]}_FILE_PATH`)
      })
    )
  }

  test(
    "opens what it is told to, with its levels",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const record = (level: AuditRecord.Contents["level"]) =>
        AuditRecord.make({
          level,
          date: "2024-01-31T12:00:00.000Z",
          message: "x",
          event: { type: "test", details: {} },
          source: "test"
        })
      yield* Effect.gen(function* () {
        const sink = yield* AuditSink
        yield* sink.write([record("INFO"), record("ERROR")])
        yield* Effect.logInfo("info")
        yield* Effect.logError("error")
      }).pipe(
        Effect.provide(Logs.layerConfig()),
        given({
          AUDIT_FILE_PATH: `${folder}/a`,
          AUDIT_FILE_LEVEL: "Error",
          APPLICATION_FILE_PATH: `${folder}/b`,
          APPLICATION_FILE_LEVEL: "Warning",
          LOG_SOURCE: "shop"
        })
      )
      const own = (line: string) => line === "" || JSON.parse(line).source === "effect-registrar"
      const lines = (yield* fs.readFileString(`${folder}/a`)).split("\n")
      assert.deepStrictEqual(
        lines.filter((line) => !own(line)),
        [record("ERROR").line]
      )
      const [line, end] = (yield* fs.readFileString(`${folder}/b`)).split("\n")
      const { source, message } = JSON.parse(line ?? "")
      assert.deepStrictEqual([source, message, end], ["shop", "error", ""])
    })
  )

  test(
    "keeps all of the audit log and five files of the application log, unless told otherwise",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const record = (message: string) =>
        AuditRecord.make({
          level: "INFO",
          date: "2024-01-31T12:00:00.000Z",
          message,
          event: { type: "test", details: {} },
          source: "test"
        })
      yield* Effect.gen(function* () {
        const sink = yield* AuditSink
        for (let count = 0; count < 20; count++) {
          yield* sink.write([record(String(count))])
          yield* sink.sync
          yield* Effect.logInfo("x".repeat(500))
        }
      }).pipe(
        Effect.provide(Logs.layerConfig()),
        given({
          AUDIT_FILE_PATH: `${folder}/a`,
          AUDIT_FILE_MAX_BYTES: "100",
          APPLICATION_FILE_PATH: `${folder}/b`,
          APPLICATION_FILE_MAX_BYTES: "200"
        })
      )
      const names = yield* fs.readDirectory(folder)
      assert.lengthOf(
        names.filter((name) => name.startsWith("a.")),
        20
      )
      assert.lengthOf(
        names.filter((name) => name.startsWith("b.")),
        5
      )
    })
  )

  test(
    "seals with the keys it is told, in both places",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      yield* Effect.void.pipe(
        Effect.provide(Logs.layerConfig()),
        given({
          AUDIT_FILE_PATH: `${folder}/a`,
          AUDIT_SEAL_KEY: pem.replaceAll("\n", "\\n"),
          AUDIT_SEALS_PATH: `${folder}/seals`
        })
      )
      const seals = (text: string) => text.split("\n").filter(AuditChain.isSeal)
      const stored = seals(yield* fs.readFileString(`${folder}/a`))
      assert.lengthOf(stored, 2)
      assert.deepStrictEqual(seals(yield* fs.readFileString(`${folder}/seals`)), stored)
    })
  )

  test(
    "fails where a file cannot be opened",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      for (const log of ["AUDIT", "APPLICATION"]) {
        const error = yield* Effect.flip(Layer.build(Logs.layerConfig())).pipe(
          given({ [`${log}_FILE_PATH`]: `${folder}/missing/log` })
        )
        assert.include(String(error), `${folder}/missing/log`)
      }
    })
  )

  test(
    "without any key keeps nothing, and Effect's own logger",
    Effect.gen(function* () {
      const sink = yield* Effect.provide(AuditSink, Logs.layerConfig()).pipe(given({}))
      assert.isFunction(sink.write)
    })
  )
})
