import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Deferred,
  Effect,
  Either,
  Exit,
  Fiber,
  Layer,
  LogLevel,
  Option,
  Redacted,
  Runtime,
  Schema,
  Scope,
  TestClock
} from "effect"
import fc from "fast-check"
import * as AppLog from "../src/AppLog.js"
import * as AuditContext from "../src/AuditContext.js"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditLog from "../src/AuditLog.js"
import * as AuditRecord from "../src/AuditRecord.js"
import { AuditSink } from "../src/AuditSink.js"
import { AuditUnavailable } from "../src/BuiltInErrors.js"
import * as Extension from "../src/Extension.js"
import * as Registrar from "../src/Registrar.js"
import { assertLine, Counted, makeSink, Moved, run, settle, Test, Ticked, Visited } from "./support/auditLog.js"
import { hostileProxy, throwAlways } from "./support/hostile.js"

const jsonValue = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.dictionary(fc.oneof(fc.constantFrom("__proto__", "constructor", "toString", ""), fc.string()), fc.jsonValue()),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.constantFrom(-0, 1e308, 5e-324, "\r\n", "\u2028\u2029\u0085", "\u001b[31m", "\u202e", "\ud800", "__proto__")
)

describe("add", () => {
  it.effect("writes one line: level, date, message, event, source, with the context before the parameters", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2024, 0, 31, 12, 0, 0, 7))
      const { records } = yield* run(
        ({ audit }) =>
          audit
            .add(Moved, { where: "there", what: "it" })
            .pipe(AuditContext.withUser("ada"), Effect.provide(AuditContext.layer({ path: "/a", ip: "192.0.2.1" }))),
        { source: "tests" }
      )
      assert.deepStrictEqual(
        records.map(({ line }) => line),
        [
          `{"level":"INFO","date":"2024-01-31T12:00:00.007Z","message":"Moved it to there","event":{"type":"test-moved",` +
            `"details":{"ip":"192.0.2.1","path":"/a","user":"ada","what":"it","where":"there"}},"source":"tests"}`
        ]
      )
    })
  )

  it.effect("leaves out of the details what is not known, and shows null where the message names it", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.zipRight(
          audit.add(Moved, { what: "it", where: "there" }),
          Effect.provide(audit.add(Visited), AuditContext.layer({ path: "/a" }))
        )
      )
      assert.deepStrictEqual(
        records.map(({ event, message }) => [message, event.details]),
        [
          ["Moved it to there", { what: "it", where: "there" }],
          ["null at /a from null", { ip: null, path: "/a", user: null }]
        ]
      )
    })
  )

  it.effect("keeps the order in which one fiber adds, and the user that was known at each event", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.gen(function* () {
          yield* audit.add(Ticked)
          yield* AuditContext.withUser("ada")(audit.add(Ticked))
          yield* Effect.yieldNow()
          yield* AuditContext.withUser("bob")(audit.add(Ticked))
          yield* audit.add(Ticked)
        })
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.details["user"]),
        [undefined, "ada", "bob", undefined]
      )
    })
  )

  /** Adds each value to one audit log, and looks at the one record it becomes. */
  const forAll = <T>(arbitrary: fc.Arbitrary<T>, look: (value: T, record: AuditRecord.AuditRecord) => void) =>
    run(({ audit, sink, lines }) =>
      Effect.flatMap(Effect.runtime<Layer.Layer.Success<typeof Test.layer>>(), (runtime) =>
        Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(arbitrary, async (what) => {
              sink.records.length = 0
              const added = Effect.zipRight(audit.add(Moved, { what, where: 1 } as never), audit.flush)
              await Runtime.runPromise(runtime)(added)
              assert.lengthOf(sink.records, 1)
              assertLine(sink.records[0]!)
              look(what, sink.records[0]!)
              assert.deepStrictEqual(lines, [])
            }),
            { numRuns: 500 }
          )
        )
      )
    )

  it.effect("writes exactly one line for any JSON, and it reads back as the same event", () =>
    forAll(jsonValue, (what, { line }) => {
      const { details } = JSON.parse(line).event
      // JSON has no negative zero.
      assert.deepStrictEqual(details, JSON.parse(JSON.stringify({ what, where: 1 })))
    })
  )

  it.effect("writes exactly one line for anything at all", () =>
    forAll(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withSparseArray: true,
        withNullPrototype: true,
        withObjectString: true
      }),
      () => {}
    )
  )

  const cycle: Record<string, unknown> = { name: "cycle" }
  cycle["self"] = [cycle]
  const throwing = {
    get value(): string {
      throw new Error("getter")
    },
    kept: 1
  }
  const revoked = Proxy.revocable([], {})
  revoked.revoke()
  // Written out as a tree it has 2^40 leaves.
  let shared: ReadonlyArray<unknown> = ["leaf"]
  for (let level = 0; level < 40; level++) shared = [shared, shared]
  let deep: unknown = "bottom"
  for (let level = 0; level < 100_000; level++) deep = { deep }
  const megabyte = '\u2028"\\\u0000x'.repeat(200_000)

  const hostile: ReadonlyArray<readonly [name: string, value: unknown]> = [
    ["a line break", "a\r\nb\nc"],
    ["Unicode line ends", "a\u2028b\u2029c\u0085d"],
    ["terminal escapes", "\u001b[2J\u009b31m"],
    ["bidirectional overrides", "\u202euser\u2066"],
    ["lone surrogates", "\ud800x\udc00"],
    ["a prototype", JSON.parse('{"__proto__":{"polluted":true}}')],
    ["a megabyte", megabyte],
    ["a cycle", cycle],
    ["a getter that throws", throwing],
    ["a proxy that throws", hostileProxy],
    ["a revoked proxy", revoked.proxy],
    ["a bigint", 2n ** 80n],
    ["a shared graph", shared],
    ["a megabyte a thousand times", Array.from({ length: 1_000 }, () => "x".repeat(1 << 20))],
    [
      "a megabyte under a thousand keys",
      Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => ["x".repeat(1 << 20) + n, n]))
    ],
    ["a deep object", deep],
    ["a sparse array", Array(0xffff_ffff)],
    ["a function", () => 1],
    ["nothing", undefined],
    ["a symbol", Symbol("s")],
    ["not a number", Number.NaN],
    ["an invalid date", new Date(Number.NaN)],
    ["a date without its parts", Object.create(Date.prototype)],
    ["an error without text", Object.assign(new Error("x"), { message: Symbol("m"), name: null })],
    ["a toJSON that throws", { toJSON: throwAlways }],
    [
      "a toJSON without end",
      {
        toJSON(): object {
          return { ...this }
        }
      }
    ],
    ["an object without prototype", Object.assign(Object.create(null), { a: 1 })]
  ]

  for (const [name, value] of hostile) {
    it.effect(`writes one line for ${name}, and the handler goes on`, () =>
      Effect.gen(function* () {
        const { records } = yield* run(({ audit }) => audit.add(Moved, { what: value, where: "x" } as never))
        assert.lengthOf(records, 1)
        assertLine(records[0]!)
        assert.strictEqual(records[0]!.event.details["where"], "x")
        assert.notProperty({}, "polluted")
      })
    )
  }

  for (const [name, params] of [
    ["are a proxy that throws", hostileProxy],
    ["throw when they are read", throwing],
    ["are null", null],
    ["are text", "text"]
  ] as const) {
    it.effect(`writes one line where the parameters ${name}`, () =>
      Effect.gen(function* () {
        const { records } = yield* run(({ audit }) => audit.add(Moved, params as never))
        assert.lengthOf(records, 1)
        assertLine(records[0]!)
      })
    )
  }

  it.effect("records a value that does not fit its Schema in its JSON form, and says so", () =>
    Effect.gen(function* () {
      const { records, lines } = yield* run(({ audit }) => audit.add(Counted, { count: 1.5 }))
      assert.deepStrictEqual(records[0]!.event.details, { count: 1.5 })
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message]),
        [
          [
            "WARNING",
            "The audit event 'test-counted' was recorded with values that do not fit: count (count: Refinement)"
          ]
        ]
      )
    })
  )

  it.effect("cannot be made to overwrite who and where", () =>
    Effect.gen(function* () {
      const hostileParams = { ip: "evil", path: "evil", user: "evil", what: 1, where: 2 }
      const { records } = yield* run(({ audit }) =>
        Effect.zipRight(audit.add(Moved, hostileParams as never), audit.addByType("test-moved", hostileParams)).pipe(
          Effect.zipRight(
            Effect.zipRight(audit.add(Moved, hostileParams as never), audit.addByType("test-visited", hostileParams))
          ),
          AuditContext.withUser("ada"),
          Effect.provide(AuditContext.layer({ ip: "192.0.2.1", path: "/a" }))
        )
      )
      assert.lengthOf(records, 4)
      for (const { event, line } of records) {
        assert.notInclude(line, "evil")
        assert.deepInclude(event.details, { ip: "192.0.2.1", path: "/a", user: "ada" })
      }
    })
  )

  it.effect("cannot be made to fill in who and where either, where nothing is known", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        audit.addByType("test-visited", { ip: "evil", path: "evil", user: "evil" })
      )
      assert.strictEqual(records[0]!.message, "null at null from null")
      assert.notInclude(records[0]!.line, "evil")
    })
  )

  it.effect("has taken the event in even if the caller is interrupted while it is held up", () =>
    Effect.gen(function* () {
      const { records } = yield* run(
        ({ audit, sink }) =>
          Effect.gen(function* () {
            sink.state.mode = "fails"
            const held = yield* Effect.fork(Effect.zipRight(audit.add(Ticked), audit.add(Counted, { count: 1 })))
            yield* settle
            yield* Fiber.interrupt(held)
            sink.state.mode = "works"
            yield* TestClock.adjust("1 second")
          }),
        { capacity: { records: 1 } }
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.type),
        ["test-ticked"]
      )
    })
  )
})

