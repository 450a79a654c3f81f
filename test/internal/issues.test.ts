import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, ParseResult, Schema } from "effect"
import type { SchemaAST as AST } from "effect"
import fc from "fast-check"
import { atMost, issuesOf } from "../../src/internal/issues.js"

const issueOf = <A, I>(schema: Schema.Schema<A, I>, input: unknown, options: AST.ParseOptions = { errors: "all" }) =>
  Either.match(ParseResult.decodeUnknownEither(schema)(input, options), {
    onLeft: (issue) => issue,
    onRight: () => assert.fail("it fits")
  })

/** `path reason`, of each. */
const told = <A, I>(schema: Schema.Schema<A, I>, input: unknown, options?: AST.ParseOptions) =>
  issuesOf(issueOf(schema, input, options)).map(({ path, reason }) => `${path} ${reason}`.trim())

describe("a place", () => {
  const Order = Schema.Struct({
    items: Schema.Array(Schema.Struct({ name: Schema.String, "delivered-at": Schema.optional(Schema.Date) })),
    prices: Schema.Record({ key: Schema.String, value: Schema.Number }),
    pair: Schema.Tuple(Schema.String, Schema.Number)
  })

  it("is written as in code", () => {
    const order = {
      items: [{}, { name: "tea", "delivered-at": "hunter2" }],
      prices: { "a b": "x", "7": "x", tea: "x" },
      pair: ["a"]
    }
    assert.deepStrictEqual(told(Order, order), [
      "items[0].name is missing",
      "items[1].delivered-at must be a date",
      "prices[7] must be a number",
      'prices["a b"] must be a number',
      "prices.tea must be a number",
      "pair[1] is missing"
    ])
  })

  it("is empty for the whole, and says in which part of the request it is", () => {
    assert.deepStrictEqual(issuesOf(issueOf(Order, null), "body"), [
      { in: "body", path: "", reason: "must be an object" }
    ])
    assert.notProperty(issuesOf(issueOf(Order, null))[0], "in")
  })

  it("is the first alone where not all are asked for", () => {
    assert.lengthOf(told(Order, {}, { errors: "first" }), 1)
    assert.lengthOf(told(Order, {}), 3)
  })
})

