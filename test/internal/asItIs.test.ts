import { assert, describe, it } from "@effect/vitest"
import { Either, Option, Redacted, Schema } from "effect"
import fc from "fast-check"
import { checkOf } from "../../src/internal/asItIs.js"
import { makeEncoder } from "../../src/internal/fields.js"
import * as Privacy from "../../src/Privacy.js"

/** With a parse option of its own a Schema is left to its parser, whatever it is. */
const byParser = <A, I>(schema: Schema.Schema<A, I>) => schema.annotations({ parseOptions: { errors: "first" } })

const Throwing = Schema.String.pipe(
  Schema.filter((text) => {
    if (text === "") throw new Error("a filter")
    return text.length < 5
  })
)

const told = {
  text: Schema.String,
  number: Schema.Number,
  int: Schema.Int,
  positive: Schema.Int.pipe(Schema.between(1, 10)),
  truth: Schema.Boolean,
  named: Schema.NonEmptyString.pipe(Schema.maxLength(3)),
  pattern: Schema.String.pipe(Schema.pattern(/^a/)),
  uuid: Schema.UUID,
  literals: Schema.Literal("a", 1, true, null),
  either: Schema.Union(Schema.Int, Schema.NonEmptyString),
  maybe: Schema.UndefinedOr(Schema.String),
  nullable: Schema.NullOr(Schema.Number),
  branded: Schema.String.pipe(Schema.brand("Name")),
  throwing: Throwing,
  anything: Schema.Unknown
}

const left = {
  date: Schema.Date,
  trimmed: Schema.Trim,
  list: Schema.Array(Schema.String),
  object: Schema.Struct({ a: Schema.String }),
  secret: Schema.Redacted(Schema.String),
  first: Schema.Union(Schema.NumberFromString, Schema.Number),
  masked: Schema.String.pipe(Privacy.mask),
  refined: Schema.String.pipe(Privacy.hmac, Schema.minLength(1)),
  maybeOmitted: Schema.NullOr(Schema.Int.pipe(Privacy.omit)),
  omitted: Schema.Unknown.pipe(Privacy.omit),
  parsed: byParser(Schema.String)
}

const value = fc.oneof(
  fc.constantFrom<unknown>("", "a", "abc", "abcdef", 0, -0, 1, 1.5, NaN, Infinity, true, false, null, undefined, 1n),
  fc.constantFrom<unknown>(Redacted.make("hunter2"), new Date(0), ["a"], { a: "b" }, Symbol.iterator, () => 1),
  fc.uuid(),
  fc.string(),
  fc.double()
)

describe("checkOf", () => {
  for (const [name, schema] of Object.entries(told) as ReadonlyArray<readonly [string, Schema.Schema<unknown>]>) {
    it(`accepts of '${name}' what its parser encodes to itself, and nothing else`, () => {
      const check = checkOf(schema.ast)!
      const encode = Schema.encodeUnknownEither(schema)
      fc.assert(
        fc.property(value, (value) => {
          const outcome = Either.try(() => check(value))
          const expected = Either.try(() =>
            Option.map(Either.getRight(encode(value)), (same) => Object.is(same, value))
          )
          assert.deepStrictEqual(
            Either.getRight(outcome),
            Option.map(Either.getRight(expected), (same) => Option.getOrElse(same, () => false))
          )
        })
      )
    })
  }

  for (const [name, { ast }] of Object.entries(left)) {
    it(`leaves '${name}' to its parser`, () => assert.isUndefined(checkOf(ast)))
  }
})

describe("an encoder", () => {
  it("says the same with and without parsers, of any values", () => {
    const optional = { note: Schema.optional(Schema.NonEmptyString) }
    const slowly = Object.fromEntries(
      (Object.entries(told) as ReadonlyArray<readonly [string, Schema.Schema<unknown>]>).map(([name, schema]) => [
        name,
        byParser(schema)
      ])
    )
    const fast = makeEncoder({ ...told, ...left, ...optional }, (name) => name === "int")
    const slow = makeEncoder(
      { ...slowly, ...left, note: Schema.optional(byParser(Schema.NonEmptyString)) },
      (name) => name === "int"
    )
    const names = [...Object.keys(told), ...Object.keys(left), "note", "more", "__proto__"]
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: false }),
        fc.constantFrom("keep" as const, "omit" as const),
        (given, onMisfit) => {
          const one = fast(given, onMisfit, { first: 1 })
          const other = slow(given, onMisfit, { first: 1 })
          assert.deepStrictEqual(one, other)
          assert.deepStrictEqual(Object.keys(one.details), Object.keys(other.details))
          assert.notInclude(JSON.stringify(one), "hunter2")
        }
      )
    )
  })
})
