/** Whatever stands in a catalogue, its documents keep their form. */
import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as Catalogue from "../../src/Catalogue.js"
import * as Html from "../../src/Catalogue/Html.js"

const nasty = FastCheck.constantFrom(
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "</style></script><!--",
  "]]>",
  "`",
  "``` \n```",
  "| a | b |\n| --- | --- |",
  "\\|",
  "\\",
  "[link](javascript:alert(1))",
  "![x](x)",
  "# heading",
  "\n\n# heading\n\n- list",
  "1. list",
  "&lt;&#60;",
  "\u202egnorw\u2069",
  "\u0000\u001b[2J\u0085",
  "\ud800",
  "__proto__",
  "{ip}{{}}{",
  "$&$1",
  ""
)
const text = FastCheck.oneof(
  nasty,
  FastCheck.string({ unit: "binary" }),
  FastCheck.array(FastCheck.oneof(nasty, FastCheck.string()), { maxLength: 4 }).map((parts) => parts.join(""))
)

const about = {
  extension: text,
  description: text,
  since: text,
  deprecated: text,
  fields: FastCheck.record({
    type: FastCheck.constant("object"),
    properties: FastCheck.tuple(text, text, text).map(([name, description, value]) => ({
      [`x${name}`]: { type: "string", description },
      [`y${name}`]: { enum: [value] }
    })),
    required: FastCheck.constant([])
  })
}

const error: FastCheck.Arbitrary<Catalogue.ErrorEntry> = FastCheck.record({
  id: text,
  status: FastCheck.integer({ min: 400, max: 599 }),
  reason: text,
  title: text,
  message: text,
  isDefault: FastCheck.constant(true),
  exceptions: FastCheck.tuple(text),
  ...about,
  headers: FastCheck.tuple(text).map(([value]) => ({ "x-header": value })),
  example: FastCheck.record({ error: FastCheck.record({ id: text, message: text }) })
})

const event: FastCheck.Arbitrary<Catalogue.EventEntry> = FastCheck.record({
  type: text,
  level: FastCheck.constantFrom("DEBUG" as const, "CRITICAL" as const),
  title: text,
  message: text,
  ...about,
  collapse: FastCheck.record({ withinMillis: FastCheck.constant(1000), by: FastCheck.tuple(text) })
})

const catalogue: FastCheck.Arbitrary<Catalogue.Catalogue> = FastCheck.record({
  format: FastCheck.constant("effect-registrar/catalogue" as const),
  version: FastCheck.constant(1 as const),
  errors: FastCheck.uniqueArray(error, { minLength: 1, maxLength: 3, selector: ({ id, status }) => `${status} ${id}` }),
  auditEvents: FastCheck.uniqueArray(event, { minLength: 1, maxLength: 2, selector: ({ type }) => type })
})

/** The tags with their attributes' names, but those that are there once for each paragraph, parameter or name in a text. */
const tagsOf = (html: string) =>
  Array.from(html.matchAll(/<[^>]*>/g), ([tag]) => tag.replace(/"[^"]*"/g, '""')).filter(
    (tag) => !/^<\/?(?:var|code)\b|^<p class=""/.test(tag)
  )

