import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Data, Effect, Either, Exit, Layer, Option, Redacted, Schema, TestClock } from "effect"
import fc from "fast-check"
import * as ApiError from "../../src/ApiError.js"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as AuditLog from "../../src/AuditLog.js"
import * as AuditSink from "../../src/AuditSink.js"
import * as Extension from "../../src/Extension.js"
import * as HmacKey from "../../src/HmacKey.js"
import * as Privacy from "../../src/Privacy.js"
import * as Registrar from "../../src/Registrar.js"
import { InvalidDefinition } from "../../src/Registration.js"
import * as Testing from "../../src/Testing.js"
import * as Http from "../support/http.js"

const hmacKey = Either.getOrThrow(HmacKey.make(Redacted.make("correct horse battery staple, 32 bytes and more")))
const pseudonym = (value: unknown) => HmacKey.pseudonym(hmacKey, value)

const LoginFailed = AuditEvent.make("privacy-login-failed", {
  level: "Warning",
  message: "{email} failed to log in with {password}, {card}",
  fields: {
    email: Schema.String.pipe(Privacy.hmac),
    password: Schema.String.pipe(Privacy.omit),
    card: Schema.optional(Schema.String.pipe(Privacy.keepLast(4)))
  },
  collapse: { within: "1 minute", by: ["email"] }
})
const Plain = AuditEvent.make("privacy-plain", { level: "Info", message: "{what}" })
const Test = Extension.make("privacy", { auditEvents: [LoginFailed, Plain] })

/** Both logs, after the body. */
const recorded = <A, E>(
  body: (audit: AuditLog.Service) => Effect.Effect<A, E, Layer.Layer.Success<typeof Test.layer>>,
  options: AuditLog.Options = { hmacKey }
) =>
  Effect.gen(function* () {
    yield* Effect.flatMap(AuditLog.AuditLog, body)
    const { application, audit } = yield* Testing.Recorded
    return { records: yield* audit, lines: yield* application }
  }).pipe(
    Effect.provide(Test.layer.pipe(Layer.provideMerge(Registrar.layer(options)), Layer.provideMerge(Testing.layer())))
  )

const assertHidden = (all: unknown, ...secrets: ReadonlyArray<string>) => {
  const text = JSON.stringify(all)
  for (const secret of secrets) assert.notInclude(text, secret)
}

const login = { email: "ada@example.com", password: "hunter2", card: "4111111111111234" }

describe("an event with marked fields", () => {
  it.scoped("shows none of them, in either log", () =>
    Effect.gen(function* () {
      const { lines, records } = yield* recorded((audit) => audit.require(LoginFailed, login))
      assert.deepStrictEqual(
        records.map(({ event, message }) => ({ message, details: event.details })),
        [
          {
            message: `${pseudonym(login.email)} failed to log in with <omitted>, <redacted>1234`,
            details: { email: pseudonym(login.email), card: "<redacted>1234" }
          }
        ]
      )
      assert.deepStrictEqual(lines, [])
      assertHidden(records, ...Object.values(login))
    })
  )

  it.scoped("shows none of them where they do not fit", () =>
    Effect.gen(function* () {
      const { lines, records } = yield* recorded((audit) =>
        audit.addByType("privacy-login-failed", {
          email: [login.email],
          password: { hunter2: 1 },
          card: 4111111111111234
        })
      )
      assert.deepStrictEqual(records[0]?.event.details, { email: "<redacted>", card: "<redacted>" })
      assert.deepStrictEqual(
        lines.map(({ message }) => message),
        [
          "The audit event 'privacy-login-failed' was recorded with values that do not fit: email (email: Type), password (password: Type), card (card: Type; card: Type)"
        ]
      )
      assertHidden([records, lines], ...Object.values(login))
    })
  )

  it.scoped("collapses by pseudonyms, and the summary shows no more", () =>
    Effect.gen(function* () {
      const { lines, records } = yield* recorded((audit) =>
        Effect.gen(function* () {
          for (const email of [login.email, login.email, "eve@example.com", login.email]) {
            yield* audit.add(LoginFailed, { ...login, email })
          }
          yield* TestClock.adjust("1 minute")
        })
      )
      assert.deepStrictEqual(
        records.map(({ event }) => event.type),
        ["privacy-login-failed", "privacy-login-failed", "registrar-events-collapsed"]
      )
      assert.deepInclude(records[2]?.event.details, {
        count: 2,
        details: { email: pseudonym(login.email), card: "<redacted>1234" }
      })
      assertHidden([records, lines], ...Object.values(login), "eve@")
    })
  )

  it.scoped("shows none of them around an act", () =>
    Effect.gen(function* () {
      class Refused extends Data.TaggedError("Refused")<{ readonly password: string }> {}
      const { lines, records } = yield* recorded((audit) =>
        Effect.exit(audit.around(LoginFailed, login)(new Refused({ password: login.password })))
      )
      assert.strictEqual(records.length, 2)
      assert.strictEqual(records[1]?.message, "'privacy-login-failed' failed: Refused")
      assertHidden([records, lines], ...Object.values(login))
    })
  )
})

