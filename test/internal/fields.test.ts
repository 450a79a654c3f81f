import { assert, describe, it } from "@effect/vitest"
import { Option, ParseResult, Redacted, Schema } from "effect"
import { makeEncoder } from "../../src/internal/fields.js"
import { makeShown, markedNames } from "../../src/internal/markedFields.js"
import * as Privacy from "../../src/Privacy.js"

const fields = {
  at: Schema.Date,
  count: Schema.Int,
  note: Schema.optional(Schema.String),
  maybe: Schema.optionalWith(Schema.Number, { as: "Option" }),
  renamed: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("was"))
}
const good = { at: new Date(0), count: 1, note: "x", maybe: Option.some(2), renamed: "y" }

describe("makeEncoder", () => {
  it("encodes each field by its Schema, and keeps what has none", () => {
    const { details, problems } = makeEncoder(fields)({ more: [1n], ...good }, "omit")
    assert.deepStrictEqual(Object.entries(details), [
      ["at", "1970-01-01T00:00:00.000Z"],
      ["count", 1],
      ["note", "x"],
      ["maybe", 2],
      ["was", "y"],
      ["more", ["1"]]
    ])
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(makeEncoder(fields)({ ...good, note: undefined, maybe: Option.none() }, "omit").problems, [])
  })

  it("keeps or leaves out what does not fit, alone, and says where without the value", () => {
    const given = { ...good, count: 1.5, at: "hunter2" }
    const kept = makeEncoder(fields)(given, "keep")
    assert.deepInclude(kept.details, { at: "hunter2", count: 1.5, note: "x" })
    const omitted = makeEncoder(fields)(given, "omit")
    assert.doesNotHaveAnyKeys(omitted.details, ["at", "count"])
    assert.deepStrictEqual(
      omitted.problems.map(({ field }) => field),
      ["at", "count"]
    )
    assert.notInclude(JSON.stringify(omitted.problems), "hunter2")
    assert.deepStrictEqual(makeEncoder({ a: Schema.String })({}, "keep"), {
      details: {},
      problems: [{ field: "a", problem: "a: Missing" }]
    })
  })

  it("adds to the details it is given, and leaves reserved names out", () => {
    const encode = makeEncoder({ a: Schema.Int, ip: Schema.String }, (name) => name === "ip" || name === "user")
    const { details, problems } = encode({ more: 2, ip: "forged", user: "forged", a: 1 }, "keep", { ip: "known" })
    assert.deepStrictEqual(Object.entries(details), [
      ["ip", "known"],
      ["a", 1],
      ["more", 2]
    ])
    assert.deepStrictEqual(problems, [])
  })

  it("survives Schemas that throw", () => {
    const Throwing = Schema.transform(Schema.String, Schema.Number, {
      strict: true,
      decode: Number,
      encode: () => {
        throw new Error("hunter2")
      }
    })
    const { details, problems } = makeEncoder({ a: Throwing, b: Schema.String })({ a: 1, b: "x" }, "keep")
    assert.deepStrictEqual(details, { a: 1, b: "x" })
    assert.deepStrictEqual(problems, [{ field: "a", problem: "it could not be encoded" }])
  })

  it("encodes recursive data in time that grows with the data", () => {
    interface List {
      readonly token: Redacted.Redacted
      readonly next: List | null
    }
    interface Encoded {
      readonly token: string
      readonly next: Encoded | null
    }
    let calls = 0
    const List: Schema.Schema<List, Encoded> = Schema.suspend(() => {
      calls++
      return Schema.Struct({ token: Schema.Redacted(Schema.String), next: Schema.NullOr(List) })
    })
    let list: List | null = null
    for (let n = 0; n < 50; n++) list = { token: Redacted.make("hunter2"), next: list }
    const { details, problems } = makeEncoder({ list: List })({ list }, "keep")
    assert.deepStrictEqual(problems, [])
    assert.notInclude(JSON.stringify(details), "hunter2")
    assert.isAtMost(calls, 10)
  })
})