const invisible = /(?![\t\n])[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u

describe("a hostile catalogue", () => {
  it("is JSON", () => {
    FastCheck.assert(
      FastCheck.property(catalogue, (catalogue) => {
        assert.deepStrictEqual(Catalogue.fromJson(Catalogue.toJson(catalogue)), Either.right(catalogue))
      })
    )
  })

  it("is HTML with the tags of the program and no others", () => {
    FastCheck.assert(
      FastCheck.property(catalogue, text, (catalogue, title) => {
        const pages = [
          Catalogue.toHtml(catalogue, { title }),
          Html.errors(catalogue, { title }),
          Html.auditEvents(catalogue, { title }),
          Html.error(catalogue, catalogue.errors.slice(0, 1), { title }),
          Html.auditEvent(catalogue, catalogue.auditEvents.slice(0, 1), { title })
        ]
        for (const page of pages) {
          assert.notMatch(page, invisible)
          for (const tag of tagsOf(page)) assert.isTrue(known.has(tag), tag)
          const ids = Array.from(page.matchAll(/ id="([^"]*)"/g), ([, id]) => id)
          assert.strictEqual(new Set(ids).size, ids.length)
        }
      })
    )
  })

  it("is Markdown with a line for each thing", () => {
    FastCheck.assert(
      FastCheck.property(catalogue, text, (catalogue, title) => {
        const markdown = Catalogue.toMarkdown(catalogue, { title })
        assert.notMatch(markdown, invisible)
        const lines = markdown.split("\n")
        const headings = lines.filter((line) => /^\s{0,3}#/.test(line))
        assert.lengthOf(headings, 3 + catalogue.errors.length + catalogue.auditEvents.length)
        // Fences open and close.
        assert.lengthOf(
          lines.filter((line) => /^`{3,}(json)?$/.test(line)),
          2 * catalogue.errors.length
        )
        for (const line of lines.filter((line) => line.startsWith("|"))) {
          // Four columns or three, with one bar more.
          assert.include([4, 5], line.replace(/\\./g, "").split("|").length - 1, line)
        }
        for (const line of withoutFences(lines)) {
          if (line.includes("<a id=")) continue
          // Without code, escapes, and the links to places in the document.
          const rest = line.replace(/(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)|\\./g, "").replace(/\[\]\(#[\w.~%-]+\)/g, "")
          assert.notMatch(rest, /[<>[\]]/, line)
        }
      })
    )
  })
})

const withoutFences = (lines: ReadonlyArray<string>) => {
  let fence: string | undefined
  return lines.filter((line) => {
    const mark = /^`{3,}/.exec(line)?.[0]
    if (fence === undefined && mark !== undefined && /^`+json$/.test(line)) fence = mark
    else if (fence !== undefined && line === fence) fence = undefined
    else return fence === undefined
    return false
  })
}

/** Those of a catalogue in which nothing is hostile. */
const known = new Set(
  FastCheck.sample(catalogue, { numRuns: 20, seed: 1 }).flatMap((sample) => {
    const tame: Catalogue.Catalogue = JSON.parse(JSON.stringify(sample), (_, value: unknown) =>
      typeof value === "string" && !/^(effect-registrar|DEBUG|CRITICAL|object|string)/.test(value) ? "tame" : value
    )
    return [
      Catalogue.toHtml(tame),
      Html.errors(tame),
      Html.auditEvents(tame),
      Html.error(tame, tame.errors.slice(0, 1)),
      Html.auditEvent(tame, tame.auditEvents.slice(0, 1))
    ].flatMap(tagsOf)
  })
)

describe("a hostile file", () => {
  const entry = { id: "a", status: 400, reason: "", title: "", message: "", isDefault: true, exceptions: [] }
  const errorWith = (fields: unknown, more: object = {}) => ({ ...entry, extension: "x", fields, headers: {}, ...more })
  const eventOf = (type: string) => ({ type, level: "INFO", title: "", message: "", extension: "x", fields: {} })
  const read = (errors: ReadonlyArray<unknown>, auditEvents: ReadonlyArray<unknown> = []) =>
    Catalogue.fromJson(JSON.stringify({ format: "effect-registrar/catalogue", version: 1, errors, auditEvents }))
  const problemOf = (...given: Parameters<typeof read>) => Either.getOrThrow(Either.flip(read(...given))).message
  const diffOf = (before: unknown, after: unknown) =>
    Catalogue.diff(Either.getOrThrow(read([errorWith(before)])), Either.getOrThrow(read([errorWith(after)])))
  const object = (schema: unknown, definitions: object) => ({
    type: "object",
    properties: { a: schema },
    required: ["a"],
    $defs: definitions
  })
  const reference = (name: string) => ({ $ref: `#/$defs/${name}` })
  const dag = (leaf: string) =>
    object(
      reference("d0"),
      Object.fromEntries(
        Array.from({ length: 40 }, (_, nth) => [
          `d${nth}`,
          nth === 39 ? { type: leaf } : { anyOf: [reference(`d${nth + 1}`), { items: reference(`d${nth + 1}`) }] }
        ])
      )
    )
  const chain = (leaf: string) =>
    object(
      reference("d0"),
      Object.fromEntries(
        Array.from({ length: 5000 }, (_, nth) => [
          `d${nth}`,
          nth === 4999 ? { type: leaf } : { type: "array", items: reference(`d${nth + 1}`) }
        ])
      )
    )

  it("is refused where it is nested too deeply", () => {
    for (const levels of [300, 5000, 100_000]) {
      const nested = "[".repeat(levels) + "]".repeat(levels)
      const json = JSON.stringify({
        format: "effect-registrar/catalogue",
        version: 1,
        errors: [errorWith({ a: "NESTED" })]
      })
      const failed = Either.flip(Catalogue.fromJson(json.replace('"NESTED"', nested)))
      assert.strictEqual(Either.getOrThrow(failed).message, "it is nested deeper than 256 levels")
    }
  })

  it("is refused where something is there twice", { timeout: 2000 }, () => {
    const twice = Array.from({ length: 3000 }, () => errorWith({}))
    assert.strictEqual(problemOf(twice), "the catalogue is damaged at 'errors.1': 'a' with 400 is there twice")
    assert.strictEqual(
      problemOf([errorWith({}), errorWith({}, { status: 401 })], [eventOf("b"), eventOf("c"), eventOf("b")]),
      "the catalogue is damaged at 'auditEvents.2': 'b' is there twice"
    )
  })

  it("is compared in time, whatever refers to what", { timeout: 15_000 }, () => {
    for (const make of [dag, chain]) {
      assert.deepStrictEqual(diffOf(make("string"), make("string")), [])
      // What cannot be understood is taken for another type.
      assert.deepStrictEqual(
        diffOf(make("string"), make("number")).map(({ kind, breaks }) => ({ kind, breaks })),
        [{ kind: "field retyped", breaks: true }]
      )
      const described = { ...make("string"), description: "Another one" }
      assert.deepStrictEqual(diffOf(make("string"), described), [])
    }
  })

  it("is compared in time, however many of its Schemas are large", { timeout: 15_000 }, () => {
    const many = (leaf: string) => Array.from({ length: 200 }, (_, nth) => errorWith(dag(leaf), { id: `a${nth}` }))
    const changes = Catalogue.diff(Either.getOrThrow(read(many("string"))), Either.getOrThrow(read(many("number"))))
    assert.lengthOf(changes, 200)
  })

  it("is compared in time, however many statuses and fields it has", { timeout: 15_000 }, () => {
    const numbers = Array.from({ length: 20_000 }, (_, nth) => nth)
    const fields = {
      properties: Object.fromEntries(numbers.map((nth) => [`f${nth}`, {}])),
      required: numbers.map(String)
    }
    const all = read([errorWith(fields), ...numbers.map((status) => errorWith({}, { id: "b", status }))])
    const others = read([
      errorWith({ ...fields, title: "Another" }),
      ...numbers.map((status) => errorWith({}, { id: "b", status: -1 - status }))
    ])
    assert.lengthOf(Catalogue.diff(Either.getOrThrow(all), Either.getOrThrow(others)), 40_000)
  })
})