describe("without a key", () => {
  it.scoped("pseudonyms are masked, and the application log says so once for a type", () =>
    Effect.gen(function* () {
      const { lines, records } = yield* recorded(
        (audit) =>
          Effect.gen(function* () {
            yield* audit.require(LoginFailed, login)
            yield* audit.require(LoginFailed, login)
            yield* audit.require(Plain, { what: "x" })
          }),
        {}
      )
      assert.deepStrictEqual(records[1]?.event.details, { email: "<redacted>", card: "<redacted>1234" })
      assert.deepStrictEqual(
        lines.map(({ level, message }) => `${level} ${message}`),
        [
          "WARNING The audit event 'privacy-login-failed' has fields that should be pseudonyms, and are masked because there is no key: give the option hmacKey"
        ]
      )
      assertHidden([records, lines], ...Object.values(login))
    })
  )

  const App = HttpLayerRouter.add("GET", "/", HttpServerResponse.text("ok")).pipe(Layer.provide(Test.layer))

  it.scoped("a server with such events does not start", () =>
    Effect.gen(function* () {
      const start = (options: Registrar.Options) =>
        Effect.exit(
          Http.startInProcess(
            Registrar.serve(App, { disableListenLog: true, ...options }).pipe(Layer.provide(AuditSink.empty))
          )
        )
      const exit = yield* start({})
      const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
      assert.instanceOf(failure, InvalidDefinition)
      assert.deepStrictEqual(failure.definitions, [
        {
          _tag: "Invalid",
          owner: "privacy",
          name: "privacy-login-failed",
          problem:
            "the field 'email' is marked with Privacy.hmac, and there is no key: give the option hmacKey, or AUDIT_HMAC_KEY to serveConfig"
        }
      ] as never)
      assert.isTrue(Exit.isSuccess(yield* start({ hmacKey })))
    })
  )

  it.scoped("Config gives it, or says what is wrong with it without showing it", () =>
    Effect.gen(function* () {
      const read = (values: Record<string, string>) =>
        Effect.withConfigProvider(
          Effect.exit(Registrar.config),
          ConfigProvider.fromMap(new Map(Object.entries(values)))
        )
      const given = yield* read({ AUDIT_HMAC_KEY: "correct horse battery staple, 32 bytes and more" })
      assert.strictEqual(Exit.isSuccess(given) ? given.value.hmacKey?.id : "", hmacKey.id)
      for (const value of ["hunter2", "", `${"hunter2".repeat(9)}\n`]) {
        const wrong = yield* read({ AUDIT_HMAC_KEY: value })
        const text = Exit.isFailure(wrong) ? Cause.pretty(wrong.cause) : ""
        assert.include(text, "AUDIT_HMAC_KEY")
        assert.match(text, /The HMAC key (has|begins)/)
        assert.notInclude(text, "hunter2")
      }
    })
  )
})

