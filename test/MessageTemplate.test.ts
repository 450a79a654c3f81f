import { assert, describe, it } from "@effect/vitest"
import { Either, Option } from "effect"
import fc from "fast-check"
import * as MessageTemplate from "../src/MessageTemplate.js"

const parse = (text: string) => Either.getOrThrow(MessageTemplate.parse(text))

/** Literal text as it is written in a template. */
const escape = (text: string) => text.replaceAll("{", "{{").replaceAll("}", "}}")

const name = fc.string({ minLength: 1 }).filter((text) => !/[{}:.[\]!]/.test(text))
const part = fc.oneof(
  fc.string().map((text) => ({ _tag: "literal" as const, text })),
  name.map((text) => ({ _tag: "parameter" as const, text }))
)

describe("parse", () => {
  it("is the inverse of escaping", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.stringMatching(/^[{}a]*$/)), (text) => {
        const template = parse(escape(text))
        assert.deepStrictEqual(template.parameters, [])
        assert.strictEqual(MessageTemplate.render(template, {}), text)
        assert.strictEqual(template.text, escape(text))
      })
    )
  })

  it("finds literal text and parameters where they are, each parameter once and in order", () => {
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const template = parse(
          parts.map(({ _tag, text }) => (_tag === "literal" ? escape(text) : `{${text}}`)).join("")
        )
        const names = parts.filter(({ _tag }) => _tag === "parameter").map(({ text }) => text)
        assert.deepStrictEqual(template.parameters, [...new Set(names)])
        const values = Object.fromEntries(names.map((each, index) => [each, `<${names.indexOf(each)} ${index}>`]))
        assert.strictEqual(
          MessageTemplate.render(template, values),
          parts.map(({ _tag, text }) => (_tag === "literal" ? text : (values[text] ?? "null"))).join("")
        )
      })
    )
  })

  it("takes a format behind a colon, which a name cannot have", () => {
    assert.deepStrictEqual(parse("{count:05d}{ratio::>8.3f}{x:}").parts, [
      { name: "count", format: "05d" },
      { name: "ratio", format: ":>8.3f" },
      { name: "x", format: "" }
    ])
  })

  const malformed: ReadonlyArray<readonly [text: string, problem: string]> = [
    ["{", "a '{' is never closed; write '{{' for a literal brace"],
    ["a {b", "a '{' is never closed; write '{{' for a literal brace"],
    ["{{{", "a '{' is never closed; write '{{' for a literal brace"],
    ["}", "there is a stray '}'; write '}}' for a literal brace"],
    ["{a}}", "there is a stray '}'; write '}}' for a literal brace"],
    ["}}}", "there is a stray '}'; write '}}' for a literal brace"],
    ["{}", "a parameter has no name"],
    ["{:d}", "a parameter has no name"],
    ["{a{b}", "there is a '{' inside the parameter '{a{b}'"],
    ["{a.b}", "the parameter name 'a.b' has a '.' in it"],
    ["{a[0]}", "the parameter name 'a[0]' has a '[' in it"],
    ["{a!r}", "the parameter name 'a!r' has a '!' in it"],
    ["{a:%H:%M}", "the format '%H:%M' of '{a}' is not known"]
  ]
  for (const [text, problem] of malformed) {
    it(`refuses '${text}' with a sentence`, () => {
      const error = Either.getOrThrow(Either.flip(MessageTemplate.parse(text)))
      assert.instanceOf(error, MessageTemplate.MalformedTemplate)
      assert.strictEqual(error.message, `The template '${text}' is malformed: ${problem}`)
    })
  }

  it("refuses what is not text", () => {
    for (const text of [undefined, null, 7, {}, [], Symbol("s"), Object.create(null), () => "x"]) {
      const result = Either.flip(MessageTemplate.parse(text as string))
      assert.match(Either.getOrThrow(result).message, /is malformed: it is not text$/)
    }
  })

  it("never throws, and never half accepts", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[{}a:.]{0,12}$/), (text) => {
        const result = MessageTemplate.parse(text)
        if (Either.isLeft(result)) return assert.isNotEmpty(result.left.problem)
        // What is accepted has every brace accounted for.
        const rebuilt = result.right.parts
          .map((each) =>
            typeof each === "string"
              ? escape(each)
              : `{${each.name}${each.format === undefined ? "" : `:${each.format}`}}`
          )
          .join("")
        assert.strictEqual(rebuilt, text)
      })
    )
  })
})

describe("render", () => {
  it("keeps text as it is, and shows everything else as JSON", () => {
    const template = parse("<{x}>")
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      ["text", "<text>"],
      ["{x}", "<{x}>"],
      ["$&", "<$&>"],
      [7, "<7>"],
      [-0, "<0>"],
      [true, "<true>"],
      [null, "<null>"],
      [undefined, "<null>"],
      [[1, "a"], '<[1,"a"]>'],
      [{ a: 1 }, '<{"a":1}>'],
      [2n, "<2>"],
      [new Date(0), "<1970-01-01T00:00:00.000Z>"],
      [Number.NaN, "<NaN>"]
    ]
    for (const [x, text] of cases) assert.strictEqual(MessageTemplate.render(template, { x }), text)
  })

  it("sees only the parameters' own values", () => {
    const template = parse("{constructor} {toString} {__proto__} {message} {hasOwnProperty}")
    assert.strictEqual(MessageTemplate.render(template, {}), "null null null null null")
    const values = JSON.parse('{"constructor":1,"toString":2,"__proto__":3,"message":4,"hasOwnProperty":5}')
    assert.strictEqual(MessageTemplate.render(template, values), "1 2 3 4 5")
  })

  it("never fails, whatever the values and formats are", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
        fc.oneof(fc.string(), fc.stringMatching(/^[<>=^+#0-9,_.sdxfe%-]{0,8}$/)).filter((text) => !/[{}]/.test(text)),
        (x, format) => {
          const template = Option.getOrUndefined(Either.getRight(MessageTemplate.parse(`{x} {x:${format}}`)))
          if (template !== undefined) assert.isString(MessageTemplate.render(template, { x }))
        }
      )
    )
  })
})
