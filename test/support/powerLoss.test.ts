import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Either, Exit, Option, Predicate, Scope, Stream } from "effect"
import * as fc from "fast-check"
import * as PowerLoss from "./powerLoss.js"

type Body<A> = (fs: FileSystem.FileSystem) => Effect.Effect<A, PlatformError, Scope.Scope>

const sync =
  (path: string): Body<void> =>
  (fs) =>
    Effect.flatMap(fs.open(path), (file) => file.sync)

const append =
  (path: string, text: string): Body<void> =>
  (fs) =>
    fs.writeFileString(path, text, { flag: "a" })

/** Every file and its text; a folder ends in a slash. */
const list = (fs: FileSystem.FileSystem, folder = "/"): Effect.Effect<Record<string, string>, PlatformError> =>
  Effect.gen(function* () {
    const found: Record<string, string> = {}
    for (const name of yield* fs.readDirectory(folder)) {
      const path = `${folder}${name}`
      if ((yield* fs.stat(path)).type === "File") found[path] = yield* fs.readFileString(path)
      else Object.assign(found, { [`${path}/`]: "" }, yield* list(fs, `${path}/`))
    }
    return found
  })

const inTurn =
  (...bodies: ReadonlyArray<Body<unknown>>): Body<void> =>
  (fs) =>
    Effect.forEach(bodies, (body) => body(fs), { discard: true })

interface Scenario {
  readonly options?: PowerLoss.Options | undefined
  /** What is safe before it starts. */
  readonly given?: Body<unknown>
  readonly when: Body<unknown>
}

const seeds = Arr.range(1, 150)

/** What is on the disk after each of many power losses. */
const losses = ({ options, given = () => Effect.void, when }: Scenario) =>
  Effect.forEach(seeds, (seed) =>
    Effect.scoped(
      Effect.gen(function* () {
        const disk = PowerLoss.make(options)
        yield* given(disk.fileSystem)
        disk.syncAll()
        yield* when(disk.fileSystem)
        disk.powerLoss(PowerLoss.makeRandom(seed))
        return yield* list(disk.restart())
      })
    )
  )

/** The different ones among them. */
const outcomes = (scenario: Scenario) => Effect.map(losses(scenario), distinct)

const distinct = (found: ReadonlyArray<Record<string, string>>) =>
  Arr.dedupe(found.map((each) => JSON.stringify(each)))
    .sort()
    .map((each): unknown => JSON.parse(each))

const textsOf = (path: string, scenario: Scenario) =>
  Effect.map(losses(scenario), (found) => Arr.dedupe(found.map((files) => files[path])))

