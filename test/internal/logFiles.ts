/** Log files, as tests make them and look at them. */
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Array as Arr, Effect, type Duration, type Scope } from "effect"
import { gunzipSync } from "node:zlib"
import * as LogFile from "../../src/internal/logFile.js"
import * as PowerLoss from "../support/powerLoss.js"
import * as Faulty from "./faultyFileSystem.js"
import * as JumpClock from "./jumpClock.js"

/** On the real file system. */
export const test = (name: string, body: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => Effect.provide(body, NodeFileSystem.layer))

/** In memory, where files have the times of the clock. */
export const testInMemory = (name: string, body: Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => inMemory(body))

/** The same, with the clock in the hands of the test. */
export const testInTime = (
  name: string,
  start: number,
  body: (
    pass: (duration: Duration.DurationInput) => Effect.Effect<void>
  ) => Effect.Effect<void, unknown, FileSystem.FileSystem | Scope.Scope>
) =>
  it.scopedLive(name, () => {
    const { clock, jump } = JumpClock.make(start)
    return Effect.withClock(inMemory(body((duration) => Effect.zipRight(jump(duration), settle))), clock)
  })

/** Lets everything run that can without the system. */
export const settle = Effect.repeatN(Effect.yieldNow(), 100)

/** With an empty file system of its own. */
export const inMemory = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const fs = PowerLoss.make().fileSystem
    return Effect.zipRight(fs.makeDirectory("/log"), Effect.provideService(body, FileSystem.FileSystem, fs))
  })

export const inMemoryPath = "/log/audit.log"

export const temporaryPath = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  return `${yield* fs.makeTempDirectoryScoped()}/audit.log`
})

export const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/"))

export const readText = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))

export const writeText = (path: string, text: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(path, text))

export const exists = (path: string) => Effect.flatMap(FileSystem.FileSystem, (fs) => fs.exists(path))

/** What follows the name of the log in those of the files beside it. */
export const suffixes = (path: string) =>
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readDirectory(folderOf(path))),
    (names) => {
      const own = path.slice(folderOf(path).length + 1)
      return names
        .filter((name) => name.startsWith(own))
        .map((name) => name.slice(own.length))
        .sort()
    }
  )

/** The segments and the file itself, oldest first. */
export const pathsOf = (path: string) =>
  Effect.map(suffixes(path), (found) =>
    found
      .filter((suffix) => /^(\.\d{6,}(\.gz)?)?$/.test(suffix))
      // Compressed and not removed yet, it is the same segment.
      .filter((suffix) => !suffix.endsWith(".gz") || !found.includes(suffix.slice(0, -3)))
      .sort((a, b) => Number(a === "") - Number(b === "") || Number.parseInt(a.slice(1)) - Number.parseInt(b.slice(1)))
      .map((suffix) => path + suffix)
  )

/** The lines of each file, oldest file first. */
export const readFiles = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return yield* Effect.forEach(yield* pathsOf(path), (each) =>
      Effect.gen(function* () {
        const bytes = yield* fs.readFile(each)
        const lines = Buffer.from(each.endsWith(".gz") ? gunzipSync(bytes) : bytes)
          .toString()
          .split("\n")
        assert.strictEqual(lines.pop(), "", `${each} ends in the middle of a line`)
        return lines
      })
    )
  })

export const readLines = (path: string) => Effect.map(readFiles(path), Arr.flatten)

/** Any text is a line of it. */
export const text: LogFile.Format<void> = { ...LogFile.plain, isSound: () => true }

/** Says what happens to the file: that and nothing else. */
export const telling: LogFile.Format<void> = {
  ...text,
  note: (_, occasion) => {
    switch (occasion._tag) {
      case "Continued":
        return [`continued: ${occasion.reason}\n`, undefined]
      case "Trimming":
        return [`trimming: ${occasion.files.join(" ")}, next: ${occasion.next}\n`, undefined]
      default:
        return ["", undefined]
    }
  }
}

export const append = (log: LogFile.LogFile, lines: ReadonlyArray<string>) =>
  Effect.zipRight(log.write(lines), log.sync)

export const openAndAppend = (options: LogFile.Options, lines: ReadonlyArray<string>) =>
  Effect.scoped(Effect.flatMap(LogFile.open(options, text), (log) => append(log, lines)))

export const withFaults =
  (decide: Faulty.Decide) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.updateService(effect, FileSystem.FileSystem, (fs) => Faulty.wrap(fs, decide))

/** Fails the operations it is told to, for as long as it is told to. */
export const switchableFaults = () => {
  let faults: { readonly [Operation in Faulty.Operation]?: Faulty.Fault } = {}
  const set = (next: typeof faults) => Effect.sync(() => void (faults = next))
  const decide: Faulty.Decide = (operation) => faults[operation]
  return { decide, set }
}

/** Waits for what other fibers, or the system, bring about. */
export const eventually = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.flatMap(condition, (holds) => (holds ? Effect.void : Effect.zipRight(turn, eventually(condition))))

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
