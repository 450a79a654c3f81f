import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Either, Exit, Fiber, Logger, Option, Scope } from "effect"
import { spawn, type ChildProcess } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import * as Claim from "../../src/internal/claim.js"
import * as LogFile from "../../src/internal/logFile.js"
import {
  exists,
  inMemoryPath as path,
  suffixes,
  temporaryPath,
  test,
  testInMemory,
  testInTime,
  text,
  withFaults,
  writeText
} from "./logFiles.js"

const claim = (at: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => Claim.make(fs, at))

const claimsOf = (at: string) =>
  Effect.map(suffixes(at), (found) => found.filter((suffix) => suffix.startsWith(".lock-")))

/** How it ends while time passes: whoever waits for another program does so for seconds. */
const ends = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  pass: (millis: number) => Effect.Effect<void>,
  whilePassing: Effect.Effect<void, unknown, R> = Effect.void
) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Effect.either(effect))
    for (let step = 0; step < 200; step++) {
      yield* pass(100)
      yield* Effect.orDie(whilePassing)
      const exit = yield* Fiber.poll(fiber)
      if (Option.isSome(exit)) return yield* Fiber.join(fiber)
    }
    return assert.fail("it waits for ever")
  })

const here = (changes: object = {}, folder = "/log/other") =>
  Effect.gen(function* () {
    // As one of this program writes it.
    const written = yield* Effect.scoped(
      Effect.gen(function* () {
        yield* claim(folder)
        const [suffix] = yield* claimsOf(folder)
        const fs = yield* FileSystem.FileSystem
        return yield* fs.readFileString(folder + suffix)
      })
    )
    return JSON.stringify({ ...JSON.parse(written), ...changes })
  })

/** The number of a process that has ended. */
const deadPid = Effect.async<number>((resume) => {
  const child = spawn(process.execPath, ["-e", ""], { stdio: "ignore" })
  child.on("close", () => resume(Effect.succeed(child.pid ?? 0)))
})