describe("an error with marked fields", () => {
  class Denied extends ApiError.make<Denied>()("denied-to", {
    status: 403,
    message: "{email} is denied",
    fields: { email: Schema.String.pipe(Privacy.hmac), reason: Schema.String.pipe(Privacy.mask) }
  }) {}

  it.scoped("shows none of them, to the client or in the application log", () =>
    Effect.gen(function* () {
      const denied = new Denied({ email: login.email, reason: "hunter2" })
      const route = HttpLayerRouter.add("GET", "/", Effect.zipRight(Effect.logError("no", denied), denied))
      const Denying = Extension.make("denied", { errors: [Denied] })
      const served = Registrar.serve(route.pipe(Layer.provide(Denying.layer)), { hmacKey, disableListenLog: true })
      const server = yield* Http.startInProcess(served)
      const response = yield* server.request(new Request("http://localhost/"))
      const lines = yield* server.application
      assert.deepStrictEqual(yield* Effect.promise(() => response.json()), {
        error: {
          id: "denied-to",
          message: "<redacted> is denied",
          details: { email: "<redacted>", reason: "<redacted>" }
        }
      })
      assert.strictEqual(lines[0]?.message, "no <redacted> is denied")
      assertHidden(lines, "hunter2", login.email)
    })
  )
})

// Any Schema

interface Case {
  readonly schema: Schema.Schema<unknown>
  readonly value: unknown
  /** What is written; `undefined` where it is left out. */
  readonly expected: unknown
}

const secretText = fc.uuid().map((id) => `hunter2-${id}`)

const plain: fc.Arbitrary<Case> = fc.oneof(
  fc.string().map((value) => ({ schema: Schema.String, value, expected: value })),
  fc.integer().map((value) => ({ schema: Schema.Int, value, expected: value })),
  fc.boolean().map((value) => ({ schema: Schema.Boolean, value, expected: value })),
  fc.integer().map((value) => ({ schema: Schema.NumberFromString, value, expected: String(value) })),
  fc
    .nat()
    .map((millis) => ({ schema: Schema.Date, value: new Date(millis), expected: new Date(millis).toISOString() })),
  fc.constant({ schema: Schema.Null, value: null, expected: null })
) as fc.Arbitrary<Case>

const marked: fc.Arbitrary<Case> = fc
  .record({
    secret: secretText,
    mark: fc.constantFrom("omit" as const, "mask" as const, "keepLast" as const, "hmac" as const),
    of: fc.constantFrom("text" as const, "struct" as const, "redacted" as const, "refined" as const)
  })
  .map(({ mark, of, secret }) => {
    const bases = {
      text: { schema: Schema.String, value: secret, encoded: secret },
      refined: {
        schema: Schema.String.pipe(Schema.minLength(3), Schema.brand("Secret")),
        value: secret,
        encoded: secret
      },
      redacted: { schema: Schema.Redacted(Schema.String), value: Redacted.make(secret), encoded: secret },
      struct: {
        schema: Schema.Struct({ a: Schema.String, at: Schema.Date }),
        value: { a: secret, at: new Date(0) },
        encoded: { at: new Date(0).toISOString(), a: secret }
      }
    }
    const { encoded, schema, value } = bases[of]
    const any = Schema.make<unknown>(schema.ast)
    const shown = {
      omit: { schema: any.pipe(Privacy.omit), expected: undefined },
      mask: { schema: any.pipe(Privacy.mask), expected: "<redacted>" },
      keepLast: {
        schema: any.pipe(Privacy.keepLast(3)),
        expected: typeof encoded === "string" ? `<redacted>${encoded.slice(-3)}` : "<redacted>"
      },
      hmac: { schema: any.pipe(Privacy.hmac), expected: pseudonym(encoded) }
    }
    return { ...shown[mark], value }
  })

const names = ["a", "b", "c", "d"]

