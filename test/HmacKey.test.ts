import { assert, describe, it } from "@effect/vitest"
import { Chunk, Either, HashMap, Option, Redacted } from "effect"
import fc from "fast-check"
import { inspect } from "node:util"
import * as HmacKey from "../src/HmacKey.js"
import { hostileProxy, throwAlways } from "./support/hostile.js"

const secret = "correct horse battery staple, 32 bytes and more"
const keyOf = (text: string) => Either.getOrThrow(HmacKey.make(Redacted.make(text)))
const key = keyOf(secret)
const pseudonym = (value: unknown) => HmacKey.pseudonym(key, value)

const hex = (bytes: ArrayBuffer) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0")).join("")

/** By another implementation, and what the documentation says of the text. */
const expected = async (text: string) => {
  const bytes = (given: string) => new TextEncoder().encode(given)
  const imported = await crypto.subtle.importKey("raw", bytes(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign"
  ])
  const sign = async (given: string) => hex(await crypto.subtle.sign("HMAC", imported, bytes(given)))
  return `hmac-sha256:${(await sign("effect-registrar:key-id")).slice(0, 8)}:${await sign(text)}`
}

describe("a pseudonym", () => {
  it("is that of the test vector, as openssl prints it", () => {
    // printf '%s' 'ada@example.com' | openssl dgst -sha256 -hmac 'correct horse battery staple, 32 bytes and more'
    assert.strictEqual(
      pseudonym("ada@example.com"),
      "hmac-sha256:2962dd7a:e3c3dc99daaadecf0c1a21f1912c208535a90265891ecc3f5f5d3fe5d8a2bd71"
    )
  })

  it("is what Web Crypto makes of a text, and of the canonical JSON of anything else", async () => {
    for (const [value, text] of [
      ["", ""],
      ["ada@example.com", "ada@example.com"],
      ["zoë 🦡", "zoë 🦡"],
      ["\u0000\n", "\u0000\n"],
      ["\ud800", "\ufffd"],
      [42, "42"],
      [-0, "0"],
      [1e21, "1e+21"],
      [NaN, "NaN"],
      [true, "true"],
      [null, "null"],
      [123n, "123"],
      [new Date(0), "1970-01-01T00:00:00.000Z"],
      [new Uint8Array([1, 2, 3]), "AQID"],
      [[1, "a", null, undefined], '[1,"a",null,null]'],
      // RFC 8785, section 3.2.3.
      [
        { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7 },
        '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'
      ],
      [{ b: 1, a: { d: 2, c: [3, { f: 4, e: undefined }] } }, '{"a":{"c":[3,{"f":4}],"d":2},"b":1}'],
      [new Map<unknown, unknown>([["a", new Set([1])]]), '[["a",[1]]]'],
      [{ at: new Date(0), big: 1n }, '{"at":"1970-01-01T00:00:00.000Z","big":"1"}'],
      [new Error("no"), '{"message":"no","name":"Error"}'],
      [Option.some("a"), "a"],
      [[Option.some("a"), Option.none()], '["a",null]'],
      [Chunk.of("a"), '{"_id":"Chunk","values":["a"]}'],
      [HashMap.make(["a", 1]), '{"_id":"HashMap","values":[["a",1]]}']
    ] as const) {
      assert.strictEqual(pseudonym(value), await expected(text), inspect(value))
    }
  })

  it("is of what a Redacted holds, at any depth: all would be the same otherwise", () => {
    assert.strictEqual(pseudonym(Redacted.make("a")), pseudonym("a"))
    assert.strictEqual(pseudonym(Redacted.make(Redacted.make("a"))), pseudonym("a"))
    assert.strictEqual(pseudonym({ token: [Redacted.make("a")] }), pseudonym({ token: ["a"] }))
    assert.notStrictEqual(pseudonym({ token: Redacted.make("a") }), pseudonym({ token: Redacted.make("b") }))
    assert.strictEqual(pseudonym(new Map([["a", Redacted.make("b")]])), pseudonym([["a", "b"]]))
  })

  it("is the same for equal values, and for no others", () => {
    // In a JSON of its own making, so that one in the same words cannot be wrong in the same way.
    const shuffled = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(shuffled)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .map(([name, member]) => [name, shuffled(member)] as const)
                .toReversed()
            )
          : value
    const json = fc.jsonValue({ maxDepth: 3 })
    fc.assert(fc.property(json, (value) => assert.strictEqual(pseudonym(shuffled(value)), pseudonym(value))))
    fc.assert(
      fc.property(json, json, (one, other) => {
        const isText = typeof one === "string" || typeof other === "string"
        const [a, b] = [JSON.parse(JSON.stringify([one])), JSON.parse(JSON.stringify([other]))] as const
        const isSame = inspect(sorted(a), { depth: 20 }) === inspect(sorted(b), { depth: 20 })
        // A text is like the JSON that it reads as, and so they are put into lists.
        assert.strictEqual(pseudonym([one]) === pseudonym([other]), isSame)
        if (!isText) assert.strictEqual(pseudonym(one) === pseudonym(other), isSame)
      })
    )
  })

  it("is other under another key", () => {
    const other = keyOf(`${secret}!`)
    assert.notStrictEqual(other.id, key.id)
    assert.notStrictEqual(HmacKey.pseudonym(other, "a").split(":")[2], pseudonym("a").split(":")[2])
  })

  it("is none of what is too large, holds itself, or cannot be read", () => {
    const circle: Record<string, unknown> = {}
    circle["inside"] = circle
    let deep: unknown = "a"
    for (let n = 0; n < 100; n++) deep = [deep]
    let doubled: unknown = "a"
    for (let n = 0; n < 60; n++) doubled = [doubled, doubled]
    const large = "a".repeat(3 * 1024 * 1024)
    const itself = { toJSON: (): unknown => itself }
    for (const value of [
      circle,
      deep,
      doubled,
      [large],
      { [large]: 1 },
      itself,
      hostileProxy,
      [hostileProxy],
      {
        get a() {
          return throwAlways()
        }
      },
      { toJSON: throwAlways }
    ]) {
      assert.strictEqual(pseudonym(value), "<redacted>")
    }
    // A text is read once, whatever its length.
    assert.match(pseudonym(large), /^hmac-sha256:2962dd7a:[0-9a-f]{64}$/)
    assert.notStrictEqual(pseudonym(large), pseudonym(`${large}a`))
  })

  it("is made of anything without throwing", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        (value) => {
          assert.match(pseudonym(value), /^(hmac-sha256:2962dd7a:[0-9a-f]{64}|<redacted>)$/)
        }
      )
    )
    for (const value of [undefined, () => 1, Symbol("a"), Symbol.iterator]) {
      assert.match(pseudonym(value), /^hmac-sha256:2962dd7a:[0-9a-f]{64}$/)
    }
  })
})

describe("make", () => {
  const problemOf = (text: string) =>
    Either.match(HmacKey.make(Redacted.make(text)), { onLeft: ({ message }) => message, onRight: () => "nothing" })

  it("refuses what is too short, or not what it looks like, and does not show it", () => {
    assert.strictEqual(
      problemOf("hunter2"),
      "The HMAC key has 7 bytes: give at least 32 that nobody can guess, as 'openssl rand -base64 32' prints them"
    )
    assert.include(problemOf("ü".repeat(15)), "has 30 bytes")
    for (const text of [`${secret}\n`, ` ${secret}`, `${secret} `]) {
      assert.strictEqual(problemOf(text), "The HMAC key begins or ends with a blank or a line end: remove it")
    }
    assert.strictEqual(problemOf("ü".repeat(16)), "nothing")
  })

  it("keeps the key out of sight", () => {
    assert.notInclude(inspect(key, { depth: 9, showHidden: true }), "horse")
    assert.notInclude(JSON.stringify(key), "horse")
  })
})

const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === "object" && value !== null
      ? new Map(
          Object.entries(value)
            .map(([name, member]) => [name, sorted(member)] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1))
        )
      : value
