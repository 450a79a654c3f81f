import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Effect,
  Either,
  HashMap,
  HashSet,
  List,
  Option,
  Order,
  Redacted,
  Schema,
  SortedSet
} from "effect"
import { inspect } from "node:util"
import * as ApiError from "../src/ApiError.js"
import * as AuditEvent from "../src/AuditEvent.js"
import * as AuditRecord from "../src/AuditRecord.js"
import * as Catalogue from "../src/Catalogue.js"
import * as Extension from "../src/Extension.js"
import * as HmacKey from "../src/HmacKey.js"
import * as MessageTemplate from "../src/MessageTemplate.js"
import * as Privacy from "../src/Privacy.js"

const hmacKey = Either.getOrThrow(HmacKey.make(Redacted.make("correct horse battery staple, 32 bytes and more")))
const given = { source: "test", date: "2026-01-31T12:00:00.000Z" }
const secret = "hunter2"
const token = HmacKey.pseudonym(hmacKey, secret)

/** What the record of an event says of one field, which its message names. */
const written = (field: Schema.Struct.Field, value: unknown, surroundings: object = { hmacKey }) => {
  const event = AuditEvent.make("test-event" as string, {
    level: "Info",
    message: "it is {field}" as string,
    fields: { field } as Schema.Struct.Fields
  })
  const { misfits, record } = AuditRecord.fromEvent(event, { field: value }, { ...given, ...surroundings })
  return { details: record.event.details, message: record.message, line: record.line, misfits }
}

/** What stands in the place of a value that fits. */
const detail = (field: Schema.Struct.Field, value: unknown): unknown => {
  const { details, line, misfits } = written(field, value)
  assert.notInclude(line, secret)
  assert.deepStrictEqual(misfits, [])
  return details["field"]
}

describe("omit", () => {
  it("leaves the field out, and says so in the message", () => {
    const { details, message, misfits } = written(Schema.String.pipe(Privacy.omit), secret)
    assert.deepStrictEqual(details, {})
    assert.strictEqual(message, "it is <omitted>")
    assert.deepStrictEqual(misfits, [])
  })

  it("says the same where there is no value, and whatever was done to the Schema since", () => {
    const Hidden = Schema.String.pipe(Privacy.omit)
    for (const field of [
      Schema.optional(Hidden).pipe(Privacy.omit),
      Schema.optionalWith(Hidden, { exact: true }),
      Schema.optionalWith(Schema.String, { default: () => "" }).pipe(Privacy.omit)
    ]) {
      for (const value of [undefined, secret]) assert.strictEqual(written(field, value).message, "it is <omitted>")
    }
    for (const field of [
      Hidden.pipe(Schema.minLength(1)),
      Schema.suspend(() => Hidden),
      Schema.compose(Hidden, Schema.Trimmed)
    ]) {
      const { details, message } = written(field, secret)
      assert.deepStrictEqual([details, message], [{}, "it is <omitted>"])
    }
  })

  it("leaves members out, and puts null in the place of items", () => {
    const Hidden = Schema.String.pipe(Privacy.omit)
    assert.deepStrictEqual(detail(Schema.Struct({ a: Schema.Int, b: Hidden }), { a: 1, b: secret }), { a: 1 })
    assert.deepStrictEqual(detail(Schema.Array(Hidden), [secret, secret]), [null, null])
    assert.deepStrictEqual(detail(Schema.Tuple(Schema.Int, Hidden, Schema.Int), [1, secret, 2]), [1, null, 2])
    assert.deepStrictEqual(detail(Schema.Record({ key: Schema.String, value: Hidden }), { a: secret }), {})
    assert.isUndefined(detail(Schema.NullOr(Hidden), secret))
    assert.isNull(detail(Schema.NullOr(Hidden), null))
  })

  it("leaves out what does not fit as well", () => {
    const { details, line, message, misfits } = written(Schema.Int.pipe(Privacy.omit), secret)
    assert.deepStrictEqual(details, {})
    assert.strictEqual(message, "it is <omitted>")
    assert.deepStrictEqual(misfits, ["field (field: Type)"])
    assert.notInclude(line, secret)
  })
})