describe("a reason", () => {
  const Size = { Small: "small", Large: 2 } as const
  const Class = class Account extends Schema.Class<Account>("Account")({ name: Schema.String }) {}
  const cases: ReadonlyArray<readonly [schema: Schema.Schema.AnyNoContext, input: unknown, reason: string]> = [
    [Schema.String, 1, "must be a string"],
    [Schema.Number, "hunter2", "must be a number"],
    [Schema.Boolean, 0, "must be true or false"],
    [Schema.Literal("tea"), "hunter2", 'must be "tea"'],
    [Schema.Literal("tea", 3, null), "hunter2", 'must be one of "tea", 3, null'],
    [Schema.Enums(Size), "hunter2", 'must be one of "small", 2'],
    [Schema.Array(Schema.String), {}, "must be an array"],
    [Schema.Struct({ a: Schema.String }), "hunter2", "must be an object"],
    [Class, "hunter2", "must be an object"],
    [Schema.Int, 1.5, "must be a whole number"],
    [Schema.Int, "hunter2", "must be a number"],
    [Schema.NumberFromString, "hunter2", "must be a number"],
    [Schema.NumberFromString.pipe(Schema.int()), "1.5", "must be a whole number"],
    [Schema.NumberFromString.pipe(Schema.between(1, 9)), "10", "must be a number between 1 and 9"],
    [Schema.BigInt, "hunter2", "must be a whole number"],
    [Schema.BigDecimal, "hunter2", "must be a number"],
    [Schema.BooleanFromString, "hunter2", 'must be one of "true", "false"'],
    [Schema.NonEmptyString, "", "must be a non empty string"],
    [Schema.String.pipe(Schema.minLength(3)), "x", "must be a string at least 3 character(s) long"],
    [Schema.UUID, "hunter2", "must be a Universally Unique Identifier"],
    [Schema.Date, "hunter2", "must be a date"],
    [Schema.DateTimeUtc, "hunter2", "must be a date"],
    [Schema.URL, "hunter2", "must be a URL"],
    [Schema.parseJson(), "hunter2", "must be a JSON text"],
    [Schema.StringFromBase64, "h", "must be a string encoded as Base64"],
    [Schema.Uint8ArrayFromBase64, "h", "is not valid"],
    [Schema.NullOr(Schema.String), 1, "must be a string or null"],
    [Schema.Union(Schema.String, Schema.Number, Schema.Literal("a")), {}, 'must be a string, a number or "a"'],
    [Schema.UndefinedOr(Schema.Number), "x", "must be a number"],
    [Schema.TemplateLiteral("a-", Schema.Number), "hunter2", "is not valid"],
    [Schema.instanceOf(Map), "hunter2", "is not valid"],
    [Schema.OptionFromSelf(Schema.String), "hunter2", "is not valid"],
    [Schema.Redacted(Schema.NumberFromString), "hunter2", "is not valid"],
    [Schema.String.pipe(Schema.filter((text) => text.length > 9)), "hunter2", "is not valid"],
    [Schema.Struct({}).pipe(Schema.omit()), null, "must be an object"]
  ]

  for (const [schema, input, reason] of cases) {
    it(`is told without type or value: ${reason} (${String(schema.ast).slice(0, 40)})`, () => {
      assert.deepStrictEqual(told(schema, input), [reason])
    })
  }

  it("is the author's, where there is one", () => {
    const Age = Schema.Number.annotations({ message: () => "must be your age" })
    const Even = Schema.Number.pipe(Schema.filter((n) => n % 2 === 0 || "must be even"))
    const Iban = Schema.String.pipe(Schema.filter((s) => s.length > 20, { description: "An IBAN without spaces" }))
    const Code = Schema.String.pipe(Schema.filter((s) => s.length > 20, { description: "code on the card" }))
    const Range = Schema.Struct({ from: Schema.Number, to: Schema.Number }).pipe(
      Schema.filter(({ from, to }) => (from <= to ? true : { path: ["to"], message: "must not be before 'from'" }))
    )
    const Named = Schema.Struct({
      name: Schema.propertySignature(Schema.String).annotations({ missingMessage: () => "is what we call you by" })
    })
    const Whole = Schema.Struct({ a: Schema.String }).annotations({
      message: () => ({ message: "must be a box", override: true })
    })
    const Parts = Schema.Struct({ a: Schema.String }).annotations({ message: () => "must be a box" })
    const Later = Schema.Number.annotations({ message: () => Effect.succeed("must be later") })
    assert.deepStrictEqual(told(Age, "x"), ["must be your age"])
    assert.deepStrictEqual(told(Even, 1), ["must be even"])
    assert.deepStrictEqual(told(Iban, "x"), ["must be an IBAN without spaces"])
    assert.deepStrictEqual(told(Code, "x"), ["must be of this kind: code on the card"])
    assert.deepStrictEqual(told(Range, { from: 2, to: 1 }), ["to must not be before 'from'"])
    assert.deepStrictEqual(told(Named, {}), ["name is what we call you by"])
    assert.deepStrictEqual(told(Whole, {}), ["must be a box"])
    assert.deepStrictEqual(told(Parts, {}), ["a is missing"])
    const Slow = Schema.String.pipe(Schema.filterEffect(() => Effect.succeed("must be slow")))
    const Silent = Schema.NumberFromString.pipe(Schema.filterEffect(() => Effect.succeed(false)))
    assert.deepStrictEqual(told(Later, "x"), ["must be later"])
    assert.deepStrictEqual(told(Slow, "x"), ["must be slow"])
    assert.deepStrictEqual(told(Silent, "1"), ["is not valid"])
  })

  it("is the plain one where the author's function throws or says nothing", () => {
    const message = () => {
      throw new Error("hunter2")
    }
    assert.deepStrictEqual(told(Schema.Number.annotations({ message }), "x"), ["must be a number"])
    assert.deepStrictEqual(told(Schema.Number.annotations({ message: () => Effect.die("hunter2") }), "x"), [
      "must be a number"
    ])
    const Missing = Schema.propertySignature(Schema.String).annotations({ missingMessage: message })
    assert.deepStrictEqual(told(Schema.Struct({ a: Missing }), {}), ["a is missing"])
  })

  it("does not repeat what a transformation says of the value", () => {
    const Plan = Schema.transformOrFail(Schema.String, Schema.Number, {
      strict: true,
      decode: (text, _, ast) => ParseResult.fail(new ParseResult.Type(ast, text, `there is no plan ${text}`)),
      encode: (n) => ParseResult.succeed(String(n))
    })
    assert.deepStrictEqual(told(Plan, "hunter2"), ["must be a number"])
  })

  it("names neither what is too much nor what was expected", () => {
    const Only = Schema.Struct({ a: Schema.String })
    assert.deepStrictEqual(told(Only, { a: "", b: "hunter2" }, { onExcessProperty: "error", errors: "all" }), [
      "b is not expected"
    ])
    assert.deepStrictEqual(told(Schema.Tuple(Schema.String), ["a", "hunter2"]), ["[1] is not expected"])
  })
})

