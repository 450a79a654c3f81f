import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, ConfigError, ConfigProvider, Effect, Exit, Layer, Option } from "effect"
import type { Scope } from "effect"
import * as AuditRecord from "../src/AuditRecord.js"
import { AuditSink } from "../src/AuditSink.js"
import * as Logs from "../src/Logs.js"

const given = (values: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))

const test = (name: string, body: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => Effect.provide(body, NodeFileSystem.layer))

const nothing = { source: undefined, audit: { console: undefined }, application: { console: undefined } }

describe("config", () => {
  test(
    "reads every key",
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* given({})(Logs.config), nothing)
      const file = { level: undefined, maxBytes: undefined, backups: undefined }
      const expected: ReadonlyArray<readonly [Readonly<Record<string, string>>, object]> = [
        [{ LOG_SOURCE: "shop" }, { source: "shop" }],
        [{ AUDIT_FILE_PATH: "a" }, { audit: { file: { path: "a", ...file }, console: undefined } }],
        [
          { AUDIT_FILE_PATH: "a", AUDIT_FILE_LEVEL: "Warning", AUDIT_FILE_MAX_BYTES: "1000", AUDIT_FILE_BACKUPS: "0" },
          { audit: { file: { path: "a", level: "Warning", maxBytes: 1000, backups: 0 }, console: undefined } }
        ],
        [{ AUDIT_CONSOLE_LEVEL: "Error" }, { audit: { console: { level: "Error" } } }],
        [{ APPLICATION_CONSOLE_LEVEL: "WARNING" }, { application: { console: { level: "Warning" } } }],
        [
          { APPLICATION_FILE_PATH: "b", APPLICATION_FILE_BACKUPS: "3", APPLICATION_CONSOLE_LEVEL: "Fatal" },
          { application: { file: { path: "b", ...file, backups: 3 }, console: { level: "Fatal" } } }
        ]
      ]
      for (const [values, read] of expected) {
        assert.deepStrictEqual(yield* given(values)(Logs.config), { ...nothing, ...read })
      }
    })
  )
})

describe("layerConfig", () => {
  const wrong: ReadonlyArray<readonly [values: Readonly<Record<string, string>>, keys: ReadonlyArray<string>]> = [
    [{ AUDIT_FILE_MAX_BYTES: "x" }, ["AUDIT_FILE_MAX_BYTES"]],
    [{ AUDIT_FILE_MAX_BYTES: "-1" }, ["AUDIT_FILE_MAX_BYTES"]],
    [{ AUDIT_FILE_BACKUPS: "-1" }, ["AUDIT_FILE_BACKUPS"]],
    [{ AUDIT_FILE_BACKUPS: "1.5" }, ["AUDIT_FILE_BACKUPS"]],
    [{ AUDIT_FILE_LEVEL: "loud" }, ["AUDIT_FILE_LEVEL"]],
    [{ AUDIT_CONSOLE_LEVEL: "quiet" }, ["AUDIT_CONSOLE_LEVEL"]],
    [{ APPLICATION_FILE_LEVEL: "None" }, ["APPLICATION_FILE_LEVEL"]],
    [{ APPLICATION_CONSOLE_LEVEL: "" }, ["APPLICATION_CONSOLE_LEVEL"]],
    [{ APPLICATION_FILE_MAX_BYTES: "NaN" }, ["APPLICATION_FILE_MAX_BYTES"]],
    [{ AUDIT_FILE_BACKUPS: "x", APPLICATION_FILE_LEVEL: "loud" }, ["AUDIT_FILE_BACKUPS", "APPLICATION_FILE_LEVEL"]]
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
        for (const key of keys) assert.include(failures.map(String).join(), key)
        assert.deepStrictEqual(yield* fs.readDirectory(folder), [])
      })
    )
  }

  for (const key of ["AUDIT_FILE_LEVEL", "AUDIT_FILE_MAX_BYTES", "AUDIT_FILE_BACKUPS", "APPLICATION_FILE_BACKUPS"]) {
    test(
      `fails with ${key} and no path`,
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Layer.build(Logs.layerConfig())).pipe(
          given({ [key]: key.endsWith("LEVEL") ? "Info" : "1" })
        )
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
      assert.strictEqual(yield* fs.readFileString(`${folder}/a`), record("ERROR").line + "\n")
      const [line, end] = (yield* fs.readFileString(`${folder}/b`)).split("\n")
      const { source, message } = JSON.parse(line ?? "")
      assert.deepStrictEqual([source, message, end], ["shop", "error", ""])
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