describe("data", () => {
  it.effect("survives when the file and its folder were synced", () =>
    Effect.gen(function* () {
      const when = inTurn(append("/a", "one"), sync("/a"), sync("/"))
      assert.deepStrictEqual(yield* outcomes({ when }), [{ "/a": "one" }])
    })
  )

  it.effect("that was not synced is kept, lost, torn, or a size without bytes", () =>
    Effect.gen(function* () {
      const given = inTurn(append("/a", "safe"))
      const texts = yield* textsOf("/a", { given, when: append("/a", "more") })
      for (const text of ["safe", "safemore", "safe\0\0\0\0"]) assert.include(texts, text)
      const some = (pattern: RegExp) =>
        assert.isTrue(
          texts.some((text = "") => pattern.test(text)),
          String(pattern)
        )
      some(/^safem(?:or?)?$/)
      some(/^safem(?:or?)?\0+$/)
      // Garbage.
      some(/^safe(?!m?o?r?e?\0*$)/)
      assert.isTrue(texts.every((text) => text?.startsWith("safe")))
    })
  )

  it.effect("is synced through any handle", () =>
    Effect.gen(function* () {
      const when: Body<void> = (fs) =>
        Effect.gen(function* () {
          const writer = yield* fs.open("/a", { flag: "a" })
          const reader = yield* fs.open("/a")
          yield* writer.writeAll(new TextEncoder().encode("one"))
          yield* reader.sync
        })
      assert.deepStrictEqual(yield* outcomes({ given: append("/a", ""), when }), [{ "/a": "one" }])
    })
  )

  it.effect("reaches the disk in any order of its sectors", () =>
    Effect.gen(function* () {
      const [first, second] = ["1".repeat(512), "2".repeat(512)]
      const when = inTurn(append("/a", first), append("/a", second))
      const texts = yield* textsOf("/a", { given: append("/a", ""), when })
      assert.include(texts, "\0".repeat(512) + second)
      assert.include(texts, first)
    })
  )

  it.effect("may lose an earlier write and keep a later one", () =>
    Effect.gen(function* () {
      const when = inTurn(append("/a", "one"), append("/a", "two"))
      assert.include(yield* textsOf("/a", { given: append("/a", ""), when }), "\0\0\0two")
    })
  )

  it.effect("that was cut off may be back", () =>
    Effect.gen(function* () {
      const when = inTurn((fs) => fs.truncate("/a", 2))
      const texts = yield* textsOf("/a", { given: append("/a", "safe"), when })
      assert.sameMembers(texts, ["safe", "sa", "sa\0\0"])
    })
  )

  it.effect("that was written may have the time of its last sync", () =>
    Effect.gen(function* () {
      const found = yield* Effect.forEach(seeds, (seed) =>
        Effect.gen(function* () {
          const disk = PowerLoss.make()
          yield* append("/a", "one")(disk.fileSystem)
          disk.syncAll()
          yield* disk.fileSystem.utimes("/a", 5, 7)
          disk.powerLoss(PowerLoss.makeRandom(seed))
          return Option.getOrThrow((yield* disk.restart().stat("/a")).mtime).getTime()
        }).pipe(Effect.scoped)
      )
      assert.sameMembers(Arr.dedupe(found), [0, 7_000])
    })
  )

  it.effect("that was overwritten is the old, the new, or a mixture", () =>
    Effect.gen(function* () {
      const when: Body<void> = (fs) => fs.writeFileString("/a", "new", { flag: "r+" })
      const texts = yield* textsOf("/a", { given: append("/a", "old"), when })
      for (const text of ["old", "new", "nld"]) assert.include(texts, text)
    })
  )

  it.effect("that nothing has touched since its sync never changes", () =>
    Effect.gen(function* () {
      const change = fc.oneof(
        fc.record({ offset: fc.integer({ min: 700, max: 2_000 }), length: fc.integer({ min: 1, max: 900 }) }),
        fc.record({ cut: fc.integer({ min: 700, max: 2_000 }) })
      )
      const property = fc.asyncProperty(fc.array(change, { maxLength: 8 }), fc.integer(), (changes, seed) =>
        Effect.gen(function* () {
          const disk = PowerLoss.make()
          const untouched = "s".repeat(700)
          yield* disk.fileSystem.writeFileString("/a", untouched + "t".repeat(100))
          disk.syncAll()
          const file = yield* disk.fileSystem.open("/a", { flag: "r+" })
          for (const each of changes) {
            if ("cut" in each) yield* file.truncate(each.cut)
            else {
              yield* file.seek(each.offset, "start")
              yield* file.writeAll(new Uint8Array(each.length).fill(110))
            }
          }
          disk.powerLoss(PowerLoss.makeRandom(seed))
          assert.strictEqual((yield* disk.restart().readFileString("/a")).slice(0, 700), untouched)
        }).pipe(Effect.scoped, Effect.runPromise)
      )
      yield* Effect.promise(() => fc.assert(property, { numRuns: 100 }))
    })
  )

  it.scoped("is what is left after a power loss, until it changes again", () =>
    Effect.gen(function* () {
      for (const seed of seeds) {
        const disk = PowerLoss.make()
        yield* inTurn(append("/a", "one"), append("/b", "two"))(disk.fileSystem)
        disk.powerLoss(PowerLoss.makeRandom(seed))
        const left = yield* list(disk.restart())
        disk.powerLoss(PowerLoss.makeRandom(seed + 1))
        assert.deepStrictEqual(yield* list(disk.restart()), left)
      }
    })
  )
})