describe("mask", () => {
  it("is the same for everything but what is not there", () => {
    for (const [schema, value] of [
      [Schema.String, secret],
      [Schema.String, ""],
      [Schema.Number, 42],
      [Schema.NullOr(Schema.String), null],
      [Schema.Struct({ a: Schema.String }), { a: secret }],
      [Schema.Array(Schema.String), [secret]],
      [Schema.Redacted(Schema.String), Redacted.make(secret)],
      [Schema.Unknown, new Map([[secret, secret]])]
    ] as const) {
      const field = Schema.make(schema.ast).pipe(Privacy.mask)
      assert.strictEqual(detail(field, value), "<redacted>")
      assert.strictEqual(written(field, value).message, "it is <redacted>")
    }
    assert.isUndefined(detail(Schema.optional(Schema.String).pipe(Privacy.mask), undefined))
    assert.isUndefined(detail(Schema.UndefinedOr(Schema.String).pipe(Privacy.mask), undefined))
  })
})

describe("keepLast", () => {
  const kept = (text: unknown, characters = 4) =>
    written(Schema.Unknown.pipe(Privacy.keepLast(characters)), text).details["field"]

  it("shows the end of a text, where that is no more than a quarter of it", () => {
    assert.strictEqual(kept("4111111111111234"), "<redacted>1234")
    assert.strictEqual(kept("411111111111234"), "<redacted>")
    assert.strictEqual(kept("1234", 1), "<redacted>4")
    assert.strictEqual(kept("123", 1), "<redacted>")
    assert.strictEqual(kept(""), "<redacted>")
    assert.strictEqual(written(Schema.String.pipe(Privacy.keepLast(2)), "12345678").message, "it is <redacted>78")
  })

  it("counts what readers take for characters, and cuts none", () => {
    const family = "👩‍👩‍👧‍👦"
    assert.strictEqual(kept(`${"a".repeat(60)}b${family}`, 2), `<redacted>b${family}`)
    // Three of them are no twelve, however long they are in another count.
    assert.strictEqual(kept(family.repeat(3), 1), "<redacted>")
    // Few in number, and yet most of the text.
    assert.strictEqual(kept(`aaa${family}`, 1), "<redacted>")
    assert.strictEqual(kept(`aaaaaaaa\ud83d\ude00`, 1), "<redacted>\ud83d\ude00")
    assert.strictEqual(kept("aaaa\ud83d", 1), "<redacted>\ud83d")
    assert.strictEqual(kept("aaaaaae\u0301", 1), "<redacted>e\u0301")
  })

  it("shows nothing of what is no text, or for a number that is none", () => {
    for (const value of [4111111111111234, ["4111111111111234"], { a: "4111111111111234" }, null, true]) {
      assert.strictEqual(kept(value), "<redacted>")
    }
    for (const characters of [0, -1, 1.5, NaN, Infinity])
      assert.strictEqual(kept("a".repeat(100), characters), "<redacted>")
  })

  it("shows the end of what is inside of a Redacted, whose author wants that", () => {
    const card = Redacted.make("4111111111111234")
    assert.strictEqual(detail(Schema.Redacted(Schema.String).pipe(Privacy.keepLast(4)), card), "<redacted>1234")
    assert.strictEqual(detail(Schema.RedactedFromSelf(Schema.String).pipe(Privacy.keepLast(4)), card), "<redacted>1234")
  })

  it("takes no longer for a long text", () => {
    assert.strictEqual(kept(`${"👩‍👩‍👧‍👦".repeat(200_000)}1234`), "<redacted>1234")
    // One character to a reader.
    assert.strictEqual(kept(`${"a".repeat(20)}${"\u0301".repeat(1_000_000)}`, 1), "<redacted>")
  })
})

