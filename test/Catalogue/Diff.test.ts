import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Schema } from "effect"
import * as ApiError from "../../src/ApiError.js"
import * as AuditEvent from "../../src/AuditEvent.js"
import * as Catalogue from "../../src/Catalogue.js"
import type * as Extension from "../../src/Extension.js"
import { extensions } from "./application.js"

interface Options {
  readonly status?: number
  readonly message?: string
  readonly fields?: Schema.Struct.Fields
  readonly headers?: Readonly<Record<string, string>>
  readonly description?: string
  readonly deprecated?: string
}

// What is known only at run time.
const makeError = (id: string, { status = 409, message = "Text", headers, ...options }: Options = {}) =>
  ApiError.make()(id, {
    ...(options as { fields: {} }),
    status,
    message,
    ...(headers === undefined ? {} : { headers: () => headers })
  }) as ApiError.Any

const catalogueOf = (
  errors: ReadonlyArray<ApiError.Any>,
  auditEvents: ReadonlyArray<AuditEvent.Any> = [],
  name = "x"
) => {
  const extension: Extension.Any = { name, errors, exceptions: [], auditEvents }
  return Effect.runSync(Catalogue.fromExtensions([extension]))
}

const say = ({ name, status, kind, breaks, detail }: Catalogue.Change) =>
  `${breaks ? "BREAKS " : ""}${name}${status === undefined ? "" : ` ${status}`}: ${kind}${detail === undefined ? "" : `: ${detail}`}`

const ofErrors = (before: ReadonlyArray<ApiError.Any>, after: ReadonlyArray<ApiError.Any>) =>
  Catalogue.diff(catalogueOf(before), catalogueOf(after)).map(say)

const ofError = (before: Options, after: Options) => ofErrors([makeError("x-a", before)], [makeError("x-a", after)])

const ofFields = (before: Schema.Struct.Fields, after: Schema.Struct.Fields) =>
  ofError({ fields: before }, { fields: after })

describe("an error", () => {
  it("that is gone breaks clients, a new one does not", () => {
    assert.deepStrictEqual(ofErrors([makeError("x-a")], [makeError("x-b")]), [
      "BREAKS x-a: removed: 409",
      "x-b: added: 409"
    ])
  })

  it("with another status breaks clients", () => {
    assert.include(ofError({ status: 409 }, { status: 410 }), "BREAKS x-a: status changed: 409 -> 410")
    assert.include(
      ofErrors(
        [makeError("x-a", { status: 404 })],
        [makeError("x-a", { status: 404 }), makeError("x-a", { status: 410 })]
      ),
      "x-a: status added: 410"
    )
    assert.include(
      ofErrors(
        [makeError("x-a", { status: 404 }), makeError("x-a", { status: 410 })],
        [makeError("x-a", { status: 404 })]
      ),
      "BREAKS x-a: status removed: 410"
    )
  })

  it("with other headers", () => {
    assert.deepStrictEqual(ofError({ headers: { a: "1", b: "2" } }, { headers: { b: "3", c: "4" } }), [
      "BREAKS x-a: header removed: a",
      "x-a: header added: c"
    ])
  })

  it("that only reads differently breaks nobody", () => {
    assert.deepStrictEqual(
      ofError(
        { message: "Old", deprecated: "Soon gone" },
        { message: "New", description: "More", deprecated: "Gone in 3.0" }
      ),
      ["x-a: message changed: New", "x-a: description changed", "x-a: deprecation changed: Gone in 3.0"]
    )
    assert.deepStrictEqual(ofError({}, { deprecated: "Use x-b" }), ["x-a: deprecated: Use x-b"])
  })

  it("may move to another extension", () => {
    const entry = catalogueOf([makeError("x-a")])
    const moved = { ...entry, errors: entry.errors.map((error) => ({ ...error, extension: "y" })) }
    assert.include(Catalogue.diff(entry, moved).map(say), "x-a: moved: x -> y")
  })
})