describe("secrets", () => {
  const secret = "hunter2-secret"
  const hidden = Redacted.make(secret)

  class Account extends Schema.Class<Account>("Account")({
    name: Schema.String,
    token: Schema.Redacted(Schema.String)
  }) {}

  interface Tree {
    readonly token: Redacted.Redacted
    readonly children: ReadonlyArray<Tree>
  }
  interface EncodedTree {
    readonly token: string
    readonly children: ReadonlyArray<EncodedTree>
  }
  const Tree: Schema.Schema<Tree, EncodedTree> = Schema.suspend(() =>
    Schema.Struct({ token: Schema.Redacted(Schema.String), children: Schema.Array(Tree) })
  )

  const token = Schema.Redacted(Schema.String)
  const cases: ReadonlyArray<readonly [name: string, field: Schema.Struct.Field, value: unknown]> = [
    ["of itself", token, hidden],
    ["of RedactedFromSelf", Schema.RedactedFromSelf(Schema.String), hidden],
    ["of a refined value", token.pipe(Schema.filter(() => true)), hidden],
    ["of a branded value", token.pipe(Schema.brand("Token")), hidden],
    ["of a Struct", Schema.Struct({ token }), { token: hidden }],
    [
      "of an optional member",
      Schema.Struct({ token: Schema.optionalWith(token, { as: "Option" }) }),
      { token: Option.some(hidden) }
    ],
    ["of a renamed field", Schema.propertySignature(token).pipe(Schema.fromKey("key")), hidden],
    ["of an Option", Schema.Option(token), Option.some(hidden)],
    ["of OptionFromSelf", Schema.OptionFromSelf(token), Option.some(hidden)],
    ["of OptionFromNullOr", Schema.OptionFromNullOr(token), Option.some(hidden)],
    ["of an array", Schema.Array(token), [hidden]],
    ["of a tuple", Schema.Tuple(Schema.Number, token), [1, hidden]],
    ["of a record", Schema.Record({ key: Schema.String, value: token }), { a: hidden }],
    ["of a union", Schema.Union(Schema.Number, token), hidden],
    ["of a set", Schema.Set(token), new Set([hidden])],
    ["of a map", Schema.Map({ key: Schema.String, value: token }), new Map([["a", hidden]])],
    ["of an Either", Schema.Either({ left: Schema.String, right: token }), Either.right(hidden)],
    ["of parseJson", Schema.parseJson(Schema.Struct({ token })), { token: hidden }],
    ["of a Class", Account, new Account({ name: "ada", token: hidden })],
    ["of a recursive Schema", Tree, { token: hidden, children: [{ token: hidden, children: [] }] }],
    [
      "of a transformation",
      Schema.transform(token, Schema.Struct({ wrapped: Schema.RedactedFromSelf(Schema.String) }), {
        strict: true,
        decode: (wrapped) => ({ wrapped }),
        encode: ({ wrapped }) => wrapped
      }),
      { wrapped: hidden }
    ],
    ["of a secret number", Schema.Redacted(Schema.NumberFromString), Redacted.make(271828)],
    ["of no Schema at all", Schema.Unknown, { deep: [{ token: hidden }] }],
    ["that does not fit its Schema", Schema.Struct({ token: Schema.Redacted(Schema.Int) }), { token: hidden }],
    ["where something else is expected", Schema.Int, hidden],
    ["in an object where text is expected", Schema.String, { hidden }]
  ]

  for (const [name, field, value] of cases) {
    it.effect(`the value ${name} never reaches a line of either log`, () =>
      Effect.gen(function* () {
        const event = AuditEvent.make("test-secret", {
          level: "Info",
          message: "{value} {value:>40} {value:s}",
          fields: { value: field }
        } as never)
        const { records, lines } = yield* run(({ audit }) =>
          Effect.flatMap(
            Effect.provide(Effect.void, Layer.empty),
            () => audit.add(event as never, { value } as never) as Effect.Effect<void>
          )
        )
        assert.lengthOf(records, 1)
        assertLine(records[0]!)
        const everything = records[0]!.line + JSON.stringify(lines)
        assert.notInclude(everything, secret)
        assert.notInclude(everything, "271828")
        assert.include(records[0]!.line, "<redacted>")
      })
    )
  }
})