describe("names", () => {
  it.effect("may be gone though the file was synced", () =>
    Effect.gen(function* () {
      const when = inTurn(append("/a", "one"), sync("/a"))
      assert.deepStrictEqual(yield* outcomes({ when }), [{ "/a": "one" }, {}])
    })
  )

  it.effect("are safe once the folder was synced, but not what the file contains", () =>
    Effect.gen(function* () {
      const texts = yield* textsOf("/a", { when: inTurn(append("/a", "one"), sync("/")) })
      for (const text of ["", "one", "on", "\0\0\0"]) assert.include(texts, text)
      assert.notInclude(texts, undefined)
    })
  )

  it.effect("are lost one by one", () =>
    Effect.gen(function* () {
      const when = inTurn(append("/a", ""), append("/b", ""))
      assert.deepStrictEqual(yield* outcomes({ when }), [{ "/a": "", "/b": "" }, { "/a": "" }, { "/b": "" }, {}])
    })
  )

  it.effect("are the old one or the new one after a rename", () =>
    Effect.gen(function* () {
      const given = append("/a", "one")
      const when: Body<void> = (fs) => fs.rename("/a", "/b")
      assert.deepStrictEqual(yield* outcomes({ given, when }), [{ "/a": "one" }, { "/b": "one" }])
      assert.deepStrictEqual(yield* outcomes({ given, when: inTurn(when, sync("/")) }), [{ "/b": "one" }])
    })
  )

  it.effect("that are replaced lead to the old file or to the new one", () =>
    Effect.gen(function* () {
      const given = inTurn(append("/a", "old"), append("/b", "new"))
      const when: Body<void> = (fs) => fs.rename("/b", "/a")
      assert.deepStrictEqual(yield* outcomes({ given, when }), [{ "/a": "new" }, { "/a": "old", "/b": "new" }])
    })
  )

  it.effect("may lead to a file without its data, where that was not synced before it was renamed", () =>
    Effect.gen(function* () {
      const when = inTurn(append("/b", "new"), (fs) => fs.rename("/b", "/a"), sync("/"))
      const texts = yield* textsOf("/a", { given: append("/a", "old"), when })
      for (const text of ["", "new", "\0\0\0"]) assert.include(texts, text)
      assert.notInclude(texts, "old")
    })
  )

  it.effect("that are given anew never cost the file that had them before", () =>
    Effect.gen(function* () {
      const given = inTurn(append("/a", "1"), append("/a.1", "2"))
      const when = inTurn(
        (fs) => fs.rename("/a.1", "/a.2"),
        (fs) => fs.rename("/a", "/a.1"),
        (fs) => fs.writeFile("/a", new Uint8Array())
      )
      assert.deepStrictEqual(yield* outcomes({ given, when }), [
        { "/a": "", "/a.1": "1", "/a.2": "2" },
        { "/a": "1", "/a.1": "2" },
        { "/a": "1", "/a.2": "2" },
        { "/a.1": "1", "/a.2": "2" }
      ])
    })
  )

  it.effect("that were removed may be back", () =>
    Effect.gen(function* () {
      const given = inTurn(append("/a", "one"))
      const when: Body<void> = (fs) => fs.remove("/a")
      assert.deepStrictEqual(yield* outcomes({ given, when }), [{ "/a": "one" }, {}])
      assert.deepStrictEqual(yield* outcomes({ given, when: inTurn(when, sync("/")) }), [{}])
    })
  )

  it.effect("may both be gone after a link and a removal, unlike after a rename", () =>
    Effect.gen(function* () {
      const given = append("/a", "one")
      const link: Body<void> = (fs) => fs.link("/a", "/b")
      const remove: Body<void> = (fs) => fs.remove("/a")
      assert.deepStrictEqual(yield* outcomes({ given, when: inTurn(link, remove) }), [
        { "/a": "one", "/b": "one" },
        { "/a": "one" },
        { "/b": "one" },
        {}
      ])
      assert.deepStrictEqual(yield* outcomes({ given, when: inTurn(link, sync("/"), remove) }), [
        { "/a": "one", "/b": "one" },
        { "/b": "one" }
      ])
    })
  )

  it.effect("in two folders need both of them synced", () =>
    Effect.gen(function* () {
      const given = inTurn(
        (fs) => fs.makeDirectory("/x"),
        (fs) => fs.makeDirectory("/y"),
        append("/x/a", "one")
      )
      const rename: Body<void> = (fs) => fs.rename("/x/a", "/y/a")
      const old = { "/x/": "", "/x/a": "one", "/y/": "" }
      const moved = { "/x/": "", "/y/": "", "/y/a": "one" }
      for (const folder of ["/x", "/y"])
        assert.deepStrictEqual(yield* outcomes({ given, when: inTurn(rename, sync(folder)) }), [old, moved])
      assert.deepStrictEqual(yield* outcomes({ given, when: inTurn(rename, sync("/x"), sync("/y")) }), [moved])
      // What is made safe under the old name takes the rename with it.
      const again = inTurn(rename, append("/x/a", ""), sync("/x"))
      assert.deepStrictEqual(yield* outcomes({ given, when: again }), [{ ...moved, "/x/a": "" }])
    })
  )

  it.effect("in a new folder go with its own name", () =>
    Effect.gen(function* () {
      const when = inTurn((fs) => fs.makeDirectory("/x"), append("/x/a", "one"), sync("/x/a"), sync("/x"))
      assert.deepStrictEqual(yield* outcomes({ when }), [{ "/x/": "", "/x/a": "one" }, {}])
      assert.deepStrictEqual(yield* outcomes({ when: inTurn(when, sync("/")) }), [{ "/x/": "", "/x/a": "one" }])
    })
  )

  it.effect("that were moved out of a folder do not go with it when it is removed", () =>
    Effect.gen(function* () {
      const given = inTurn((fs) => fs.makeDirectory("/x"), append("/x/a", "one"))
      const when = inTurn(
        (fs) => fs.rename("/x/a", "/a"),
        (fs) => fs.remove("/x", { recursive: true })
      )
      assert.deepStrictEqual(yield* outcomes({ given, when }), [
        { "/a": "one", "/x/": "" },
        { "/a": "one" },
        { "/x/": "", "/x/a": "one" }
      ])
    })
  )

  it.effect("of folders never end up inside each other", () =>
    Effect.gen(function* () {
      const given = inTurn(
        (fs) => fs.makeDirectory("/x"),
        (fs) => fs.makeDirectory("/y")
      )
      const when = inTurn(
        (fs) => fs.rename("/x", "/y/x"),
        (fs) => fs.rename("/y/x", "/z"),
        (fs) => fs.rename("/y", "/z/y")
      )
      for (const outcome of yield* losses({ given, when })) assert.strictEqual(Object.keys(outcome).length, 2)
    })
  )

  it.effect("are all that holds a file: what has none is gone, open or not", () =>
    Effect.gen(function* () {
      const when: Body<void> = (fs) =>
        Effect.gen(function* () {
          const file = yield* fs.open("/a", { flag: "w" })
          yield* sync("/")(fs)
          yield* fs.remove("/a")
          yield* sync("/")(fs)
          yield* file.writeAll(Uint8Array.of(1))
          yield* file.sync
          assert.deepStrictEqual((yield* file.stat).nlink, Option.some(0))
        })
      assert.deepStrictEqual(yield* outcomes({ when }), [{}])
    })
  )
})