describe("hmac", () => {
  it("is the pseudonym of the encoded form, the same in every field and event", () => {
    assert.strictEqual(detail(Schema.String.pipe(Privacy.hmac), secret), token)
    assert.strictEqual(written(Schema.String.pipe(Privacy.hmac), secret).message, `it is ${token}`)
    const pseudonym = (value: unknown) => HmacKey.pseudonym(hmacKey, value)
    assert.strictEqual(detail(Schema.Date.pipe(Privacy.hmac), new Date(0)), pseudonym("1970-01-01T00:00:00.000Z"))
    assert.strictEqual(detail(Schema.NumberFromString.pipe(Privacy.hmac), 42), pseudonym("42"))
    assert.strictEqual(
      detail(Schema.Struct({ b: Schema.Int, a: Schema.String }).pipe(Privacy.hmac), { b: 1, a: secret }),
      pseudonym({ a: secret, b: 1 })
    )
    assert.strictEqual(detail(Schema.DateFromSelf.pipe(Privacy.hmac), new Date(0)), pseudonym(new Date(0)))
    assert.strictEqual(detail(Schema.NullOr(Schema.String).pipe(Privacy.hmac), null), pseudonym(null))
    assert.isUndefined(detail(Schema.optional(Schema.String).pipe(Privacy.hmac), undefined))
  })

  it("is of what is inside of a Redacted", () => {
    for (const schema of [
      Schema.Redacted(Schema.String).pipe(Privacy.hmac),
      Schema.Redacted(Schema.String.pipe(Privacy.hmac)),
      Schema.RedactedFromSelf(Schema.String).pipe(Privacy.hmac),
      Schema.optional(Schema.Redacted(Schema.String)).pipe(Privacy.hmac)
    ]) {
      assert.strictEqual(detail(schema, Redacted.make(secret)), token)
    }
    const Account = Schema.Struct({ name: Schema.String, key: Schema.RedactedFromSelf(Schema.String) })
    const account = (key: string) => detail(Account.pipe(Privacy.hmac), { name: "ada", key: Redacted.make(key) })
    assert.notStrictEqual(account("one"), account("other"))
    assert.strictEqual(account("one"), HmacKey.pseudonym(hmacKey, { name: "ada", key: "one" }))
  })

  it("is masked without a key", () => {
    const { details, message } = written(Schema.String.pipe(Privacy.hmac), secret, {})
    assert.deepStrictEqual(details, { field: "<redacted>" })
    assert.strictEqual(message, "it is <redacted>")
  })

  it("is masked where the value does not fit", () => {
    const { details, line, misfits } = written(Schema.Int.pipe(Privacy.hmac), secret)
    assert.deepStrictEqual(details, { field: "<redacted>" })
    assert.deepStrictEqual(misfits, ["field (field: Type)"])
    assert.notInclude(line, secret)
  })

  it("is another one under another key, in the same event", () => {
    const field = Schema.String.pipe(Privacy.hmac)
    const event = AuditEvent.make("test-event", { level: "Info", message: "", fields: { field } })
    const other = Either.getOrThrow(HmacKey.make(Redacted.make("another one that also has 32 bytes or more")))
    for (const key of [hmacKey, other, undefined, hmacKey]) {
      const { record } = AuditRecord.fromEvent(event, { field: secret }, { ...given, hmacKey: key })
      const expected = key === undefined ? "<redacted>" : HmacKey.pseudonym(key, secret)
      assert.deepStrictEqual(record.event.details, { field: expected })
    }
  })
})