describe("require", () => {
  it.effect("resumes once the event is stored", () =>
    run(({ audit, sink }) =>
      Effect.gen(function* () {
        yield* audit.require(Ticked)
        assert.lengthOf(sink.records, 1)
      })
    )
  )

  it.effect("fails at once while the sink fails; the events are written once, in order, when it works again", () =>
    Effect.gen(function* () {
      const { records, lines } = yield* run(({ audit, sink }) =>
        Effect.gen(function* () {
          sink.state.mode = "fails"
          assert.instanceOf(yield* Effect.flip(audit.require(Counted, { count: 1 })), AuditUnavailable)
          assert.instanceOf(yield* Effect.flip(audit.require(Counted, { count: 2 })), AuditUnavailable)
          assert.instanceOf(yield* Effect.flip(audit.flush), AuditUnavailable)
          sink.state.mode = "works"
          yield* TestClock.adjust("1 second")
          yield* audit.require(Counted, { count: 3 })
        })
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.details["count"]),
        [1, 2, 3]
      )
      assert.deepStrictEqual(
        lines.map(({ level, message, errorType }) => [level, message, errorType]),
        [
          ["ERROR", "The audit log cannot be written; it is tried again until it can", "AuditSinkError"],
          ["WARNING", "The audit log can be written again", null]
        ]
      )
    })
  )

  it.effect("fails after its time where the sink hangs", () =>
    run(
      ({ audit, sink }) =>
        Effect.gen(function* () {
          sink.state.mode = "hangs"
          const waiting = yield* Effect.fork(Effect.exit(audit.require(Ticked)))
          yield* TestClock.adjust("2 seconds")
          assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
          yield* TestClock.adjust("1 seconds")
          assert.isTrue(Exit.isFailure(yield* Fiber.join(waiting)))
          sink.state.mode = "works"
        }),
      { waitAtMost: "3 seconds", closeWithin: 0 }
    )
  )

  it.effect("is waited for once by all, and not by each event again", () =>
    run(
      ({ audit, sink }) =>
        Effect.gen(function* () {
          sink.state.mode = "hangs"
          const adding = yield* Effect.fork(Effect.repeatN(audit.add(Ticked), 2))
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.join(adding)
          // At once, since somebody has waited in vain before.
          assert.isTrue(Exit.isFailure(yield* Effect.exit(audit.require(Ticked))))
        }),
      { waitAtMost: "3 seconds", closeWithin: 0, capacity: { records: 1 } }
    )
  )

  it.effect("ends in time within a finalizer as well", () =>
    run(
      ({ audit, sink }) =>
        Effect.gen(function* () {
          sink.state.mode = "hangs"
          const ending = yield* Effect.fork(Effect.ensuring(Effect.void, Effect.ignore(audit.require(Ticked))))
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.join(ending)
        }),
      { waitAtMost: "3 seconds", closeWithin: 0 }
    )
  )

  it.effect("fails where the sink dies, and lets nothing of it out", () =>
    Effect.gen(function* () {
      const sink = Layer.succeed(AuditSink, { write: () => Effect.dieMessage("bug in the sink"), sync: Effect.void })
      const exit = yield* Effect.flatMap(AuditLog.AuditLog, (audit) => Effect.exit(audit.require(Ticked))).pipe(
        Effect.provide(Test.layer.pipe(Layer.provideMerge(Registrar.layer({ closeWithin: 0 })), Layer.provide(sink)))
      )
      assert.deepStrictEqual(
        Exit.match(exit, {
          onSuccess: () => [],
          onFailure: (cause) => [...Cause.failures(cause)].map(({ _tag }) => _tag)
        }),
        ["audit-unavailable"]
      )
    })
  )

  it.effect("fails at once for an event that is dropped", () =>
    run(
      ({ audit, sink }) =>
        Effect.gen(function* () {
          sink.state.mode = "hangs"
          yield* audit.add(Ticked)
          assert.instanceOf(yield* Effect.flip(audit.require(Ticked)), AuditUnavailable)
        }),
      { capacity: { records: 1 }, whenFull: "drop-new", closeWithin: 0 }
    )
  )

  it.effect("interrupts only its own caller", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit, sink }) =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          sink.state.gate = Deferred.await(gate)
          const [one, other] = [yield* Effect.fork(audit.require(Ticked)), yield* Effect.fork(audit.require(Ticked))]
          yield* settle
          yield* Fiber.interrupt(one)
          yield* Deferred.succeed(gate, undefined)
          yield* Fiber.join(other)
        })
      )
      assert.lengthOf(records, 2)
    })
  )
})

