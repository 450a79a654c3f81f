import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Console,
  Deferred,
  Effect,
  Exit,
  FiberId,
  Layer,
  LogLevel,
  Logger,
  Redacted,
  Schema,
  Scope,
  TestClock
} from "effect"
import fc from "fast-check"
import * as AppLog from "../src/AppLog.js"
import * as Faulty from "./internal/faultyFileSystem.js"
import { folderOf } from "./internal/logFiles.js"

/** The lines that a program logs, as a destination with these options writes them. */
const linesOf = (program: Effect.Effect<unknown>, options?: AppLog.Options) =>
  Effect.gen(function* () {
    const lines: Array<AppLog.Line> = []
    const destination = AppLog.layer(
      Effect.succeed((line) => lines.push(line)),
      options
    )
    yield* program.pipe(Effect.provide(destination), Effect.provide(Logger.remove(Logger.defaultLogger)))
    for (const line of lines) {
      // What is decoded is what was written, and nothing else.
      assert.deepStrictEqual(Schema.decodeUnknownSync(AppLog.Line)(line, { onExcessProperty: "error" }), line)
    }
    return lines
  })

/** What is printed while the program runs. */
const printed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const out: Array<string> = []
    const errors: Array<string> = []
    const unsafe = {
      ...globalThis.console,
      log: (...args: ReadonlyArray<unknown>) => void out.push(args.join(" ")),
      error: (...args: ReadonlyArray<unknown>) => void errors.push(args.join(" "))
    }
    const console: Console.Console = {
      ...(yield* Effect.console),
      log: (...args) => Effect.sync(() => unsafe.log(...args)),
      error: (...args) => Effect.sync(() => unsafe.error(...args)),
      unsafe
    }
    const value = yield* Effect.withConsole(program, console)
    return { value, out, errors }
  })

class Tagged extends Error {
  readonly _tag = "Tagged"
}
class Special extends TypeError {}

describe("lines", () => {
  it.effect("have their members in order", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2024, 0, 31, 12, 0, 0, 7))
      const { out } = yield* printed(
        Effect.logWarning("hello").pipe(
          Effect.annotateLogs({ module: "main", requestId: "7" }),
          Effect.withLogSpan("took"),
          Effect.provide(AppLog.layerConsole({ source: "tests" }))
        )
      )
      assert.deepStrictEqual(out, [
        `{"level":"WARNING","date":"2024-01-31T12:00:00.007Z","message":"hello","source":"tests","module":"main",` +
          `"errorType":null,"errorInfo":null,"annotations":{"requestId":"7"},"spans":{"took":0}}`
      ])
    })
  )

  it.effect("have the source as their module where nobody says another", () =>
    Effect.gen(function* () {
      const [line] = yield* linesOf(Effect.logInfo("x"))
      assert.deepStrictEqual([line!.source, line!.module], ["app", "app"])
      assert.doesNotHaveAnyKeys(line!, ["annotations", "spans"])
    })
  )

  it.effect("put the parts of a message together", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf(
        Effect.all([
          Effect.logInfo("a", 1, { b: [true] }, null, 2n),
          Effect.logInfo(),
          Effect.logInfo(["a", "b"]),
          Effect.logInfo(Redacted.make("hunter2"), { token: Redacted.make("hunter2") })
        ])
      )
      assert.deepStrictEqual(
        lines.map(({ message }) => message),
        ['a 1 {"b":[true]} null 2', "", '["a","b"]', '<redacted> {"token":"<redacted>"}']
      )
    })
  )

  it.effect("say what a cause says, where nothing else is logged", () =>
    Effect.gen(function* () {
      const [line] = yield* linesOf(Effect.logError(Cause.fail(new Error("No such port\nor any other"))))
      assert.strictEqual(line?.message, "Error: No such port")
    })
  )

  it.effect("say what kind of error it is, and all there is to know about it", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf(
        Effect.all([
          Effect.logError("x", Cause.fail(new Tagged("tagged"))),
          Effect.logError("x", Cause.die(new Special("special"))),
          Effect.logError(new Special("only")),
          Effect.logError("x", Cause.fail(new Error("outer", { cause: new Error("inner") }))),
          Effect.logError("x", Cause.fail("text")),
          Effect.logError("x", Cause.parallel(Cause.fail(new Tagged("one")), Cause.die(new Special("two")))),
          Effect.logError("x", Cause.interrupt(FiberId.none))
        ])
      )
      assert.deepStrictEqual(
        lines.map(({ errorType, message }) => [errorType, message]),
        [
          ["Tagged", "x"],
          ["Special", "x"],
          ["Special", "only"],
          ["Error", "x"],
          ["string", "x"],
          ["Tagged", "x"],
          ["InterruptedException", "x"]
        ]
      )
      const infos = lines.map(({ errorInfo }) => errorInfo ?? "")
      assert.include(infos[0]!, "tagged")
      assert.include(infos[0]!, "AppLog.test.ts")
      assert.include(infos[2]!, "only")
      assert.include(infos[3]!, "inner")
      assert.include(infos[5]!, "one")
      assert.include(infos[5]!, "two")
    })
  )

  const throwAlways = () => {
    throw new Error("trap")
  }
  const traps = { get: throwAlways, has: throwAlways, ownKeys: throwAlways, getPrototypeOf: throwAlways }

  it.effect("are written whatever is logged", () =>
    Effect.gen(function* () {
      const cycle: Record<string, unknown> = {}
      cycle["self"] = cycle
      const hostile: ReadonlyArray<unknown> = [
        cycle,
        new Proxy({}, traps),
        new Proxy(() => {}, traps),
        Object.defineProperty(new Error("x"), "message", { get: throwAlways }),
        Object.assign(new Error("x"), { message: Symbol("m"), stack: 7, name: null }),
        { toJSON: throwAlways },
        Object.create(null),
        Symbol("s"),
        undefined
      ]
      // As it reaches a logger: Effect itself looks at what it is given to log.
      const lines: Array<AppLog.Line> = []
      const logger = AppLog.makeLogger((line) => lines.push(line))
      const written = yield* Effect.gen(function* () {
        for (const value of hostile) {
          for (const cause of [Cause.empty, Cause.fail(value), Cause.die(value)]) {
            const fiberId = FiberId.none
            const context = yield* Effect.getFiberRefs
            logger.log({
              fiberId,
              logLevel: LogLevel.Error,
              message: [value],
              cause,
              context,
              spans: (yield* Effect.succeed(undefined), { _tag: "Nil" } as never),
              annotations: yield* Effect.logAnnotations,
              date: new Date(0)
            })
          }
        }
        return lines
      }).pipe(Effect.annotateLogs({ module: { toJSON: throwAlways }, other: cycle, ["__proto__"]: "own" }))
      assert.lengthOf(written, hostile.length * 3)
      for (const line of written) {
        assert.strictEqual(line.module, "<unreadable>")
        assert.isString(line.message)
      }
    })
  )

  it.effect("are one line each, whatever the text", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.string({ unit: "binary" }),
            fc.constantFrom("\r\n", "\u2028", "\u0085", "\u001b[31m", "\u202e", "\ud800")
          ),
          async (text) => {
            const { out } = await Effect.runPromise(
              printed(
                Effect.logError(text, Cause.fail(new Error(text))).pipe(
                  Effect.annotateLogs(text, text),
                  Effect.provide(AppLog.layerConsole())
                )
              )
            )
            assert.lengthOf(out, 1)
            assert.notMatch(out[0]!, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
            assert.strictEqual(JSON.parse(out[0]!).message, text)
          }
        ),
        { numRuns: 100 }
      )
    )
  )
})