/** A process that has ended, of a parent that goes on without asking. */
const unaskedFor = Effect.async<{ readonly parent: ChildProcess; readonly pid: number }>((resume) => {
  const parent = spawn("sh", ["-c", "sh -c 'echo $$' & exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] })
  parent.stdout.once("data", (chunk) => {
    const pid = Number(String(chunk))
    const look = () => {
      const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : ") Z"
      if (/\) Z/.test(stat)) resume(Effect.succeed({ parent, pid }))
      else setImmediate(look)
    }
    look()
  })
})

describe("a claim", () => {
  testInMemory(
    "lies beside the file while it holds, and is gone afterwards",
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* claim(path)
          const [suffix, ...others] = yield* claimsOf(path)
          assert.match(suffix!, new RegExp(`^\\.lock-${process.pid}-[0-9a-f]{6}$`))
          assert.isEmpty(others)
        })
      )
      assert.isEmpty(yield* claimsOf(path))
    })
  )

  testInTime("of this program keeps a second one of it away, with an error that says what to do", 0, (pass) =>
    Effect.gen(function* () {
      const first = yield* Scope.make()
      yield* Scope.extend(LogFile.open({ path }, text), first)
      const [suffix] = yield* claimsOf(path)
      const refused = yield* ends(Effect.scoped(LogFile.open({ path }, text)), pass)
      assert.isTrue(Either.isLeft(refused))
      if (Either.isRight(refused)) return
      assert.strictEqual(refused.left.reason, "Claimed")
      assert.strictEqual(
        refused.left.message,
        `'${path}' is written by another program, as '${path}${suffix}' says: end that one, or give this one a file of its own`
      )
      assert.deepStrictEqual(yield* claimsOf(path), [suffix])
      yield* Scope.close(first, Exit.void)
      assert.isTrue(Either.isRight(yield* ends(Effect.scoped(LogFile.open({ path }, text)), pass)))
    })
  )

  it.scopedLive("of another process keeps this one away, until that is killed", () =>
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const child = spawn(process.execPath, ["--import", "tsx", `${import.meta.dirname}/claimingChild.ts`, path], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => child.kill("SIGKILL")))
      yield* Effect.async<void>((resume) => void child.stdout.once("data", () => resume(Effect.void)))
      const error = yield* Effect.flip(Effect.scoped(LogFile.open({ path }, text)))
      assert.include(error.message, `.lock-${child.pid}-`)
      const ended = new Promise((resolve) => child.once("close", resolve))
      child.kill("SIGKILL")
      yield* Effect.promise(() => ended)
      assert.lengthOf(yield* claimsOf(path), 1)
      yield* Effect.scoped(LogFile.open({ path }, text))
      assert.isEmpty(yield* claimsOf(path))
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  test(
    "of a process that is dead, or has given its number away, does not hold, and is cleared away",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const fs = yield* FileSystem.FileSystem
      const own = yield* Effect.scoped(
        Effect.gen(function* () {
          yield* claim(path)
          const [suffix] = yield* claimsOf(path)
          return JSON.parse(yield* fs.readFileString(path + suffix)) as object
        })
      )
      yield* writeText(`${path}.lock-1-000001`, JSON.stringify({ ...own, pid: yield* deadPid }))
      // Where the system does not tell when a process started, its number is all there is.
      if (process.platform === "linux") {
        yield* writeText(`${path}.lock-1-000002`, JSON.stringify({ ...own, pid: process.ppid, started: "1" }))
      }
      yield* claim(path)
      assert.lengthOf(yield* claimsOf(path), 1)
    })
  )

  for (const [kind, contents] of [
    ["of another machine", Effect.suspend(() => here({ place: "elsewhere" }))],
    ["of another thread of this process", Effect.suspend(() => here())],
    ["that is empty", Effect.succeed("")],
    ["that nobody can read", Effect.succeed("\0{")]
  ] as const) {
    testInTime(`${kind} is watched, and holds if somebody touches it`, 1_700_000_000_000, (pass) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const other = `${path}.lock-7-abcdef`
        yield* writeText(other, yield* contents)
        let time = 0
        const touch = Effect.suspend(() => fs.utimes(other, ++time, time))
        const refused = yield* ends(Effect.scoped(claim(path)), pass, touch)
        assert.isTrue(Either.isLeft(refused))
        assert.deepStrictEqual(yield* claimsOf(path), [".lock-7-abcdef"])

        const granted = yield* ends(claim(path), pass)
        assert.isTrue(Either.isRight(granted))
        assert.isFalse(yield* exists(other))
      })
    )
  }

  testInTime("is touched twice a second", 1_700_000_000_000, (pass) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* claim(path)
      const [suffix] = yield* claimsOf(path)
      const touchedAt = Effect.map(fs.stat(path + suffix), ({ mtime }) => Option.getOrThrow(mtime).getTime())
      const before = yield* touchedAt
      yield* pass("500 millis")
      assert.strictEqual(yield* touchedAt, before + 500)
    })
  )

  testInTime("comes back where somebody has cleared it away", 1_700_000_000_000, (pass) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      yield* claim(path)
      const claims = yield* claimsOf(path)
      yield* fs.remove(path + claims[0])
      yield* pass("500 millis")
      assert.deepStrictEqual(yield* claimsOf(path), claims)
    })
  )

  it.scopedLive("goes to at most one of those that start at once", () =>
    Effect.gen(function* () {
      const path = yield* temporaryPath
      for (let round = 0; round < 5; round++) {
        const scopes = yield* Effect.forEach(Arr.range(1, 4), () => Scope.make())
        const exits = yield* Effect.forEach(scopes, (scope) => Effect.exit(Scope.extend(claim(path), scope)), {
          concurrency: "unbounded"
        })
        const granted = exits.filter(Exit.isSuccess).length
        assert.isAtMost(granted, 1)
        assert.lengthOf(yield* claimsOf(path), granted)
        yield* Effect.forEach(scopes, (scope) => Scope.close(scope, Exit.void))
        assert.isEmpty(yield* claimsOf(path))
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  for (const code of ["EACCES", "EPERM", "EROFS"]) {
    testInMemory(
      `is done without where nothing can be created in the folder, and a warning says so: ${code}`,
      Effect.gen(function* () {
        yield* writeText(path, "a\n")
        const warnings: Array<string> = []
        const logger = Logger.make(({ message }) => void warnings.push(String(message)))
        const log = yield* LogFile.open({ path }, text).pipe(
          withFaults((operation) => (operation === "writeFile" ? { code } : undefined)),
          Effect.provide(Logger.replace(Logger.defaultLogger, logger))
        )
        yield* log.write(["b"])
        assert.include(warnings.join(), `'${path}' cannot be guarded against a second program`)
      })
    )
  }

  testInMemory(
    "that cannot be made for another reason fails at once",
    Effect.gen(function* () {
      for (const [operation, code] of [
        ["writeFile", "ENOSPC"],
        ["readDirectory", "EIO"]
      ] as const) {
        const error = yield* Effect.flip(
          withFaults((asked) => (asked === operation ? { code } : undefined))(Effect.scoped(claim(path)))
        )
        assert.strictEqual(error.reason, code === "ENOSPC" ? "Full" : "Unavailable")
        assert.isEmpty(yield* claimsOf(path))
      }
    })
  )

  test(
    "of a process that has ended does not hold, though its parent has not asked for it",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      const { parent, pid } = yield* Effect.acquireRelease(unaskedFor, ({ parent }) => Effect.sync(() => parent.kill()))
      assert.isDefined(parent.pid)
      const fs = yield* FileSystem.FileSystem
      const started = yield* fs.readFileString(`/proc/${pid}/stat`).pipe(
        Effect.map((stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]),
        Effect.orElseSucceed(() => "")
      )
      yield* writeText(`${path}.lock-${pid}-abcdef`, yield* here({ pid, started }, `${path}.other`))
      yield* Effect.scoped(claim(path))
      assert.isEmpty(yield* claimsOf(path))
    })
  )

  test(
    "that its owner was killed over does not hold, and is not waited for",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(`${path}.lock-${yield* deadPid}-abcdef`, "")
      yield* Effect.scoped(claim(path))
      assert.isEmpty(yield* claimsOf(path))
    })
  )

  test(
    "is not left behind by an opening that fails for another reason",
    Effect.gen(function* () {
      const path = yield* temporaryPath
      yield* writeText(path, "a\ntorn")
      const error = yield* Effect.flip(
        withFaults((operation, at) => (operation === "open" && at.endsWith(".torn") ? { code: "EIO" } : undefined))(
          LogFile.open({ path }, LogFile.plain)
        )
      )
      assert.include(error.message, ".torn")
      assert.isEmpty(yield* claimsOf(path))
      yield* LogFile.open({ path }, LogFile.plain)
    })
  )
})