describe("addByType", () => {
  it.effect("adds an event that is known only at run time, and keeps what it has no field for", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        audit.addByType("test-moved", { what: "it", where: "there", why: [1n] })
      )
      assert.deepStrictEqual(records[0]!.event.details, { what: "it", where: "there", why: ["1"] })
    })
  )

  it.effect("fails with a typed error for a type that nobody registered", () =>
    run(({ audit }) =>
      Effect.gen(function* () {
        for (const type of ["nope", "__proto__", "constructor", ""]) {
          const error = yield* Effect.flip(audit.addByType(type, {}))
          assert.instanceOf(error, AuditLog.AuditEventRejected)
          assert.strictEqual(error.reason, "UnknownType")
          assert.strictEqual(error.message, `No audit event of the type '${type}' is registered`)
        }
      })
    )
  )

  it.effect("fails with a typed error that lists what is missing", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(audit.addByType("test-moved", {}))
          assert.strictEqual(error.reason, "MissingParameters")
          assert.deepStrictEqual(error.missing, ["what", "where"])
          assert.strictEqual(error.message, "The audit event 'test-moved' lacks the parameters 'what', 'where'")
        })
      )
      assert.deepStrictEqual(records, [])
    })
  )

  it.effect("takes templates that name members of every object", () =>
    Effect.gen(function* () {
      const { records } = yield* run(({ audit }) =>
        Effect.gen(function* () {
          for (const name of ["message", "constructor", "toString", "hasOwnProperty", "_tag", "type"]) {
            const Odd = Extension.make("odd" as string, {
              auditEvents: [
                AuditEvent.make(`odd-${name}` as string, { level: "Info", message: `<{${name}}>` as string })
              ]
            })
            yield* Effect.provide(
              Effect.gen(function* () {
                assert.deepStrictEqual(
                  (yield* Effect.flip(audit.addByType(`odd-${name}`, {}))).reason,
                  "MissingParameters"
                )
                yield* audit.addByType(`odd-${name}`, JSON.parse(`{"${name}":"value"}`))
              }),
              Odd.layer
            )
          }
        })
      )
      assert.lengthOf(records, 6)
      for (const record of records) {
        assertLine(record)
        assert.strictEqual(record.message, "<value>")
      }
    })
  )

  it.effect("fails with a typed error where the parameters throw", () =>
    run(({ audit }) =>
      Effect.gen(function* () {
        const hostile = new Proxy(
          {},
          { getOwnPropertyDescriptor: () => assert.fail("trap"), ownKeys: () => assert.fail("trap") }
        )
        const exit = yield* Effect.exit(audit.addByType("test-moved", hostile))
        assert.isTrue(Exit.isFailure(exit) && Option.isSome(Cause.failureOption(exit.cause)))
      })
    )
  )
})