const codeOf = ({ cause }: PlatformError) => (Predicate.hasProperty(cause, "code") ? cause.code : undefined)

describe("powerLoss", () => {
  it.scoped("fails everything the old program does, and nothing of the new one", () =>
    Effect.gen(function* () {
      const disk = PowerLoss.make()
      const fs = disk.fileSystem
      const file = yield* fs.open("/a", { flag: "a+" })
      disk.syncAll()
      disk.powerLoss(PowerLoss.makeRandom(1))
      const calls: ReadonlyArray<Effect.Effect<unknown, PlatformError, Scope.Scope>> = [
        file.writeAll(Uint8Array.of(1)),
        file.write(Uint8Array.of(1)),
        file.read(new Uint8Array(1)),
        file.readAlloc(1),
        file.truncate(0),
        file.sync,
        file.stat,
        fs.open("/a"),
        fs.exists("/a"),
        fs.stat("/a"),
        fs.rename("/a", "/b"),
        fs.link("/a", "/b"),
        fs.remove("/a", { force: true }),
        fs.truncate("/a"),
        fs.utimes("/a", 0, 0),
        fs.readFile("/a"),
        fs.writeFile("/a", new Uint8Array()),
        fs.readLink("/a"),
        fs.realPath("/a"),
        fs.readDirectory("/"),
        fs.makeDirectory("/x", { recursive: true }),
        Stream.runDrain(fs.stream("/a"))
      ]
      const failsAll = Effect.forEach(calls, (call) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(call)
          if (error._tag !== "SystemError") return assert.fail(error._tag)
          assert.deepStrictEqual([error.reason, error.description, codeOf(error)], ["Unknown", "power loss", "EIO"])
        })
      )
      yield* failsAll
      const next = disk.restart()
      assert.deepStrictEqual(yield* list(next), { "/a": "" })
      yield* failsAll
      yield* next.writeFileString("/a", "new")
      assert.deepStrictEqual(yield* list(next), { "/a": "new" })
    })
  )

  it.effect("happens at the operation it is told to, which fails", () =>
    Effect.gen(function* () {
      const write = append("/a", "x")
      const found = yield* Effect.forEach(seeds, (seed) =>
        Effect.gen(function* () {
          const disk = PowerLoss.make()
          yield* write(disk.fileSystem)
          disk.syncAll()
          disk.powerLossAt(2, PowerLoss.makeRandom(seed))
          yield* disk.fileSystem.stat("/a")
          assert.strictEqual(codeOf(yield* Effect.flip(Effect.scoped(write(disk.fileSystem)))), "EIO")
          assert.strictEqual(disk.operations(), 3)
          return (yield* list(disk.restart()))["/a"]
        }).pipe(Effect.scoped)
      )
      // What was under way may still have happened.
      assert.sameMembers(Arr.dedupe(found.filter((text) => /^x+$/.test(text ?? ""))), ["x", "xx"])
    })
  )

  it.effect("happens where beforeEach says so", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const disk = PowerLoss.make({
        beforeEach: (operation, path) => {
          seen.push(`${operation} ${path}`)
          if (operation === "sync") disk.powerLoss(PowerLoss.makeRandom(1))
        }
      })
      const write: Body<void> = (fs) =>
        Effect.gen(function* () {
          const file = yield* fs.open("/a", { flag: "wx" })
          yield* file.writeAll(Uint8Array.of(1))
          yield* file.sync
        })
      assert.strictEqual(codeOf(yield* Effect.flip(Effect.scoped(write(disk.fileSystem)))), "EIO")
      yield* Effect.flip(disk.fileSystem.stat("/a"))
      assert.deepStrictEqual(seen, ["open /a", "write /a", "sync /a"])
      assert.strictEqual(disk.operations(), 2)
    })
  )

  it.effect("leaves the same for the same seed", () =>
    Effect.gen(function* () {
      const when = inTurn(append("/a", "one"), append("/b", "two"), (fs) => fs.rename("/a", "/c"), append("/b", "more"))
      assert.deepStrictEqual(yield* losses({ when }), yield* losses({ when }))
      assert.isAbove((yield* outcomes({ when })).length, 20)
    })
  )

  it.scoped("is not needed for a restart, which loses nothing but the handles", () =>
    Effect.gen(function* () {
      const disk = PowerLoss.make()
      const file = yield* disk.fileSystem.open("/a", { flag: "w" })
      yield* file.writeAll(Uint8Array.of(97))
      const next = disk.restart()
      assert.strictEqual(codeOf(yield* Effect.flip(file.sync)), "EIO")
      assert.deepStrictEqual(yield* list(next), { "/a": "a" })
      const found = yield* Effect.forEach(seeds, (seed) =>
        Effect.gen(function* () {
          const disk = PowerLoss.make()
          yield* append("/a", "a")(disk.fileSystem)
          disk.restart()
          disk.powerLoss(PowerLoss.makeRandom(seed))
          return yield* list(disk.restart())
        }).pipe(Effect.scoped)
      )
      assert.deepInclude(found, {})
    })
  )

  it.effect("finds nothing safe where syncs are ignored", () =>
    Effect.gen(function* () {
      const when = inTurn(append("/a", "one"), sync("/a"), sync("/"))
      const texts = yield* textsOf("/a", { options: { ignoreFileSync: true }, when })
      for (const text of ["", "on", "one"]) assert.include(texts, text)
      assert.notInclude(texts, undefined)
      const options = { ignoreFolderSync: true }
      assert.deepStrictEqual(yield* outcomes({ options, when }), [{ "/a": "one" }, {}])
    })
  )
})