describe("levels", () => {
  const all = Effect.all([
    Effect.logTrace("Trace"),
    Effect.logDebug("Debug"),
    Effect.logInfo("Info"),
    Effect.logWarning("Warning"),
    Effect.logError("Error"),
    Effect.logFatal("Fatal")
  ])
  const names = ["Trace", "Debug", "Info", "Warning", "Error", "Fatal"] as const
  const messages = (lines: ReadonlyArray<AppLog.Line>) => lines.map(({ message }) => message)

  it.effect("have their names on the wire", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf(all, { level: "Trace" })
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [message, level]),
        [
          ["Trace", "DEBUG"],
          ["Debug", "DEBUG"],
          ["Info", "INFO"],
          ["Warning", "WARNING"],
          ["Error", "ERROR"],
          ["Fatal", "CRITICAL"]
        ]
      )
    })
  )

  it.effect("below the one given are left out, which is Info by default", () =>
    Effect.gen(function* () {
      for (const [index, level] of names.entries()) {
        assert.deepStrictEqual(messages(yield* linesOf(all, { level })), names.slice(index))
      }
      assert.deepStrictEqual(messages(yield* linesOf(all)), names.slice(2))
    })
  )

  it.effect("are each destination's own, and another destination changes nothing about them", () =>
    Effect.gen(function* () {
      const written = new Map<string, Array<AppLog.Line>>()
      const destination = (level: AppLog.Options["level"] & string) => {
        const lines: Array<AppLog.Line> = []
        written.set(level, lines)
        return AppLog.layer(
          Effect.succeed((line) => lines.push(line)),
          { level }
        )
      }
      yield* all.pipe(
        Effect.provide(
          Layer.mergeAll(destination("Warning"), destination("Trace"), destination("Debug"), destination("Fatal"))
        ),
        Effect.provide(Logger.remove(Logger.defaultLogger))
      )
      for (const [index, level] of names.entries()) {
        const lines = written.get(level)
        if (lines !== undefined) assert.deepStrictEqual(messages(lines), names.slice(index), level)
      }
    })
  )

  it.effect("of the program can still be raised", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf(Logger.withMinimumLogLevel(all, LogLevel.Error), { level: "Debug" })
      assert.deepStrictEqual(messages(lines), ["Error", "Fatal"])
    })
  )
})

