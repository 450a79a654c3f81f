import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import fc from "fast-check"
import * as AuditChain from "../../src/AuditChain.js"
import * as AuditFormat from "../../src/AuditFormat.js"
import * as Cef from "../../src/AuditFormat/Cef.js"
import * as CloudEvents from "../../src/AuditFormat/CloudEvents.js"
import * as Ecs from "../../src/AuditFormat/Ecs.js"
import * as Ocsf from "../../src/AuditFormat/Ocsf.js"
import * as Syslog from "../../src/AuditFormat/Syslog.js"
import type { AuditRecord } from "../../src/AuditRecord.js"
import * as AuditSink from "../../src/AuditSink.js"
import * as FileSink from "../../src/AuditSink/File.js"
import { throwAlways, hostileProxy } from "../support/hostile.js"
import { make, records } from "./records.js"

const [ecs, ocsf, cloudEvents, syslog, cef] = [Ecs.make(), Ocsf.make(), CloudEvents.make(), Syslog.make(), Cef.make()]
const json = [AuditFormat.stored, ecs, ocsf, cloudEvents]
const text = [syslog, cef]
const formats = [...json, ...text]

describe("every format", () => {
  for (const format of formats) {
    it(`${format.name} is one line for every record, and the same when it is asked again`, () => {
      fc.assert(
        fc.property(records, (record) => {
          const line = format.line(record)
          assert.notMatch(line, /[\p{Cc}\u2028\u2029\u202e]/u)
          assert.strictEqual(format.line(record), line)
          assert.strictEqual(Buffer.from(line).toString(), line)
          if (json.includes(format)) assert.isObject(JSON.parse(line))
        }),
        { numRuns: 300 }
      )
    })

    it(`${format.name} takes what is large and what is deep`, () => {
      let deep: AuditRecord["event"]["details"] = {}
      for (let depth = 0; depth < 500; depth++) deep = { deep }
      const large = 'x\n=|]"\\\ud800'.repeat(40_000)
      const line = format.line(
        make({ message: large, type: large, details: { ...deep, user: large, large, [large]: 1 } })
      )
      assert.isAbove(line.length, 3 * large.length)
      assert.notInclude(line, "\n")
    })
  }
})

describe("isJson", () => {
  it("tells what can be kept where our own lines are", () => {
    assert.deepStrictEqual(formats.map(AuditFormat.isJson), [true, true, true, true, false, false])
    const isJson = (contentType: string) => AuditFormat.isJson({ ...cef, contentType })
    for (const contentType of ["application/json", "Application/JSON; charset=utf-8", "application/a+json"]) {
      assert.isTrue(isJson(contentType), contentType)
    }
    for (const contentType of [
      "text/plain",
      "application/jsonx",
      "application/json-seq",
      "text/plain; form=a/json",
      ""
    ]) {
      assert.isFalse(isJson(contentType), contentType)
    }
  })
})

describe("fromJson", () => {
  it("gives what has no JSON form a readable one", () => {
    const circular: Record<string, unknown> = {}
    circular["self"] = circular
    const values = { missing: undefined, big: 1n, circular, proxy: hostileProxy }
    Object.defineProperty(values, "trap", { enumerable: true, get: throwAlways })
    const format = AuditFormat.fromJson("mine", ({ message }) => ({ message, values }))
    assert.deepStrictEqual(JSON.parse(format.line(make())), {
      message: "hello",
      values: { big: "1", circular: { self: "<circular>" }, proxy: "<unreadable>", trap: "<unreadable>" }
    })
    assert.deepStrictEqual([format.name, format.contentType], ["mine", "application/json"])
  })

  it("leaves what is JSON as it is, however large", () => {
    const large = "x".repeat(3 * 1024 * 1024)
    const format = AuditFormat.fromJson("mine", ({ event }) => event.details)
    assert.strictEqual(JSON.parse(format.line(make({ details: { large } }))).large, large)
  })
})

const use = <E, R>(layer: Layer.Layer<AuditSink.AuditSink, E, R>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, AuditSink.AuditSink))

/** A sink that reads whole records, and fails as often as it is told to. */
const makeSink = (failures = 0) => {
  const given: Array<AuditRecord> = []
  const failure = new AuditSink.AuditSinkError({ sink: "test", reason: "Full", description: "no room" })
  const layer = Layer.sync(AuditSink.AuditSink, () => ({
    write: (batch: AuditSink.Batch) =>
      Effect.suspend(() => {
        given.push(...batch)
        return failures-- > 0 ? failure : Effect.void
      }),
    sync: Effect.void
  }))
  return { given, layer }
}