describe("a field", () => {
  it("that is gone breaks clients, a new one does not", () => {
    assert.deepStrictEqual(ofFields({ a: Schema.String }, { b: Schema.String }), [
      "BREAKS x-a: field removed: a",
      "x-a: field added: b"
    ])
  })

  it("of another type breaks clients", () => {
    assert.deepStrictEqual(ofFields({ a: Schema.String }, { a: Schema.Int }), [
      "BREAKS x-a: field retyped: a: text -> whole number"
    ])
    assert.deepStrictEqual(ofFields({ a: Schema.Literal("b") }, { a: Schema.Literal("b", "c") }), [
      'BREAKS x-a: field retyped: a: "b" -> "b" or "c"'
    ])
    assert.deepStrictEqual(ofFields({ a: Schema.String }, { a: Schema.NonEmptyString }), [
      "BREAKS x-a: field retyped: a: other values of text"
    ])
    const inside = (schema: Schema.Schema.AnyNoContext) => ({ a: Schema.Array(Schema.Struct({ b: schema })) })
    assert.lengthOf(ofFields(inside(Schema.Int), inside(Schema.String)), 1)
  })

  it("may come to be always there, and not the other way round", () => {
    assert.deepStrictEqual(ofFields({ a: Schema.optional(Schema.String) }, { a: Schema.String }), [
      "x-a: field made required: a"
    ])
    assert.deepStrictEqual(ofFields({ a: Schema.String }, { a: Schema.optional(Schema.String) }), [
      "BREAKS x-a: field made optional: a"
    ])
  })

  it("is the same however it is written", () => {
    const Named = Schema.Literal("b", "c").annotations({ identifier: "Named", description: "One of two" })
    assert.deepStrictEqual(ofFields({ a: Schema.Literal("b", "c") }, { a: Named }), [])
    assert.deepStrictEqual(ofFields({ a: Named }, { a: Schema.Literal("c", "b").annotations({ title: "Two" }) }), [])
    interface Tree {
      readonly children: ReadonlyArray<Tree>
    }
    const tree = (identifier: string) => {
      const Tree: Schema.Schema<Tree> = Schema.Struct({
        children: Schema.Array(Schema.suspend(() => Tree))
      }).annotations({ identifier })
      return Tree
    }
    assert.deepStrictEqual(ofFields({ a: tree("Tree") }, { a: tree("Wood") }), [])
  })

  it("may be called like a word of JSON Schema", () => {
    const fields = { description: Schema.String, $ref: Schema.String, required: Schema.Int }
    assert.deepStrictEqual(ofFields({ a: Schema.Struct(fields) }, { a: Schema.Struct(fields) }), [])
    assert.lengthOf(
      ofFields({ a: Schema.Struct(fields) }, { a: Schema.Struct({ ...fields, description: Schema.Int }) }),
      1
    )
  })
})

describe("an audit event", () => {
  const event = (type: string, level: AuditEvent.Level, fields: Schema.Struct.Fields = {}) =>
    // What is known only at run time.
    AuditEvent.make(type, { level, message: "Text", fields: fields as {} }) as AuditEvent.Any
  const ofEvents = (before: ReadonlyArray<AuditEvent.Any>, after: ReadonlyArray<AuditEvent.Any>) =>
    Catalogue.diff(catalogueOf([], before), catalogueOf([], after)).map(say)

  it("breaks its readers as an error breaks clients", () => {
    assert.deepStrictEqual(
      ofEvents(
        [event("x-a", "Info"), event("x-b", "Info", { c: Schema.Int, d: Schema.Int })],
        [event("x-b", "Warning", { c: Schema.String }), event("x-e", "Info")]
      ),
      [
        "BREAKS x-a: removed",
        "BREAKS x-b: field retyped: c: whole number -> text",
        "BREAKS x-b: field removed: d",
        "x-b: level changed: INFO -> WARNING",
        "x-e: added"
      ]
    )
  })
})

describe("diff", () => {
  const catalogue = Effect.runSync(Catalogue.fromExtensions(extensions))

  it("of a catalogue with itself is nothing", () => {
    assert.deepStrictEqual(Catalogue.diff(catalogue, catalogue), [])
    const shuffled = {
      ...catalogue,
      errors: catalogue.errors.toReversed(),
      auditEvents: catalogue.auditEvents.toReversed()
    }
    assert.deepStrictEqual(Catalogue.diff(catalogue, shuffled), [])
  })

  it("breaks exactly where something is taken away", () => {
    const some = FastCheck.subarray([...catalogue.errors])
    FastCheck.assert(
      FastCheck.property(some, some, (before, after) => {
        const changes = Catalogue.diff({ ...catalogue, errors: before }, { ...catalogue, errors: after })
        const lost = before.some((old) => !after.includes(old))
        return changes.some(({ breaks }) => breaks) === lost
      })
    )
  })
})
