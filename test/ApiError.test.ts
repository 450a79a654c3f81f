import { HttpApiSchema } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, Equal, Exit, ParseResult, Schema } from "effect"
import fc from "fast-check"
import * as ApiError from "../src/ApiError.js"

class RateLimited extends ApiError.make<RateLimited>()("auth-rate-limited", {
  status: 429,
  message: "Too many failed logins from {ip}, try again in {minutes} minutes",
  fields: { ip: Schema.String, minutes: Schema.Int },
  headers: (error) => ({ "Retry-After": String(error.minutes * 60) }),
  description: "For who tries too often"
}) {}

class Plain extends ApiError.make<Plain>()("plain", { status: 404, message: "Nothing {{here}}" }) {}

class Dated extends ApiError.make<Dated>()("dated", {
  status: 410,
  message: "Gone since {since}",
  fields: { since: Schema.Date, tags: Schema.optional(Schema.Array(Schema.String)) }
}) {}

describe("make", () => {
  it("declares a class that knows what it is", () => {
    assert.strictEqual(RateLimited.id, "auth-rate-limited")
    assert.strictEqual(RateLimited.status, 429)
    assert.strictEqual(RateLimited.description, "For who tries too often")
    assert.deepStrictEqual(Object.keys(RateLimited.fields), ["ip", "minutes"])
  })

  it("makes instances that hold their fields, a tag and the rendered message, and no stack", () => {
    const error = new RateLimited({ ip: "192.0.2.7", minutes: 15 })
    assert.instanceOf(error, RateLimited)
    assert.instanceOf(error, Error)
    assert.strictEqual(error._tag, "auth-rate-limited")
    assert.deepStrictEqual([error.ip, error.minutes], ["192.0.2.7", 15])
    assert.strictEqual(error.message, "Too many failed logins from 192.0.2.7, try again in 15 minutes")
    assert.notInclude(error.stack ?? "", "ApiError.test.ts")
    assert.isAbove(Error.stackTraceLimit, 0)
    assert.strictEqual(new Plain().message, "Nothing {here}")
  })

  it.effect("makes instances that are Effect failures", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(new Plain())
      assert.isTrue(Exit.isFailure(exit) && Cause.isFailType(exit.cause) && exit.cause.error instanceof Plain)
      const caught = yield* Effect.catchTag(new RateLimited({ ip: "x", minutes: 1 }), "auth-rate-limited", ({ ip }) =>
        Effect.succeed(ip)
      )
      assert.strictEqual(caught, "x")
    })
  )

  it("keeps the message in which it came over the wire, and is equal to others all the same", () => {
    const error = { id: "auth-rate-limited", message: "Zu viele Anmeldungen", details: { ip: "x", minutes: 1 } }
    const read = Schema.decodeUnknownSync(RateLimited)({ error })
    assert.strictEqual(read.message, "Zu viele Anmeldungen")
    assert.deepStrictEqual<unknown>(Schema.encodeSync(RateLimited)(read), { error })
    assert.isTrue(Equal.equals(read, new RateLimited({ ip: "x", minutes: 1 })))
    assert.notInclude(Object.keys(read), "message")
  })

  it("has no field that every object inherits, unless it is given", () => {
    const Odd = ApiError.make()("odd", {
      status: 400,
      message: "{constructor} {toString}",
      fields: { constructor: Schema.optional(Schema.String), toString: Schema.optional(Schema.Int) }
    }) as unknown as ApiError.Any & (new (fields: object) => object)
    assert.strictEqual(Odd.answer(new Odd({})).body, '{"error":{"id":"odd","message":"null null"}}')
    assert.deepStrictEqual(Odd.answer(new Odd({})).problems, [])
    assert.include(Odd.answer(new Odd({ toString: 1 })).body, '"details":{"toString":1}')
  })

  it("takes nothing over that it has no field for", () => {
    const error = new Plain(...([{ message: "mine", stack: "mine", _tag: "mine", secret: 1 }] as unknown as []))
    assert.strictEqual(error.message, "Nothing {here}")
    assert.strictEqual(error._tag, "plain")
    assert.notProperty(error, "secret")
  })

  it("restores the stack limit even where the fields throw", () => {
    const limit = Error.stackTraceLimit
    const hostile = new Proxy({ ip: "", minutes: 1 }, { get: () => assert.fail("trap") })
    assert.throws(() => new RateLimited(hostile))
    assert.strictEqual(Error.stackTraceLimit, limit)
  })
})