describe("AuditSink.format", () => {
  it.scoped("gives the sink its lines in the format, and everything else as it was", () =>
    Effect.gen(function* () {
      for (const format of formats) {
        const { given, layer } = makeSink()
        const sink = yield* use(AuditSink.format(format)(layer))
        const record = make({ details: { user: "ada" } })
        yield* sink.write([record])
        assert.deepStrictEqual(given, [{ ...record, line: format.line(record) }])
      }
    })
  )

  it.scoped("gives it the same object for a record that is given again, and makes its line once", () =>
    Effect.gen(function* () {
      const { given, layer } = makeSink(2)
      let made = 0
      const counting = AuditFormat.fromJson("counting", () => ({ made: made++ }))
      const sink = yield* use(AuditSink.format(counting)(layer))
      const [one, two] = [make(), make()]
      yield* Effect.flip(sink.write([one]))
      yield* Effect.flip(sink.write([one, two]))
      yield* sink.write([one, two])
      assert.strictEqual(made, 2)
      assert.strictEqual(new Set(given).size, 2)
      assert.isTrue(given.every((record) => record === given[0] || record === given[2]))
      assert.notStrictEqual(given[0], given[2])
    })
  )

  it.scoped("of two formats the one next to the sink counts, and sees the record as it was", () =>
    Effect.gen(function* () {
      const { given, layer } = makeSink()
      const sink = yield* use(AuditSink.format(ecs)(AuditSink.format(cloudEvents)(layer)))
      const record = make()
      yield* sink.write([record])
      assert.strictEqual(given[0]?.line, cloudEvents.line(record))
    })
  )

  it.scoped("stores lines of JSON in a file, chained, and each once", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      for (const format of [ecs, ocsf, cloudEvents]) {
        const path = `${yield* fs.makeTempDirectoryScoped()}/audit.jsonl`
        const records = [make({ message: "one" }), make({ message: "two" })] as const
        yield* Effect.gen(function* () {
          const sink = yield* use(AuditSink.format(format)(FileSink.layer({ path, chain: true })))
          yield* sink.write(records)
          yield* sink.write([...records, make({ message: "three" })])
          yield* sink.sync
        }).pipe(Effect.scoped)
        const lines = (yield* fs.readFileString(path)).trimEnd().split("\n")
        const verifier = AuditChain.verifier()
        for (const line of lines) verifier.line(new TextEncoder().encode(line))
        const { problem, records: count } = verifier.end()
        assert.isUndefined(problem)
        // What the trail says of itself is in its own form.
        assert.strictEqual(count, lines.length)
        const { chain: _, ...stored } = JSON.parse(lines[1]!)
        assert.deepStrictEqual(stored, JSON.parse(format.line(records[0])))
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  const inFolder = <A, E>(use: (path: string) => Effect.Effect<A, E, FileSystem.FileSystem>) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      return yield* use(`${yield* fs.makeTempDirectoryScoped()}/audit.jsonl`)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

  it.effect("fails where a file would get lines that are no JSON, also through other combinators", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const file = FileSink.layer({ path })
        const around: ReadonlyArray<Layer.Layer<AuditSink.AuditSink, AuditSink.AuditSinkError, FileSystem.FileSystem>> =
          [
            file,
            AuditSink.filter("Error")(file),
            AuditSink.combine(AuditSink.console, file),
            AuditSink.combine(makeSink().layer, AuditSink.filter("Error")(file)),
            AuditSink.bestEffort()(file)
          ]
        for (const layer of around) {
          for (const format of text) {
            const error = yield* Effect.scoped(Effect.flip(use(AuditSink.format(format)(layer))))
            assert.strictEqual(
              error.message,
              `The audit sink 'format ${format.name}' failed: The sink keeps lines of JSON, and the lines of '${format.name}' are none: use a format that is JSON, or another sink`
            )
            assert.strictEqual(error.reason, "Misconfigured")
          }
          for (const format of json) yield* Effect.scoped(use(AuditSink.format(format)(layer)))
        }
      })
    )
  )

  it.scoped("fails where records are read again, also through other combinators", () =>
    Effect.gen(function* () {
      const sink = { write: () => Effect.void, sync: Effect.void }
      const lines = Layer.sync(AuditSink.AuditSink, () => AuditSink.ofLines({ ...sink }, "records"))
      const whole = Layer.sync(AuditSink.AuditSink, () => AuditSink.taking("records", { ...sink }))
      for (const layer of [
        lines,
        whole,
        AuditSink.filter("Error")(whole),
        AuditSink.combine(AuditSink.console, lines),
        AuditSink.bestEffort()(whole)
      ]) {
        for (const format of formats) {
          const error = yield* Effect.flip(use(AuditSink.format(format)(layer)))
          assert.strictEqual(error.reason, "Misconfigured")
          assert.include(error.message, "behind a spool, put it around the remote sink")
        }
      }
    })
  )

  it.scoped("takes every format where nobody reads lines again", () =>
    Effect.gen(function* () {
      for (const layer of [
        AuditSink.console,
        AuditSink.empty,
        AuditSink.combine(AuditSink.console, makeSink().layer),
        AuditSink.bestEffort()(AuditSink.console)
      ]) {
        for (const format of formats) yield* use(AuditSink.format(format)(layer))
      }
    })
  )
})