describe("while the power is on", () => {
  it.scoped("a closed handle is of no use", () =>
    Effect.gen(function* () {
      const { fileSystem: fs } = PowerLoss.make()
      const file = yield* Effect.scoped(fs.open("/a", { flag: "w+" }))
      for (const call of [
        file.stat,
        file.sync,
        file.truncate(),
        file.read(new Uint8Array(1)),
        file.write(Uint8Array.of(1))
      ])
        assert.strictEqual(codeOf(yield* Effect.flip<unknown, PlatformError, never>(call)), "EBADF")
    })
  )

  it.effect("what is not modelled is a defect", () =>
    Effect.gen(function* () {
      const { fileSystem: fs } = PowerLoss.make()
      const calls: ReadonlyArray<Effect.Effect<unknown, PlatformError>> = [
        fs.chmod("/", 0),
        fs.symlink("/", "/a"),
        fs.stat("relative"),
        fs.stat("/.."),
        fs.stat(`/${"n".repeat(256)}`),
        fs.remove("/", { recursive: true }),
        fs.readDirectory("/", { recursive: true }),
        Stream.runDrain(fs.watch("/"))
      ]
      for (const call of calls) {
        const exit = yield* Effect.exit(call)
        if (!Exit.isFailure(exit) || exit.cause._tag !== "Die") return assert.fail(String(exit))
        assert.include(String(exit.cause.defect), "does not model")
      }
    })
  )

  it.effect("streams and sinks work", () =>
    Effect.gen(function* () {
      const { fileSystem: fs } = PowerLoss.make()
      const bytes = Uint8Array.from({ length: 1_000 }, (_, at) => at)
      yield* Stream.run(Stream.make(bytes.subarray(0, 600), bytes.subarray(600)), fs.sink("/a"))
      const chunks = yield* Stream.runCollect(fs.stream("/a", { offset: 10, chunkSize: 300 }))
      assert.deepStrictEqual(Uint8Array.from(Buffer.concat([...chunks])), bytes.slice(10))
    })
  )

  // Its errors are those of Linux.
  it.effect.skipIf(process.platform !== "linux")(
    "it answers as the real file system does",
    () =>
      Effect.gen(function* () {
        const real = yield* FileSystem.FileSystem
        const property = fc.asyncProperty(fc.array(step, { maxLength: 40, size: "max" }), (steps) =>
          Effect.gen(function* () {
            const folder = yield* real.makeTempDirectoryScoped()
            const { fileSystem: model } = PowerLoss.make()
            yield* model.makeDirectory(folder, { recursive: true })
            const expected = yield* play(real, folder, steps)
            const found = yield* play(model, folder, steps)
            for (const [at, { name }] of steps.entries())
              assert.deepStrictEqual(found.results[at], expected.results[at], name)
            assert.deepStrictEqual(found.left, expected.left)
          }).pipe(Effect.scoped, Effect.runPromise)
        )
        yield* Effect.promise(() => fc.assert(property, { numRuns: 150 }))
      }).pipe(Effect.provide(NodeFileSystem.layer)),
    60_000
  )
})