describe("a mark", () => {
  const Token = Schema.String.pipe(Privacy.hmac)

  it("counts wherever it stands", () => {
    class Login extends Schema.Class<Login>("Login")({ user: Schema.String, token: Token }) {}
    class Data extends Schema.TaggedClass<Data>()("Data", { inside: Login }) {}
    interface Tree {
      readonly token: string
      readonly inside: ReadonlyArray<Tree>
    }
    const Tree = Schema.Struct({
      token: Token,
      inside: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => Tree))
    })
    const login = { user: "ada", token: secret }
    const shown = { user: "ada", token }
    for (const [field, value, expected] of [
      [Schema.optional(Token), secret, token],
      [Schema.optional(Schema.String).pipe(Privacy.hmac), secret, token],
      [Schema.optionalWith(Token, { default: () => "" }), secret, token],
      [Schema.optionalWith(Schema.String, { default: () => "" }).pipe(Privacy.hmac), secret, token],
      [Schema.optionalWith(Token, { as: "Option" }), Option.some(secret), token],
      [Schema.optionalWith(Token, { nullable: true, exact: true }), secret, token],
      [Schema.Struct({ token: Token, user: Schema.String }), login, shown],
      [Schema.Struct({ token: Schema.optionalWith(Token, { default: () => "" }), user: Schema.String }), login, shown],
      [Schema.Struct({ user: Schema.String }, { key: Schema.String, value: Token }), login, shown],
      [Schema.Array(Token), [secret], [token]],
      [Schema.NonEmptyArray(Token), [secret], [token]],
      [Schema.Tuple(Schema.Int, Token), [1, secret], [1, token]],
      [Schema.Tuple([Schema.optionalElement(Token)], Schema.Int), [secret, 1], [token, 1]],
      [Schema.Record({ key: Schema.String, value: Token }), { a: secret }, { a: token }],
      [Schema.Union(Schema.Int, Token), secret, token],
      [Schema.Union(Token, Schema.Int), 1, 1],
      [Schema.NullOr(Token), null, null],
      [Schema.Option(Token), Option.some(secret), { _tag: "Some", value: token }],
      [Schema.OptionFromSelf(Token), Option.some(secret), token],
      [Schema.OptionFromNullOr(Token), Option.some(secret), token],
      [Schema.Either({ left: Token, right: Schema.Int }), Either.left(secret), { _tag: "Left", left: token }],
      [Schema.Set(Token), new Set([secret]), [token]],
      [Schema.ReadonlySetFromSelf(Token), new Set([secret]), [token]],
      [Schema.Map({ key: Token, value: Token }), new Map([[secret, secret]]), [[token, token]]],
      [Schema.ReadonlyMapFromSelf({ key: Schema.String, value: Token }), new Map([["a", secret]]), [["a", token]]],
      [Schema.Chunk(Token), Chunk.of(secret), [token]],
      [Schema.ChunkFromSelf(Token), Chunk.of(secret), { _id: "Chunk", values: [token] }],
      [Schema.List(Token), List.of(secret), [token]],
      [Schema.HashSet(Token), HashSet.make(secret), [token]],
      [Schema.HashMap({ key: Schema.String, value: Token }), HashMap.make(["a", secret]), [["a", token]]],
      [Schema.SortedSet(Token, Order.string), SortedSet.make(Order.string)(secret), [token]],
      [Schema.ArrayEnsure(Token), [secret], token],
      [Schema.Cause({ error: Token, defect: Schema.Defect }), Cause.fail(secret), { _tag: "Fail", error: token }],
      [Login, new Login(login), shown],
      [Login, login, shown],
      [Data, new Data({ inside: new Login(login) }), { _tag: "Data", inside: shown }],
      [Tree, { token: secret, inside: [{ token: secret, inside: [] }] }, { token, inside: [{ token, inside: [] }] }],
      [Schema.suspend(() => Token), secret, token],
      [Token.pipe(Schema.minLength(2), Schema.maxLength(9)), secret, token],
      [Token.pipe(Schema.brand("Token")), secret, token],
      [Schema.Lowercase.pipe(Privacy.hmac), secret, token],
      [Schema.compose(Token, Schema.Trimmed), secret, token],
      [Schema.compose(Schema.Trim, Token), secret, token],
      [Schema.parseJson(Schema.Struct({ token: Token })), { token: secret }, `{"token":"${token}"}`],
      [Schema.Struct({ a: Token, b: Token }).pipe(Schema.pick("a")), { a: secret }, { a: token }],
      [Schema.partial(Schema.Struct({ a: Token })), { a: secret }, { a: token }],
      [
        Schema.extend(Schema.Struct({ a: Token }), Schema.Struct({ b: Schema.Int })),
        { a: secret, b: 1 },
        { a: token, b: 1 }
      ],
      [Schema.rename(Schema.Struct({ was: Token }), { was: "is" }), { is: secret }, { was: token }],
      [Schema.mutable(Schema.Struct({ a: Token })), { a: secret }, { a: token }],
      [Schema.Struct({ a: Token }).annotations({ title: "Other" }), { a: secret }, { a: token }]
    ] as ReadonlyArray<readonly [Schema.Struct.Field, unknown, unknown]>) {
      assert.deepStrictEqual(detail(field, value), expected, String(field))
    }
  })

  it("masks the whole of what nobody can look into", () => {
    class Login extends Schema.Class<Login>("Login")({ user: Schema.String, token: Token }) {}
    const Joined = Schema.transform(Schema.String, Schema.Struct({ token: Token }), {
      strict: true,
      decode: (token) => ({ token }),
      encode: ({ token }) => `token=${token}`
    })
    const Own = Schema.declare([Token], { decode: () => ParseOk, encode: () => ParseOk }, { identifier: "Own" })
    for (const [field, value] of [
      [Joined, { token: secret }],
      [Schema.Struct({ a: Joined }), { a: { token: secret } }],
      [Schema.typeSchema(Login), new Login({ user: "ada", token: secret })],
      [Own, { held: secret }],
      [
        Schema.optionalToRequired(Schema.String, Schema.Struct({ token: Token }), {
          decode: () => ({ token: "" }),
          encode: ({ token }) => Option.some(token)
        }),
        { token: secret }
      ],
      [Schema.Record({ key: Token, value: Schema.Int }), { [secret]: 1 }],
      [Schema.TemplateLiteral("Bearer ", Token), `Bearer ${secret}`],
      [Schema.TemplateLiteralParser("Bearer ", Token), ["Bearer ", secret]],
      [Schema.RedactedFromSelf(Schema.Struct({ a: Token })), Redacted.make({ a: secret })]
    ] as ReadonlyArray<readonly [Schema.Struct.Field, unknown]>) {
      const shown = JSON.stringify(detail(field, value))
      assert.include(['"<redacted>"', '{"a":"<redacted>"}'], shown, String(field))
    }
  })

  it("keeps what is Redacted beside it, and the other way round", () => {
    class Login extends Schema.Class<Login>("Login")({
      key: Schema.RedactedFromSelf(Schema.String),
      number: Schema.NumberFromString.pipe(Privacy.omit),
      token: Token
    }) {}
    const key = Redacted.make(secret)
    const login = new Login({ key, number: 42424242, token: secret })
    const Plain = Schema.Struct({ ...Login.fields })
    for (const [field, value] of [
      [Login, login],
      [Schema.Option(Login), Option.some(login)],
      [Schema.OptionFromNullOr(Plain), Option.some(login)],
      [Schema.Chunk(Plain), Chunk.of(login)],
      [Schema.Map({ key: Schema.String, value: Login }), new Map([["a", login]])]
    ] as ReadonlyArray<readonly [Schema.Struct.Field, unknown]>) {
      const shown = JSON.stringify(detail(field, value))
      assert.include(shown, "<redacted>")
      assert.notInclude(shown, "42424242")
    }
    const Both = Schema.Struct({ key: Schema.Redacted(Schema.String), token: Token })
    assert.deepStrictEqual(detail(Both, { key, token: secret }), { key: "<redacted>", token })
  })

  it("gives way to one that is put around it, or on it, later", () => {
    assert.strictEqual(detail(Token.pipe(Privacy.mask), secret), "<redacted>")
    assert.strictEqual(detail(Schema.String.pipe(Privacy.omit, Schema.minLength(1), Privacy.hmac), secret), token)
    assert.isUndefined(detail(Schema.Struct({ a: Token }).pipe(Privacy.omit), { a: secret }))
  })

  it("of another version is a mask", () => {
    const id = Symbol.for("effect-registrar/Privacy/Mark")
    for (const mark of [{ how: "shred" }, {}, "omit", 1]) {
      assert.strictEqual(detail(Schema.String.annotations({ [id]: mark }), secret), "<redacted>")
    }
  })

  it("masks all of a field in which something does not fit, and tells no keys that are secrets", () => {
    const Login = Schema.Struct({ user: Schema.String, token: Token })
    const wrong = written(Login, { user: 42, token: secret })
    assert.deepStrictEqual(wrong.details, { field: "<redacted>" })
    assert.deepStrictEqual(wrong.misfits, ["field (field.user: Type)"])
    const keyed = written(Schema.Record({ key: Token, value: Schema.Int }), { [secret]: "no number" })
    assert.deepStrictEqual(keyed.misfits, ["field (field: Type)"])
    const inner = written(Schema.Record({ key: Schema.String, value: Schema.Int }).pipe(Privacy.hmac), {
      [secret]: "x"
    })
    assert.deepStrictEqual(inner.misfits, ["field (field: Type)"])
  })

  it("counts for a value that is given under the name on the wire", () => {
    const event = AuditEvent.make("test-event" as string, {
      level: "Info",
      message: "",
      fields: { is: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("was"), Privacy.mask) }
    })
    const params = { is: "a", was: secret }
    assert.deepStrictEqual(AuditRecord.fromEvent(event, params, given).record.event.details, { was: "<redacted>" })
    assert.deepStrictEqual(AuditRecord.fromEvent(event, { was: secret }, given).record.event.details, {})
  })

  it("changes nothing elsewhere", () => {
    const Login = Schema.Struct({ token: Token, pin: Schema.NumberFromString.pipe(Privacy.omit) })
    const login = Schema.decodeUnknownSync(Login)({ token: secret, pin: "42" })
    assert.deepStrictEqual(login, { token: secret, pin: 42 })
    assert.deepStrictEqual(Schema.encodeSync(Login)(login), { token: secret, pin: "42" })
  })

  it("survives Schemas that throw", () => {
    const Throwing = Schema.String.pipe(
      Schema.filter(() => {
        throw new Error(secret)
      })
    )
    for (const mark of [Privacy.mask, Privacy.hmac, Privacy.keepLast(1)]) {
      const { details, line } = written(Schema.make(Throwing.ast).pipe(mark), secret)
      assert.deepStrictEqual(details, { field: "<redacted>" })
      assert.notInclude(line, secret)
    }
  })
})

