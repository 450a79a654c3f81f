import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, FastCheck, Option, Redacted, Schema } from "effect"
import { exampleFields, exampleOf } from "../../src/internal/example.js"

const example = (schema: Schema.Schema.All) => Option.getOrThrow(exampleOf(schema))

class Person extends Schema.Class<Person>("Person")({ name: Schema.String, born: Schema.Date }) {}

interface Tree {
  readonly value: number
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Schema<Tree> = Schema.Struct({
  value: Schema.Number,
  children: Schema.Array(Schema.suspend(() => Tree))
})

interface Endless {
  readonly next: Endless
}
const Endless: Schema.Schema<Endless> = Schema.Struct({ next: Schema.suspend(() => Endless) })

const day = new Date("2024-01-31T12:00:00.000Z")

describe("an example", () => {
  it("is the one that the author gives", () => {
    assert.strictEqual(example(Schema.String.annotations({ examples: ["ada"] })), "ada")
    assert.deepStrictEqual(example(Schema.Date.annotations({ examples: [new Date(0)] })), new Date(0))
    assert.strictEqual(example(Schema.String.annotations({ examples: ["ada"] }).pipe(Schema.maxLength(10))), "ada")
    // One that does not fit any more is none.
    assert.strictEqual(example(Schema.String.annotations({ examples: ["ada"] }).pipe(Schema.minLength(4))), "text")
  })

  it("is plain where nothing is given", () => {
    assert.deepStrictEqual(
      [
        Schema.String,
        Schema.Int,
        Schema.Boolean,
        Schema.Literal("a", "b"),
        Schema.NullOr(Schema.String),
        Schema.Unknown,
        Schema.Date,
        Schema.NumberFromString,
        Schema.Array(Schema.Struct({ a: Schema.Int, b: Schema.optional(Schema.String) })),
        Schema.NonEmptyArray(Schema.String),
        Schema.Tuple(Schema.String, Schema.Int),
        Schema.Record({ key: Schema.String, value: Schema.Int }),
        Schema.TemplateLiteral("v", Schema.Number),
        Schema.parseJson(Schema.Struct({ a: Schema.Int }))
      ].map(example),
      [
        "text",
        1,
        true,
        "a",
        "text",
        "text",
        day,
        1,
        [{ a: 1, b: "text" }],
        ["text"],
        ["text", 1],
        { text: 1 },
        "v1",
        { a: 1 }
      ]
    )
  })

  it("keeps to what the Schema asks for", () => {
    assert.deepStrictEqual(
      [
        Schema.Int.pipe(Schema.between(40000, 40010)),
        Schema.Number.pipe(Schema.greaterThan(3000)),
        Schema.Int.pipe(Schema.multipleOf(7)),
        Schema.String.pipe(Schema.minLength(7)),
        Schema.String.pipe(Schema.maxLength(2)),
        Schema.Array(Schema.Int).pipe(Schema.minItems(3)),
        Schema.UUID
      ].map(example),
      [40000, 8080, 0, "texttex", "te", [1, 1, 1], "a3bb189e-8bf9-4c4a-a6d5-3c7f6f1e8a11"]
    )
  })

  it("is made of what a Schema declares", () => {
    assert.deepStrictEqual(example(Person), new Person({ name: "text", born: day }))
    assert.deepStrictEqual(example(Schema.Option(Schema.Int)), Option.some(1))
    assert.deepStrictEqual(example(Schema.Duration), Duration.minutes(1))
    assert.deepStrictEqual(example(Schema.DateTimeUtc), DateTime.unsafeMake(day))
    assert.isTrue(Redacted.isRedacted(example(Schema.Redacted(Schema.String))))
  })

  it("of something recursive ends", () => {
    assert.deepStrictEqual(example(Tree), { value: 1, children: [{ value: 1, children: [] }] })
    assert.isTrue(Option.isNone(exampleOf(Endless)))
  })

  it("is always the same", () => {
    const odd = Schema.Number.pipe(Schema.filter((n) => n > 5 && n % 2 !== 0))
    assert.deepStrictEqual(exampleOf(odd), exampleOf(odd))
  })

  it("is none where nothing fits, and takes no time to find out", () => {
    for (const schema of [
      Schema.Never,
      Schema.String.pipe(Schema.filter(() => false)),
      Schema.String.pipe(Schema.pattern(/^[a-z]{2}-\d+$/)),
      Schema.String.pipe(
        Schema.filter(() => {
          throw new Error("not this")
        })
      ),
      Schema.String.pipe(Schema.minLength(1e9)),
      Schema.Array(Schema.Int).pipe(Schema.minItems(1e9)),
      Schema.declare((u): u is number => u === 77)
    ]) {
      const start = performance.now()
      assert.isTrue(Option.isNone(exampleOf(schema)))
      assert.isBelow(performance.now() - start, 1000)
    }
  })

  it("fits its Schema, whatever that is", () => {
    const leaf = FastCheck.constantFrom<Array<Schema.Schema.AnyNoContext>>(
      Schema.String,
      Schema.Int,
      Schema.Boolean,
      Schema.Date,
      Schema.Literal("a")
    )
    const { schema } = FastCheck.letrec<{ schema: Schema.Schema.AnyNoContext }>((tie) => ({
      schema: FastCheck.oneof(
        { maxDepth: 4, depthSize: "small" },
        leaf,
        FastCheck.dictionary(FastCheck.string(), tie("schema"), { maxKeys: 4, noNullPrototype: true }).map((fields) =>
          Schema.Struct(fields)
        ),
        tie("schema").map((item) => Schema.Array(item)),
        FastCheck.tuple(tie("schema"), tie("schema")).map(([a, b]) => Schema.Union(a, b)),
        tie("schema").map((inner) => Schema.NullOr(inner))
      )
    }))
    FastCheck.assert(
      FastCheck.property(schema, (schema) => Schema.is(schema)(example(schema))),
      { numRuns: 200 }
    )
  })
})

describe("the example of fields", () => {
  it("has their types, and what is optional", () => {
    assert.deepStrictEqual(
      exampleFields({
        a: Schema.optional(Schema.Int),
        b: Schema.optionalWith(Schema.String, { default: () => "given" }),
        c: Schema.propertySignature(Schema.String).annotations({ examples: ["ccc"] }),
        d: Schema.String.pipe(Schema.propertySignature, Schema.fromKey("D")),
        e: Schema.Date.annotations({ examples: [new Date(5)] }),
        f: Schema.optionalWith(Schema.String, { as: "Option" })
      }),
      { a: 1, b: "text", c: "ccc", d: "text", e: new Date(5), f: Option.some("text") }
    )
  })

  it("leaves out what has none", () => {
    assert.deepStrictEqual(exampleFields({ a: Schema.Never, b: Schema.Int }), { b: 1 })
  })
})
