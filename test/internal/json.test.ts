import { assert, describe, it } from "@effect/vitest"
import { Chunk, Option, Redacted } from "effect"
import fc from "fast-check"
import { isJson, makeAllowance, setMember, toJson, type Json } from "../../src/internal/json.js"
import { framed, stringify, stringifyMembers, toText } from "../../src/internal/jsonText.js"

describe("toJson", () => {
  it("leaves JSON as it is, in a copy", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value))
        assert.deepStrictEqual(toJson(plain), plain)
        assert.isTrue(isJson(toJson(plain)))
      })
    )
  })

  it("makes JSON of anything, which JSON.stringify gives back", () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withNullPrototype: true
        }),
        (value) => {
          const json = toJson(value)
          assert.isTrue(isJson(json))
          assert.deepStrictEqual(JSON.parse(stringify(json)), json)
        }
      )
    )
  })

  it("has a stand-in for what JSON lacks", () => {
    const cases: ReadonlyArray<readonly [unknown, Json]> = [
      [Number.NaN, "NaN"],
      [-Infinity, "-Infinity"],
      [-0, 0],
      [12n, "12"],
      [Symbol("s"), "Symbol(s)"],
      [new Date(0), "1970-01-01T00:00:00.000Z"],
      [new Date(Number.NaN), "Invalid Date"],
      [new Map([["a", 1]]), [["a", 1]]],
      [new Set([1]), [1]],
      [Uint8Array.of(1, 2), "AQI="],
      [Uint8Array.of(1, 2).buffer, "AQI="],
      [new DataView(Uint8Array.of(0, 1, 2).buffer, 1), "AQI="],
      [new RangeError("x"), { name: "RangeError", message: "x" }],
      [Redacted.make("x"), "<redacted>"],
      [{ a: undefined, b: () => 1, c: null }, { c: null }],
      [
        [undefined, () => 1],
        [null, null]
      ],
      [undefined, null],
      [() => 1, null],
      [Option.some(1), 1],
      [Option.none(), null],
      [Chunk.of(1), { _id: "Chunk", values: [1] }],
      [{ toJSON: () => ({ a: 1n }) }, { a: "1" }],
      [new URL("http://x/"), "http://x/"]
    ]
    for (const [value, json] of cases) assert.deepStrictEqual(toJson(value), json)
  })

  it("shows the same object twice, but a cycle as such", () => {
    const shared = { a: 1 }
    assert.deepStrictEqual(toJson([shared, shared]), [{ a: 1 }, { a: 1 }])
    const cycle: Record<string, unknown> = { shared }
    cycle["self"] = cycle
    assert.deepStrictEqual(toJson(cycle), { shared: { a: 1 }, self: "<circular>" })
    const set = new Set<unknown>()
    set.add(set)
    assert.deepStrictEqual(toJson(set), ["<circular>"])
  })

  it("keeps what can be read of what throws", () => {
    const value = {
      a: 1,
      get b(): string {
        throw new Error("x")
      },
      c: {
        toJSON: () => {
          throw new Error("x")
        }
      },
      d: 2
    }
    assert.deepStrictEqual(toJson(value), { a: 1, b: "<unreadable>", c: "<unreadable>", d: 2 })
  })

  it("has an end, in depth, in number and in size", () => {
    let deep: unknown = "bottom"
    for (let level = 0; level < 10_000; level++) deep = [deep]
    assert.include(stringify(toJson(deep)), "<too deep>")
    const wide = toJson(Array(1_000_000).fill(0))
    assert.isTrue(Array.isArray(wide) && wide.length < 200_000 && wide.at(-1) === "<too large>")
    const large = "x".repeat(1 << 20)
    assert.deepStrictEqual(toJson([large, large, large, "small"]), [large, large, "<too large>", "small"])
    assert.deepStrictEqual(toJson({ [large + large + large]: 1 }), { "<too large>": "<too large>" })
  })

  it("shares its allowance with others that are given it", () => {
    const allowance = makeAllowance()
    const large = "x".repeat(1 << 20)
    assert.strictEqual(toJson(large, allowance), large)
    assert.strictEqual(toJson(large, allowance), large)
    assert.strictEqual(toJson(large, allowance), "<too large>")
  })

  it("keeps a member with the name __proto__ as a member", () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1}}')
    const json = toJson(value)
    assert.strictEqual(stringify(json), '{"__proto__":{"a":1}}')
    assert.notProperty(json, "a")
    const target: Record<string, Json> = {}
    setMember(target, "__proto__", 1)
    setMember(target, "a", 2)
    assert.strictEqual(stringify(target), '{"__proto__":1,"a":2}')
  })
})

describe("toText", () => {
  it("is the text of what is text in JSON, and the JSON of everything else", () => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      ["a", "a"],
      [Redacted.make("x"), "<redacted>"],
      [new Date(0), "1970-01-01T00:00:00.000Z"],
      [1, "1"],
      [["a"], '["a"]']
    ]
    for (const [value, text] of cases) assert.strictEqual(toText(value), text)
  })
})

describe("stringify", () => {
  it("is one line for every reader, and gives the same value back", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
        (text) => {
          const line = stringify([text])
          assert.notMatch(line, /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u)
          assert.isNull(/\p{Surrogate}/u.exec(line))
          assert.deepStrictEqual(JSON.parse(line), [text])
        }
      ),
      { numRuns: 1_000 }
    )
  })
})

describe("what is put together", () => {
  const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
  const escape = (char: string) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0")
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom("a", '"', "\\", "\n", "\u0000", "\u001f", " ", "~", "\u007f", "\u009f", "\u00a0", "é")
    }),
    fc.string({
      unit: fc.constantFrom("\u061c", "\u200e", "\u2029", "\u202e", "\u2066", "\ufeff", "\ud83d", "\ude00", "😀")
    })
  )
  const value = fc.oneof(text, fc.double(), fc.boolean(), fc.constant(null), fc.jsonValue()) as fc.Arbitrary<Json>

  it("is what JSON.stringify makes of it as a whole, with what is unsafe escaped", () => {
    const whole = (value: unknown) => JSON.stringify(value).replace(unsafe, escape)
    fc.assert(
      fc.property(value, (value) => assert.strictEqual(stringify(value), whole(value))),
      { numRuns: 1000 }
    )
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(text, fc.constantFrom("__proto__", "1", "0")), value), (members) =>
        assert.strictEqual(stringifyMembers(members), whole(members))
      ),
      { numRuns: 1000 }
    )
    const inBrackets = framed("[", "]")
    fc.assert(
      fc.property(text, (text) => {
        for (let times = 0; times < 2; times++) assert.strictEqual(inBrackets(text), `[${whole(text)}]`)
      })
    )
  })
})

describe("isJson", () => {
  it("refuses what has no JSON form of its own", () => {
    const cycle: Array<unknown> = []
    cycle.push(cycle)
    for (const value of [
      undefined,
      () => 1,
      1n,
      Symbol("s"),
      Number.NaN,
      Infinity,
      new Date(),
      new Map(),
      [undefined],
      { a: 1n }
    ]) {
      assert.isFalse(isJson(value))
    }
    assert.isTrue(isJson([null, true, 1, "x", { a: [] }]))
    assert.isTrue(isJson(cycle))
  })
})