const ParseOk = (input: unknown) => Effect.succeed(input)

describe("an error", () => {
  class Denied extends ApiError.make<Denied>()("auth-denied", {
    status: 403,
    message: "{user} with {token}, {card}, {password} and {pin:04d}",
    fields: {
      user: Schema.String,
      token: Schema.String.pipe(Privacy.hmac),
      card: Schema.String.pipe(Privacy.keepLast(4)),
      password: Schema.Redacted(Schema.String).pipe(Privacy.omit),
      pin: Schema.Int.pipe(Privacy.mask),
      at: Schema.Date
    }
  }) {}
  const denied = new Denied({
    user: "ada",
    token: secret,
    card: "4111111111111234",
    password: Redacted.make(secret),
    pin: 4242,
    at: new Date(0)
  })
  const message = "ada with <redacted>, <redacted>1234, <omitted> and <redacted>"

  it("answers without what is marked: pseudonyms are for the trail", () => {
    const answer = Denied.answer(denied)
    assert.strictEqual(denied.message, message)
    assert.deepStrictEqual(JSON.parse(answer.body), {
      error: {
        id: "auth-denied",
        message,
        details: {
          user: "ada",
          token: "<redacted>",
          card: "<redacted>1234",
          pin: "<redacted>",
          at: "1970-01-01T00:00:00.000Z"
        }
      }
    })
    assert.deepStrictEqual(answer.problems, [])
    const wording = Either.getOrThrow(MessageTemplate.parse("{password}, {token}"))
    assert.strictEqual(Denied.answer(denied, wording).message, "<omitted>, <redacted>")
  })

  it("is not printed with it, and has it all the same", () => {
    for (const text of [inspect(denied), JSON.stringify(denied), Cause.pretty(Cause.fail(denied)), String(denied)]) {
      assert.notInclude(text, secret)
      assert.notInclude(text, "4242")
    }
    assert.include(inspect(denied), "ada")
    assert.strictEqual(denied.token, secret)
    assert.strictEqual(denied.pin, 4242)
  })

  it("is read by a client as it was sent", () => {
    const body = JSON.parse(Denied.answer(denied).body)
    const read = Schema.decodeUnknownSync(Denied)(body)
    assert.instanceOf(read, Denied)
    assert.strictEqual(read.user, "ada")
    assert.strictEqual(read.message, message)
    assert.strictEqual(read.token, "<redacted>")
    assert.isUndefined(read.password)
    assert.deepStrictEqual(read.at, new Date(0))
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Schema.encodeSync(Denied)(denied))), body)
  })

  it("is read by a client even where a type was lost", () => {
    class Lost extends ApiError.make<Lost>()("auth-lost", {
      status: 403,
      message: "Lost",
      fields: { pin: Schema.OptionFromNullOr(Schema.Int.pipe(Privacy.mask)) }
    }) {}
    const { body } = Lost.answer(new Lost({ pin: Option.some(4242) }))
    assert.strictEqual(body, '{"error":{"id":"auth-lost","message":"Lost","details":{"pin":"<redacted>"}}}')
    const read = Schema.decodeUnknownSync(Lost)(JSON.parse(body))
    assert.strictEqual(read.message, "Lost")
    assert.isTrue(Either.isLeft(Schema.decodeUnknownEither(Lost)({ error: { id: "other", message: "" } })))
    // Others are read as before.
    class Plain extends ApiError.make<Plain>()("auth-plain", {
      status: 403,
      message: "",
      fields: { n: Schema.Int }
    }) {}
    const wrong = { error: { id: "auth-plain", message: "", details: { n: "1" } } }
    assert.isTrue(Either.isLeft(Schema.decodeUnknownEither(Plain)(wrong)))
  })

  it("may be of Schemas that come later", () => {
    class Early extends ApiError.make<Early>()("auth-early", {
      status: 403,
      message: "{token}",
      fields: { token: Schema.suspend(() => Later), all: Schema.Option(Schema.suspend(() => Later)) }
    }) {}
    const early = new Early({ token: secret, all: Option.some(secret) })
    const Later = Schema.String.pipe(Privacy.mask)
    assert.strictEqual(early.message, "<redacted>")
    assert.notInclude(Early.answer(early).body, secret)
    assert.notInclude(JSON.stringify(Schema.encodeSync(Early)(early)), secret)
  })
})