describe("what is Redacted", () => {
  const Secret = Schema.Redacted(Schema.Literal("s3cret"))
  const Secrets = Schema.Union(Secret, Schema.Redacted(Schema.Literal("t0ken")))
  const cases: ReadonlyArray<readonly [name: string, schema: Schema.Schema.AnyNoContext, input: unknown]> = [
    ["a literal", Secret, "x"],
    ["a union of them", Secrets, "x"],
    ["a union within", Schema.Redacted(Schema.Literal("s3cret", "t0ken")), "x"],
    ["a pattern", Schema.Redacted(Schema.String.pipe(Schema.pattern(/^s3cret$/))), "x"],
    ["its decoded form", Schema.RedactedFromSelf(Schema.Literal("s3cret")), "x"],
    ["what is parsed first", Schema.parseJson(Secret), '"x"'],
    ["what has a filter of its own", Secret.pipe(Schema.filter(() => false)), "s3cret"]
  ]

  for (const [name, schema, input] of cases) {
    it(`is not told: ${name}`, () => {
      assert.deepStrictEqual(told(schema, input), ["is not valid"])
    })
  }

  it("is not told where a form is found by it", () => {
    const One = Schema.Struct({ key: Secret, a: Schema.String })
    const Other = Schema.Struct({ key: Schema.Redacted(Schema.Literal("t0ken")), b: Schema.String })
    assert.deepStrictEqual(told(Schema.Union(One, Other), { key: "x" }), ["key is not valid"])
    assert.deepStrictEqual(told(Schema.Array(Schema.Union(One, Other)), [{ key: "x" }]), ["[0].key is not valid"])
    assert.deepStrictEqual(told(Schema.Union(One, Schema.Struct({ key: Schema.Literal("c") })), { key: "x" }), [
      "key is not valid"
    ])
  })

  it("is told to be missing, and as the author says it", () => {
    const Login = Schema.Struct({
      pin: Secret,
      card: Schema.Redacted(Schema.Struct({ number: Schema.String, code: Schema.Literal("s3cret") })),
      password: Schema.Redacted(
        Schema.String.pipe(Schema.minLength(8, { message: () => "must have at least 8 characters" }))
      )
    })
    assert.deepStrictEqual(told(Login, { card: { code: "x" }, password: "x" }), [
      "pin is missing",
      "card.number is missing",
      "card.code is not valid",
      "password must have at least 8 characters"
    ])
  })
})

describe("a parameter that is given more than once", () => {
  const Query = Schema.Struct({
    limit: Schema.optional(Schema.NumberFromString),
    sort: Schema.optional(Schema.Literal("up", "down")),
    ids: Schema.optional(Schema.Union(Schema.NumberFromString, Schema.Array(Schema.NumberFromString))),
    json: Schema.optional(Schema.parseJson(Schema.Struct({ a: Schema.String })))
  })
  const inQuery = (input: unknown) =>
    issuesOf(issueOf(Query, input), "query").map(({ path, reason }) => `${path} ${reason}`)

  it("is told to be so", () => {
    assert.deepStrictEqual(inQuery({ limit: ["2", "3"], sort: ["up", "up"], json: ["{}", "{}"] }), [
      "limit is given more than once",
      "sort is given more than once",
      "json is given more than once"
    ])
  })

  it("is none where several are expected, nor in a JSON text or a body", () => {
    assert.deepStrictEqual(inQuery({ ids: ["1", "x"], json: '{"a":["x"]}' }), [
      "ids[1] must be a number",
      "json.a must be a string"
    ])
    assert.deepStrictEqual(
      issuesOf(issueOf(Query, { limit: ["2", "3"] }), "body").map(({ reason }) => reason),
      ["must be a string"]
    )
  })
})