describe("isApiError", () => {
  it("knows declared errors from others", () => {
    assert.isTrue(ApiError.isApiError(new Plain()))
    for (const other of [new Error("x"), { _tag: "plain" }, null, undefined, "plain", Plain]) {
      assert.isFalse(ApiError.isApiError(other))
    }
  })
})

describe("the Schema", () => {
  it("encodes to the body on the wire, and decodes from it", () => {
    const error = new RateLimited({ ip: "192.0.2.7", minutes: 15 })
    const body = Schema.encodeSync(RateLimited)(error)
    assert.deepStrictEqual(body, {
      error: { id: "auth-rate-limited", message: error.message, details: { ip: "192.0.2.7", minutes: 15 } }
    })
    const decoded = Schema.decodeSync(RateLimited)(body)
    assert.instanceOf(decoded, RateLimited)
    assert.strictEqual(decoded.message, error.message)
    assert.deepStrictEqual(Schema.encodeSync(Plain)(new Plain()), { error: { id: "plain", message: "Nothing {here}" } })
    assert.instanceOf(Schema.decodeSync(Plain)({ error: { id: "plain", message: "x" } }), Plain)
  })

  it("round trips every instance, and is what the answer says", () => {
    fc.assert(
      fc.property(
        fc.date({ noInvalidDate: true }),
        fc.option(fc.array(fc.string()), { nil: undefined }),
        (since, tags) => {
          const error = new Dated(tags === undefined ? { since } : { since, tags })
          const encoded = Schema.encodeSync(Dated)(error)
          assert.deepStrictEqual(JSON.parse(Dated.answer(error).body), JSON.parse(JSON.stringify(encoded)))
          const decoded = Schema.decodeUnknownSync(Dated)(JSON.parse(JSON.stringify(encoded)))
          assert.deepStrictEqual([decoded.since, decoded.tags], [since, tags])
        }
      )
    )
  })

  it("refuses another error's body", () => {
    const result = Schema.decodeUnknownEither(Plain)({ error: { id: "other", message: "x" } })
    assert.isTrue(Either.isLeft(result) && ParseResult.isParseError(result.left))
  })

  it("has the status for HttpApi, and keeps it through annotations and pipe", () => {
    assert.strictEqual(HttpApiSchema.getStatusError(RateLimited), 429)
    assert.strictEqual(HttpApiSchema.getStatusError(RateLimited.annotations({ title: "x" })), 429)
    assert.isTrue(Schema.isSchema(RateLimited))
    assert.strictEqual(
      RateLimited.pipe((self) => self.id),
      "auth-rate-limited"
    )
  })
})

describe("answer", () => {
  it("is the whole response", () => {
    const { body, headers, problems, status } = RateLimited.answer(new RateLimited({ ip: "x", minutes: 1 }))
    assert.deepStrictEqual(
      { body, headers, problems, status },
      {
        status: 429,
        headers: { "retry-after": "60" },
        body: '{"error":{"id":"auth-rate-limited","message":"Too many failed logins from x, try again in 1 minutes","details":{"ip":"x","minutes":1}}}',
        problems: []
      }
    )
  })

  it("is made whatever the instance holds, and says what is missing", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true }), fc.anything(), (ip, minutes) => {
        const { body, problems, status } = RateLimited.answer({ ip, minutes })
        assert.strictEqual(status, 429)
        const { details = {} } = JSON.parse(body).error
        assert.strictEqual("ip" in details, typeof ip === "string")
        assert.strictEqual("minutes" in details, Number.isSafeInteger(minutes))
        assert.strictEqual(problems.length > 0, typeof ip !== "string" || !Number.isSafeInteger(minutes))
      })
    )
  })

  it("leaves out headers that cannot be made", () => {
    class Throwing extends ApiError.make<Throwing>()("throwing", {
      status: 400,
      message: "x",
      headers: () => {
        throw new Error("hunter2")
      }
    }) {}
    const { headers, problems } = Throwing.answer(new Throwing())
    assert.deepStrictEqual(headers, {})
    assert.deepStrictEqual(problems, ["its headers could not be made"])
  })
})

describe("fromException", () => {
  it("answers with a 500 of its own, or with the error that it is given", () => {
    const own = ApiError.fromException(TypeError, { id: "a-type", message: "x {{y}}" })
    assert.deepStrictEqual([own.exception, own.error.id, own.error.status], [TypeError, "a-type", 500])
    assert.strictEqual(own.error.answer({}).body, '{"error":{"id":"a-type","message":"x {y}"}}')
    assert.strictEqual(ApiError.fromException(TypeError, Plain).error, Plain)
  })
})