describe("documents", () => {
  const secretExample = "ada@example.com"
  class Login extends Schema.Class<Login>("Login")({
    user: Schema.String,
    token: Schema.String.annotations({ examples: [secretExample] }).pipe(Privacy.mask)
  }) {}
  const fields = {
    omitted: Schema.String.annotations({ examples: [secretExample], description: "Nobody's business" }).pipe(
      Privacy.omit
    ),
    masked: Schema.optional(Schema.String.annotations({ examples: [secretExample] })).pipe(Privacy.mask),
    pseudonym: Schema.Date.pipe(Privacy.hmac),
    defaulted: Schema.optionalWith(Schema.String.annotations({ examples: [secretExample] }), {
      default: () => secretExample
    })
      .pipe(Privacy.mask)
      .annotations({ examples: [secretExample], description: "Has a default" }),
    inside: Schema.Struct({
      a: Schema.Int,
      b: Schema.String.pipe(Privacy.omit),
      c: Schema.String.pipe(Privacy.hmac)
    }).annotations({ examples: [{ a: 1, b: secretExample, c: secretExample }] }),
    login: Login,
    overridden: Schema.Struct({ token: Schema.String.pipe(Privacy.mask) }).annotations({
      jsonSchema: { type: "object", const: secretExample }
    }),
    plain: Schema.Int
  }
  const catalogue = Effect.runSync(
    Catalogue.fromExtensions([
      Extension.make("test", {
        errors: [ApiError.make()("test-error", { status: 400, message: "{masked}", fields })],
        auditEvents: [AuditEvent.make("test-event", { level: "Info", message: "{masked}", fields })]
      })
    ])
  )

  it("say what becomes of a field, and show no values of it", () => {
    const all = [Catalogue.toJson(catalogue), Catalogue.toMarkdown(catalogue), Catalogue.toHtml(catalogue)]
    for (const document of all) assert.notInclude(document, secretExample)

    const markdown = Catalogue.toMarkdown(catalogue)
    const section = (name: string) => markdown.slice(markdown.indexOf(`### <a id="${name}">`)).split("\n### ")[0]!
    const rows = (name: string) =>
      section(name)
        .split("\n")
        .filter((line) => line.startsWith("| `"))
        .map((line) =>
          line
            .split("|")
            .slice(1, -1)
            .map((cell) => cell.trim())
        )
    const common = [
      ["`omitted`", "left out", "Nobody's business"],
      ["`masked`", "text, masked, optional", ""]
    ]
    assert.deepStrictEqual(rows("test-event"), [
      ...common,
      ["`pseudonym`", "text, pseudonymised", ""],
      ["`defaulted`", "text, masked, optional", "Has a default"],
      ["`inside`", "{ a: whole number, b: left out, c: text, pseudonymised }", ""],
      ["`login`", "{ user: text, token: text, masked }", ""],
      ["`overridden`", "{ token: text, masked }", ""],
      ["`plain`", "whole number", ""]
    ])
    assert.deepStrictEqual(rows("test-error"), [
      ...common,
      ["`pseudonym`", "text, masked", ""],
      ["`defaulted`", "text, masked, optional", "Has a default"],
      ["`inside`", "{ a: whole number, b: left out, c: text, masked }", ""],
      ["`login`", "{ user: text, token: text, masked }", ""],
      ["`overridden`", "{ token: text, masked }", ""],
      ["`plain`", "whole number", ""]
    ])
    assert.include(Catalogue.toHtml(catalogue), "<td>left out</td>")
  })

  it("have an example that is the error's own answer", () => {
    const [error] = catalogue.errors
    assert.deepInclude(error?.example, {
      error: {
        id: "test-error",
        message: "<redacted>",
        details: {
          masked: "<redacted>",
          pseudonym: "<redacted>",
          defaulted: "<redacted>",
          inside: { a: 1, c: "<redacted>" },
          login: { user: "text", token: "<redacted>" },
          overridden: { token: "<redacted>" },
          plain: 1
        }
      }
    })
  })

  it("do not demand what is left out", () => {
    const { required } = catalogue.auditEvents[0]?.fields ?? {}
    assert.deepStrictEqual(required, ["pseudonym", "inside", "login", "overridden", "plain"])
  })

  it("are read again", () => {
    assert.deepStrictEqual(Catalogue.fromJson(Catalogue.toJson(catalogue)), Either.right(catalogue))
  })
})