describe("layerFile", () => {
  const test = (name: string, body: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
    it.scoped(name, () => Effect.provide(body, NodeFileSystem.layer))

  const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.map(fs.makeTempDirectoryScoped(), (folder) => `${folder}/application.log.jsonl`)
  )
  const read = (path: string) =>
    Effect.map(
      Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)),
      (text) =>
        text
          .split("\n")
          .slice(0, -1)
          .map((line): AppLog.Line => JSON.parse(line))
    )
  const quiet = Effect.provide(Logger.remove(Logger.defaultLogger))

  test(
    "writes every line, in order, and what is left when it closes",
    Effect.gen(function* () {
      const path = yield* temporary
      yield* Effect.forEach(Array.from({ length: 200 }), (_, n) => Effect.logInfo(String(n))).pipe(
        Effect.provide(AppLog.layerFile({ path, source: "tests" })),
        quiet
      )
      const lines = yield* read(path)
      assert.deepStrictEqual(
        lines.map(({ message }) => message),
        Array.from({ length: 200 }, (_, n) => String(n))
      )
      assert.strictEqual(lines[0]!.source, "tests")
    })
  )

  test(
    "appends to what is there, and rotates",
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* temporary
      for (let n = 0; n < 20; n++) {
        yield* Effect.logInfo(`line ${n}`).pipe(
          Effect.provide(AppLog.layerFile({ path, maxBytes: 600, keep: { files: 2 } })),
          quiet
        )
      }
      const segments = (yield* fs.readDirectory(folderOf(path))).filter((name) => /\.\d{6}$/.test(name)).sort()
      assert.lengthOf(segments, 2)
      const kept = yield* Effect.forEach([...segments.map((name) => `${folderOf(path)}/${name}`), path], read)
      const numbers = kept.flat().map(({ message }) => Number(message.slice("line ".length)))
      assert.deepStrictEqual(
        numbers,
        Array.from({ length: numbers.length }, (_, n) => 20 - numbers.length + n)
      )
    })
  )

  test(
    "does not start where the file cannot be written, and says which and why",
    Effect.gen(function* () {
      const folder = (yield* temporary).replace(/\/[^/]*$/, "")
      for (const path of [folder, `${folder}/missing/x`]) {
        const error = yield* Effect.flip(Layer.build(AppLog.layerFile({ path })))
        assert.instanceOf(error, AppLog.AppLogError)
        assert.strictEqual(error.path, path)
        assert.include(error.message, path)
      }
    })
  )

  it.scopedLive(
    "goes on without the disk: the program is not stopped, standard error says so, and no line is lost or doubled",
    () =>
      Effect.gen(function* () {
        const path = yield* temporary
        const fs = yield* FileSystem.FileSystem
        const failed = yield* Deferred.make<void>()
        let isFull = false
        const faulty = Faulty.wrap(fs, (operation) => {
          if (!isFull || operation !== "write") return undefined
          Deferred.unsafeDone(failed, Effect.void)
          return { code: "ENOSPC" }
        })
        const { errors, value } = yield* printed(
          Effect.gen(function* () {
            yield* Effect.logInfo("before")
            isFull = true
            yield* Effect.logInfo("during")
            yield* Deferred.await(failed)
            isFull = false
            yield* Effect.logInfo("after")
            return "done"
          }).pipe(
            Effect.provide(AppLog.layerFile({ path })),
            Effect.provideService(FileSystem.FileSystem, faulty),
            quiet
          )
        )
        assert.strictEqual(value, "done")
        assert.deepStrictEqual(
          (yield* read(path)).map(({ message }) => message),
          ["before", "during", "after"]
        )
        assert.lengthOf(errors, 2)
        assert.include(errors[0]!, "The application log cannot be written")
        assert.strictEqual(errors[1], "The application log can be written again")
      }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  test(
    "says at the end what it could not write",
    Effect.gen(function* () {
      const path = yield* temporary
      const fs = yield* FileSystem.FileSystem
      let isFull = false
      const faulty = Faulty.wrap(fs, (operation) => (isFull && operation === "write" ? { code: "ENOSPC" } : undefined))
      const scope = yield* Scope.make()
      const { errors } = yield* printed(
        Effect.gen(function* () {
          yield* Layer.buildWithScope(AppLog.layerFile({ path }), scope).pipe(
            Effect.provideService(FileSystem.FileSystem, faulty)
          )
          isFull = true
          yield* Effect.logInfo("one")
          yield* Effect.logInfo("two")
          const closing = yield* Effect.fork(Effect.uninterruptible(Scope.close(scope, Exit.void)))
          yield* TestClock.adjust("5 seconds")
          yield* closing.await
        }).pipe(quiet)
      )
      assert.include(errors, "2 lines of the application log are lost")
    })
  )
})