// The comparison with the real file system: few names, so that they meet, and handles by number.

interface Player {
  readonly fs: FileSystem.FileSystem
  readonly folder: string
  readonly handles: Array<{ readonly file: FileSystem.File; readonly scope: Scope.CloseableScope }>
}

interface Step {
  /** For the report of a counterexample. */
  readonly name: string
  readonly run: (player: Player) => Call
}

type Call = Effect.Effect<unknown, PlatformError>

const path = fc.constantFrom("a", "b", "x", "x/a", "x/y", "x/y/b", "a/b", "x/", "a/", "missing/a")
const text = fc.constantFrom("", "a", "bcd", "efghijklm")
const length = fc.constantFrom(0, 1, 3, 7, 12)
const slot = fc.nat({ max: 2 })
const flag = fc.constantFrom<FileSystem.OpenFlag>("r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+")
const nothing = fc.constant("")
const encode = (text: string) => new TextEncoder().encode(text)

const onPath = <A>(
  name: string,
  argument: fc.Arbitrary<A>,
  call: (fs: FileSystem.FileSystem, path: string, argument: A) => Call
) =>
  fc.tuple(path, argument).map(([path, argument]): Step => ({
    name: `${name} ${path} ${JSON.stringify(argument)}`,
    run: ({ fs, folder }) => call(fs, `${folder}/${path}`, argument)
  }))

const onPaths = (name: string, call: (fs: FileSystem.FileSystem, from: string, to: string) => Call) =>
  fc.tuple(path, path).map(([from, to]): Step => ({
    name: `${name} ${from} ${to}`,
    run: ({ fs, folder }) => call(fs, `${folder}/${from}`, `${folder}/${to}`)
  }))

const onHandle = <A>(name: string, argument: fc.Arbitrary<A>, call: (file: FileSystem.File, argument: A) => Call) =>
  fc.tuple(slot, argument).map(([slot, argument]): Step => ({
    name: `${name} #${slot} ${JSON.stringify(argument)}`,
    run: ({ handles }) => {
      const handle = handles[slot]
      return handle === undefined ? Effect.void : call(handle.file, argument)
    }
  }))