describe("of several forms", () => {
  const Circle = Schema.Struct({ kind: Schema.Literal("circle"), radius: Schema.Number })
  const Square = Schema.Struct({ kind: Schema.Literal("square"), side: Schema.Number })
  const Shape = Schema.Union(Circle, Square)

  it("the one that is named counts", () => {
    assert.deepStrictEqual(told(Shape, { kind: "circle" }), ["radius is missing"])
    assert.deepStrictEqual(told(Shape, { kind: "hunter2" }), ['kind must be one of "circle", "square"'])
    assert.deepStrictEqual(told(Shape, {}), ["kind is missing"])
    assert.deepStrictEqual(told(Shape, 1), ["must be an object"])
  })

  it("the one that fits on the outside counts", () => {
    const Names = Schema.Union(Schema.String, Schema.Array(Schema.String))
    assert.deepStrictEqual(told(Names, [1, "a", 2]), ["[0] must be a string", "[2] must be a string"])
    assert.deepStrictEqual(told(Names, 1), ["must be a string or an array"])
    assert.deepStrictEqual(told(Schema.Struct({ shape: Schema.optional(Circle) }), { shape: { kind: "circle" } }), [
      "shape.radius is missing"
    ])
  })

  it("none counts where more could be meant", () => {
    const Either = Schema.Union(Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String }))
    assert.deepStrictEqual(told(Either, {}), ["fits none of the forms that are allowed"])
  })
})

describe("whatever the Schema and the input", () => {
  it("a Schema that holds itself comes to an end", () => {
    interface Tree {
      readonly children: ReadonlyArray<Tree>
    }
    const Tree: Schema.Schema<Tree> = Schema.Struct({ children: Schema.Array(Schema.suspend(() => Tree)) })
    assert.deepStrictEqual(told(Tree, { children: [{ children: [1] }] }), ["children[0].children[0] must be an object"])
    const Text: Schema.Schema<string> = Schema.suspend(() => Schema.String)
    assert.deepStrictEqual(told(Text, 1), ["must be a string"])
  })

  it("what is told is bounded", () => {
    const many = told(
      Schema.Array(Schema.Number),
      Array.from({ length: 100_000 }, () => "x")
    )
    assert.lengthOf(many, atMost)
    const Keys = Schema.Record({ key: Schema.String, value: Schema.Number })
    const [long] = issuesOf(issueOf(Keys, { ["k".repeat(100_000)]: "x" }))
    assert.isAtMost(long!.path.length, 200)
    const message = () => "long".repeat(100_000)
    assert.isAtMost(issuesOf(issueOf(Schema.Number.annotations({ message }), "x"))[0]!.reason.length, 200)
  })

  it("a key of nine megabytes takes no time", () => {
    const Items = Schema.Record({
      key: Schema.String,
      value: Schema.Struct(Object.fromEntries(Array.from({ length: atMost }, (_, n) => [`f${n}`, Schema.String])))
    })
    for (const letter of ["k", "1", "-", "\u0301"]) {
      const issue = issueOf(Items, { [letter.repeat(9_000_000)]: {} })
      const start = performance.now()
      assert.lengthOf(issuesOf(issue), atMost)
      assert.isBelow(performance.now() - start, 500, letter)
    }
  })

  it("nothing in a key turns the direction of writing or hides", () => {
    const Keys = Schema.Record({ key: Schema.String, value: Schema.Number })
    assert.deepStrictEqual(told(Keys, { "a\u202eb": "x", "c\u200b\u200d\u2060d": "x" }), [
      '["a\\u202eb"] must be a number',
      '["c\\u200b\\u200d\\u2060d"] must be a number'
    ])
  })

  it("what is told is one line, of characters that are seen", () => {
    const Keys = Schema.Record({ key: Schema.String, value: Schema.Number })
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (key) => {
        const [issue] = issuesOf(issueOf(Keys, { [key]: "x" }))
        assert.notMatch(issue!.path, /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u)
      })
    )
    assert.deepStrictEqual(told(Schema.Number.annotations({ message: () => "must\n  be\ta number" }), "x"), [
      "must be a number"
    ])
  })

  it("no value is told", () => {
    const Secret = Schema.Struct({
      password: Schema.Redacted(Schema.String.pipe(Schema.minLength(100))),
      pin: Schema.NumberFromString,
      key: Schema.parseJson(Schema.Struct({ a: Schema.Number })),
      any: Schema.Union(Schema.Number, Schema.Struct({ token: Schema.Number }))
    })
    const said = told(Secret, {
      password: "hunter2",
      pin: "hunter2",
      key: '{"a":"hunter2"}',
      any: { token: "hunter2" }
    })
    assert.lengthOf(said, 4)
    assert.notInclude(said.join(), "hunter2")
  })
})