describe("closing", () => {
  /** An audit log whose Layer can be closed while the test looks on. */
  const open = (options?: AuditLog.Options) =>
    Effect.gen(function* () {
      const sink = makeSink()
      const lines: Array<AppLog.Line> = []
      const logger = AppLog.layer(Effect.succeed((line) => lines.push(line)))
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        Test.layer.pipe(Layer.provideMerge(Registrar.layer(options)), Layer.provide(sink.layer), Layer.provide(logger)),
        scope
      )
      const audit = yield* Effect.provide(AuditLog.AuditLog, context)
      return { audit: audit as AuditLog.Service, context, sink, lines, close: Scope.close(scope, Exit.void) }
    })

  it.effect("writes what waits", () =>
    Effect.gen(function* () {
      const { audit, context, close, sink } = yield* open()
      for (let count = 0; count < 100; count++) yield* Effect.provide(audit.add(Counted, { count }), context)
      yield* close
      assert.lengthOf(sink.records, 100)
    })
  )

  it.effect("with a sink that hangs ends in time, and says what is lost", () =>
    Effect.gen(function* () {
      const { audit, context, close, sink, lines } = yield* open({ closeWithin: "2 seconds" })
      sink.state.mode = "hangs"
      for (let count = 0; count < 3; count++) yield* Effect.provide(audit.add(Counted, { count }), context)
      const closing = yield* Effect.fork(Effect.uninterruptible(close))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message]),
        [
          [
            "CRITICAL",
            "3 audit events could not be written before the end: as far as they were taken in, they follow on standard error"
          ]
        ]
      )
    })
  )

  it.effect("is survived by those who add afterwards: the event is refused, and it is said", () =>
    Effect.gen(function* () {
      const { audit, context, close, lines, sink } = yield* open()
      yield* close
      yield* Effect.provide(audit.add(Ticked), context)
      assert.instanceOf(yield* Effect.flip(Effect.provide(audit.require(Ticked), context)), AuditUnavailable)
      assert.deepStrictEqual(sink.records, [])
      assert.deepStrictEqual(
        lines.map(({ message }) => message),
        ["Audit events are dropped, the first of them 'test-ticked': the audit log is full or closed"]
      )
    })
  )
})

describe("levels", () => {
  it.effect("have their names on the wire", () =>
    Effect.gen(function* () {
      const levels = ["Debug", "Info", "Warning", "Error", "Fatal"] as const
      const events = levels.map((level) =>
        AuditEvent.make(`level-${level}` as string, { level, message: "x" as string })
      )
      const Levels = Extension.make("level" as string, { auditEvents: events })
      const { records } = yield* run(({ audit }) =>
        Effect.provide(
          Effect.forEach(events, (event) => audit.add(event)),
          Levels.layer
        )
      )
      assert.deepStrictEqual(
        records.map(({ level }) => level),
        ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
      )
      assert.strictEqual(LogLevel.Fatal.label, "FATAL")
    })
  )
})