const open = fc.tuple(path, flag).map(([path, flag]): Step => ({
  name: `open ${path} ${flag}`,
  run: ({ fs, folder, handles }) =>
    Effect.flatMap(Scope.make(), (scope) =>
      Effect.map(Scope.extend(fs.open(`${folder}/${path}`, { flag, mode: 0o640 }), scope), (file) => {
        handles.push({ file, scope })
      })
    )
}))

const close = fc.constant<Step>({
  name: "close #0",
  run: ({ handles }) => {
    const first = handles.shift()
    return first === undefined ? Effect.void : Scope.close(first.scope, Exit.void)
  }
})

/** What is the same on every real file system. */
const infoOf = ({ type, size, nlink, mode }: FileSystem.File.Info) =>
  type === "File" ? { type, size, nlink, mode } : { type }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: open },
  close,
  { weight: 3, arbitrary: onHandle("writeAll", text, (file, text) => file.writeAll(encode(text))) },
  onHandle("write", text, (file, text) => file.write(encode(text))),
  onHandle("read", length, (file, length) => {
    const buffer = new Uint8Array(length)
    return Effect.map(file.read(buffer), (count) => ({ count, buffer }))
  }),
  onHandle("readAlloc", length, (file, length) =>
    Effect.map(
      file.readAlloc(length),
      Option.map((bytes) => Uint8Array.from(bytes))
    )
  ),
  onHandle("truncate", length, (file, length) => file.truncate(length)),
  onHandle("seek to", length, (file, length) => Effect.asVoid(file.seek(length, "start"))),
  onHandle("seek by", length, (file, length) => Effect.asVoid(file.seek(length, "current"))),
  onHandle("sync", nothing, (file) => file.sync),
  onHandle("stat", nothing, (file) => Effect.map(file.stat, infoOf)),
  onPath("stat", nothing, (fs, path) => Effect.map(fs.stat(path), infoOf)),
  onPath("exists", nothing, (fs, path) => fs.exists(path)),
  onPath("readLink", nothing, (fs, path) => fs.readLink(path)),
  onPath("realPath", nothing, (fs, path) => fs.realPath(path)),
  onPath("readFile", nothing, (fs, path) => Effect.map(fs.readFile(path), (bytes) => Uint8Array.from(bytes))),
  onPath("readDirectory", nothing, (fs, path) => Effect.map(fs.readDirectory(path), (names) => names.sort())),
  onPath("makeDirectory", fc.record({ recursive: fc.boolean() }), (fs, path, options) =>
    Effect.asVoid(fs.makeDirectory(path, options))
  ),
  onPath("remove", fc.record({ recursive: fc.boolean(), force: fc.boolean() }), (fs, path, options) =>
    fs.remove(path, options)
  ),
  onPath("truncate", length, (fs, path, length) => fs.truncate(path, length)),
  onPath("writeFile", fc.record({ text, flag }), (fs, path, { text, flag }) =>
    fs.writeFileString(path, text, { flag, mode: 0o640 })
  ),
  onPath("utimes", nothing, (fs, path) =>
    Effect.zipRight(
      fs.utimes(path, 5, 7),
      Effect.map(fs.stat(path), ({ mtime }) => mtime)
    )
  ),
  { weight: 3, arbitrary: onPaths("rename", (fs, from, to) => fs.rename(from, to)) },
  onPaths("link", (fs, from, to) => fs.link(from, to)),
  onPaths("are the same", (fs, from, to) =>
    Effect.zipWith(fs.stat(from), fs.stat(to), (one, other) => [
      Option.getOrThrow(one.ino) === Option.getOrThrow(other.ino),
      one.dev === other.dev
    ])
  )
)

const errorOf = (error: PlatformError) => ({
  tag: error._tag,
  method: error.method,
  // Node names the part of the path it has come to.
  description: error.method === "realPath" ? undefined : error.description,
  code: codeOf(error),
  ...(error._tag === "SystemError" && {
    reason: error.reason,
    syscall: error.syscall,
    path: typeof error.pathOrDescriptor === "number" ? "descriptor" : error.pathOrDescriptor
  })
})