describe("secrets", () => {
  const Secret = Schema.RedactedFromSelf(Schema.String)
  const secret = Redacted.make("hunter2")

  it("are not handed to the application's own encoders, which could take them out", () => {
    const { details, problems } = makeEncoder({
      union: Schema.transform(Schema.String, Schema.NullOr(Secret), {
        strict: true,
        decode: (text) => Redacted.make(text),
        encode: (value) => (value === null ? "" : Redacted.value(value))
      }),
      inside: Schema.transform(Schema.String, Schema.Struct({ user: Schema.String, key: Secret }), {
        strict: true,
        decode: (user) => ({ user, key: Redacted.make(user) }),
        encode: ({ user, key }) => user + Redacted.value(key)
      }),
      filtered: Schema.transform(Schema.String, Secret.pipe(Schema.filter(() => true)), {
        strict: true,
        decode: (text) => Redacted.make(text),
        encode: (value) => Redacted.value(value)
      }),
      maybe: Schema.OptionFromNullOr(Schema.Redacted(Schema.String)),
      json: Schema.parseJson(Schema.Struct({ key: Schema.Redacted(Schema.String) }))
    })(
      {
        union: secret,
        inside: { user: "ada", key: secret },
        filtered: secret,
        maybe: Option.some(secret),
        json: { key: secret }
      },
      "omit"
    )
    assert.deepStrictEqual(problems, [])
    assert.deepStrictEqual(details, {
      union: "<redacted>",
      inside: { user: "ada", key: "<redacted>" },
      filtered: "<redacted>",
      maybe: "<redacted>",
      json: '{"key":"<redacted>"}'
    })
  })

  it("are secrets even where they come as plain text", () => {
    const { details } = makeEncoder({ key: Schema.Redacted(Schema.String) })({ key: "hunter2" }, "keep")
    assert.deepStrictEqual(details, { key: "<redacted>" })
  })
})

describe("marked fields", () => {
  const hidden = { a: Schema.Int, token: Schema.String.pipe(Privacy.hmac), pin: Schema.String.pipe(Privacy.omit) }
  const key = (id: string) => ({ id, hmac: (text: string) => `${id} of ${text}` })

  it("are written under the key that is given with the values", () => {
    const encode = makeEncoder(hidden)
    const values = { a: 1, token: "hunter2", pin: "hunter2" }
    for (const id of ["one", "other", "one"]) {
      const { details, isUnkeyed, omitted, problems } = encode(values, "keep", {}, key(id))
      assert.deepStrictEqual(details, { a: 1, token: `hmac-sha256:${id}:${id} of hunter2` })
      assert.deepStrictEqual([isUnkeyed, omitted, problems], [false, { pin: "<omitted>" }, []])
    }
    const { details, isUnkeyed } = encode(values, "keep")
    assert.deepStrictEqual(details, { a: 1, token: "<redacted>" })
    assert.isTrue(isUnkeyed)
  })

  it("need no key where there are no pseudonyms", () => {
    const { isUnkeyed, omitted } = makeEncoder({ a: Schema.String.pipe(Privacy.mask) })({ a: "hunter2" }, "keep")
    assert.isFalse(isUnkeyed)
    assert.isUndefined(omitted)
  })

  it("that do not fit are masked or left out, whatever is kept of others", () => {
    const given = { a: "x", token: { hunter2: "hunter2" }, pin: 42, more: "kept" }
    const kept = makeEncoder(hidden)(given, "keep", {}, key("k"))
    assert.deepStrictEqual(kept.details, { a: "x", token: "<redacted>", more: "kept" })
    assert.deepStrictEqual(
      kept.problems.map(({ problem }) => problem),
      ["a: Type", "token: Type", "pin: Type"]
    )
    assert.deepStrictEqual(makeEncoder(hidden)(given, "omit", {}, key("k")).details, { more: "kept" })
  })

  it("are compiled once for a key, also in recursive data, however deep that is", () => {
    interface List {
      readonly token: string
      readonly held: string
      readonly next: List | null
    }
    let compiled = 0
    const Token = Schema.String.pipe(Privacy.hmac)
    const accept = (input: unknown) => ParseResult.decodeUnknown(Schema.String)(input)
    const Held = Schema.declare(
      [Token],
      {
        decode: () => accept,
        encode: (token) => {
          compiled++
          return ParseResult.encodeUnknown(token)
        }
      },
      // Looked into, and so made anew where the Schema is.
      { typeConstructor: { _tag: "effect/Option" } }
    )
    const List: Schema.Schema<List> = Schema.Struct({
      token: Token,
      held: Held,
      next: Schema.NullOr(Schema.suspend(() => List))
    })
    let list: List | null = null
    for (let n = 0; n < 50; n++) list = { token: "hunter2", held: "hunter2", next: list }
    const encode = makeEncoder({ list: List })
    const one = key("k")
    for (let n = 0; n < 20; n++) {
      const { details, problems } = encode({ list }, "keep", {}, one)
      assert.deepStrictEqual(problems, [])
      assert.strictEqual(JSON.stringify(details).split("hmac-sha256:k:").length, 101)
    }
    assert.isAtMost(compiled, 4)
  })

  it("are the only ones that are told apart", () => {
    assert.deepStrictEqual(markedNames({ ...fields, ...hidden }), ["token", "pin"])
    assert.deepStrictEqual(markedNames({ ...fields, ...hidden }, "pseudonyms"), ["token"])
    assert.deepStrictEqual(markedNames({ inside: Schema.Array(Schema.Struct(hidden)) }, "pseudonyms"), ["inside"])
    const values = { a: 1, b: "x" }
    assert.strictEqual(makeShown({ a: Schema.Int, b: Schema.String })(values), values)
  })
})