/** Schemas with marks anywhere, a value that fits, and what becomes of it. */
const { any: anyCase } = fc.letrec<{ any: Case; deep: Case }>((tie) => ({
  any: fc.oneof({ maxDepth: 4, withCrossShrink: true }, plain, marked, tie("deep")),
  deep: fc.oneof(
    fc.array(tie("any"), { maxLength: 4 }).map((cases) => {
      const members = cases.map((each, nth) => [names[nth]!, each] as const)
      return {
        schema: Schema.Struct(Object.fromEntries(members.map(([name, { schema }]) => [name, schema]))),
        value: Object.fromEntries(members.map(([name, { value }]) => [name, value])),
        expected: Object.fromEntries(
          members.flatMap(([name, { expected }]) => (expected === undefined ? [] : [[name, expected]]))
        )
      }
    }),
    tie("any").map(({ expected, schema, value }) => ({
      schema: Schema.Array(schema),
      value: [value, value],
      expected: [expected ?? null, expected ?? null]
    })),
    fc.tuple(tie("any"), tie("any")).map(([one, other]) => ({
      schema: Schema.Tuple(one.schema, other.schema),
      value: [one.value, other.value],
      expected: [one.expected ?? null, other.expected ?? null]
    })),
    fc.tuple(fc.string(), tie("any")).map(([name, { expected, schema, value }]) => ({
      schema: Schema.Record({ key: Schema.String, value: schema }),
      value: { [name]: value },
      expected: expected === undefined ? {} : { [name]: expected }
    })),
    tie("any").map(({ expected, schema, value }) => ({
      schema: Schema.Option(schema),
      value: Option.some(value),
      // The function of an Option would be handed what is Redacted.
      expected: JSON.stringify([value]).includes("<redacted>")
        ? "<redacted>"
        : { _tag: "Some", ...(expected === undefined ? {} : { value: expected }) }
    })),
    tie("any").map(({ expected, schema, value }) => ({
      schema: Schema.Struct({ was: Schema.optionalWith(schema, { default: () => value }) }),
      value: { was: value },
      expected: expected === undefined ? {} : { was: expected }
    })),
    tie("any").map(({ schema, ...others }) => ({ schema: Schema.suspend(() => schema), ...others })),
    tie("any").map(({ schema, ...others }) => ({ schema: schema.pipe(Schema.filter(() => true)), ...others })),
    tie("any").map(({ schema, ...others }) => ({ schema: Schema.Union(Schema.Symbol, schema), ...others }))
  ) as fc.Arbitrary<Case>
}))

/** As JSON has it, without the name that Schemas swallow. */
const isUsual = ({ expected }: Case) => !JSON.stringify([expected]).includes("__proto__")

const makeEvent = (cases: ReadonlyArray<Case>) =>
  AuditEvent.make("privacy-any" as string, {
    level: "Info",
    message: names
      .slice(0, cases.length)
      .map((name) => `{${name}}`)
      .join(" ") as string,
    fields: Object.fromEntries(cases.map(({ schema }, nth) => [names[nth]!, schema])) as Schema.Struct.Fields
  })

describe("any event", () => {
  const cases = fc.array(anyCase.filter(isUsual), { minLength: 1, maxLength: 4 })

  it("shows what is not marked, and nothing of what is", () =>
    fc.assert(
      fc.asyncProperty(cases, async (cases) => {
        const params = Object.fromEntries(cases.map(({ value }, nth) => [names[nth]!, value]))
        const { lines, records } = await Effect.runPromise(recorded((audit) => audit.add(makeEvent(cases), params)))
        const expected = cases.flatMap(({ expected }, nth) => (expected === undefined ? [] : [[names[nth]!, expected]]))
        assert.deepStrictEqual(records[0]?.event.details, Object.fromEntries(expected))
        assert.deepStrictEqual(lines, [])
        assertHidden(records, "hunter2")
      }),
      { numRuns: 150 }
    ))

  it("shows nothing of what is marked where something beside it does not fit, or other values are given", () =>
    fc.assert(
      fc.asyncProperty(cases, cases, fc.boolean(), async (cases, others, isKeyed) => {
        const beside = cases.map(({ expected, schema, value }) => ({
          schema: Schema.Struct({ inside: schema, count: Schema.Int }),
          value: { inside: value, count: "hunter" },
          expected
        }))
        const marked = cases.map(({ expected, schema }, nth) => ({
          schema: schema.pipe(Privacy.hmac),
          value: others[nth % others.length]!.value,
          expected
        }))
        for (const given of [beside, marked] as ReadonlyArray<ReadonlyArray<Case>>) {
          const params = Object.fromEntries(given.map(({ value }, nth) => [names[nth]!, value]))
          const { lines, records } = await Effect.runPromise(
            recorded((audit) => audit.add(makeEvent(given), params), isKeyed ? { hmacKey } : {})
          )
          assert.strictEqual(records.length, 1)
          assertHidden([records, lines], "hunter2")
        }
      }),
      { numRuns: 80 }
    ))
})