const play = (fs: FileSystem.FileSystem, folder: string, steps: ReadonlyArray<Step>) =>
  Effect.gen(function* () {
    const player: Player = { fs, folder, handles: [] }
    const results = yield* Effect.forEach(steps, (step) =>
      Effect.map(Effect.either(step.run(player)), Either.mapLeft(errorOf))
    )
    const left = yield* list(fs, `${folder}/`)
    yield* Effect.forEach(player.handles, ({ scope }) => Scope.close(scope, Exit.void))
    return { results: results.map(Either.merge), left }
  })

// What it is for: a log that is right, and disks that are not.

interface Log {
  readonly append: (line: string) => Effect.Effect<void, PlatformError>
}

/** Line by line into `/log/current`, and a full file away to `/log/<number>`. */
const openLog = (fs: FileSystem.FileSystem): Effect.Effect<Log, PlatformError> =>
  Effect.gen(function* () {
    const path = "/log/current"
    const edit = <A>(flag: FileSystem.OpenFlag, use: (file: FileSystem.File) => Effect.Effect<A, PlatformError>) =>
      Effect.scoped(Effect.flatMap(fs.open(path, { flag }), use))
    const syncFolder = Effect.scoped(sync("/log")(fs))
    const create = Effect.zipRight(
      edit("a", () => Effect.void),
      syncFolder
    )
    const cutTornLine = edit("r+", (file) =>
      Effect.gen(function* () {
        yield* file.truncate((yield* fs.readFile(path)).lastIndexOf(10) + 1)
        yield* file.sync
      })
    )
    const rotate = Effect.gen(function* () {
      if ((yield* fs.stat(path)).size < 300) return
      yield* fs.rename(path, `/log/${(yield* fs.readDirectory("/log")).length}`)
      yield* syncFolder
      yield* create
    })
    yield* create
    yield* cutTornLine
    return {
      append: (line) =>
        Effect.zipRight(
          rotate,
          edit("a", (file) => Effect.zipRight(file.writeAll(encode(`${line}\n`)), file.sync))
        )
    }
  })

/** Appends until the power fails, three times in a row. `lost` are the lines that were acknowledged and are gone. */
const appendAndLose = (seed: number, options?: PowerLoss.Options) =>
  Effect.gen(function* () {
    const random = PowerLoss.makeRandom(seed)
    const disk = PowerLoss.make(options)
    yield* disk.fileSystem.makeDirectory("/log")
    disk.syncAll()
    const acknowledged: Array<string> = []
    let fs = disk.fileSystem
    for (const program of [1, 2, 3]) {
      disk.powerLossAt(1 + Math.floor(random() * 120), random)
      const log = openLog(fs)
      const appendAll = Effect.flatMap(log, ({ append }) =>
        Effect.forEach(Arr.range(1, 100), (number) => {
          const line = `${program}.${number} ${"x".repeat(number * 2)}`
          return Effect.map(append(line), () => void acknowledged.push(line))
        })
      )
      assert.strictEqual(codeOf(yield* Effect.flip(appendAll)), "EIO")
      fs = disk.restart()
    }
    const files = yield* list(fs, "/log/")
    const stored = new Set(Object.values(files).flatMap((text) => text.split("\n")))
    return { acknowledged, files, lost: acknowledged.filter((line) => !stored.has(line)) }
  })

const logSeeds = Arr.range(1, 300)

describe("a log that syncs what it should", () => {
  it.effect("loses no line it has acknowledged, whatever the power does", () =>
    Effect.gen(function* () {
      const runs = yield* Effect.forEach(logSeeds, (seed) => appendAndLose(seed))
      for (const [at, { lost }] of runs.entries()) assert.deepStrictEqual(lost, [], `seed ${logSeeds[at]}`)
      // Otherwise nothing would have been put at risk.
      assert.isAbove(runs.filter(({ acknowledged }) => acknowledged.length > 10).length, logSeeds.length / 2)
      assert.isAbove(runs.filter(({ files }) => "/log/2" in files).length, logSeeds.length / 4)
    })
  )

  for (const options of [{ ignoreFileSync: true }, { ignoreFolderSync: true }])
    it.effect(`loses some on a disk with ${Object.keys(options).join()}`, () =>
      Effect.gen(function* () {
        const runs = yield* Effect.forEach(logSeeds, (seed) => appendAndLose(seed, options))
        assert.isAbove(runs.filter(({ lost }) => lost.length > 0).length, logSeeds.length / 2)
      })
    )
})
